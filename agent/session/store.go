package session

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Store keeps documents. Implementations are safe for concurrent use, keep nothing that a caller may change, and end
// with an error when ctx does. A path is one that [Conversations] made. What is not there is no error for any method:
// it is read as nothing, and deleted without effect.
type Store interface {
	// Server returns where the store is, for the spans; "" for one in this process. It does not wait.
	Server() (address string, port int)

	// Create stores a turn that must not be there yet: of any number of callers with one path and number exactly one
	// gets nil, the others ErrExists. A call whose first attempt was stored and whose answer got lost gets nil.
	Create(ctx context.Context, path string, t *Turn) error
	// Put stores a turn, whether it is there or not.
	Put(ctx context.Context, path string, t *Turn) error
	// Turns returns turns, the one with the highest number first. Reading ends when the caller stops.
	Turns(ctx context.Context, path string, q Query) iter.Seq2[*Turn, error]
	// Delete removes one turn.
	Delete(ctx context.Context, path string, number int) error
	// DeleteTurns removes all turns but one (0: all). When it fails, some may be gone.
	DeleteTurns(ctx context.Context, path string, except int) error

	// PutFact stores a fact, whether it is there or not.
	PutFact(ctx context.Context, path string, f *Fact) error
	// Facts returns at most limit facts, the newest first.
	Facts(ctx context.Context, path string, limit int) ([]*Fact, error)
	// DeleteFacts removes the facts of these ids.
	DeleteFacts(ctx context.Context, path string, ids ...string) error

	// Close frees what the store holds. It is not used afterwards.
	Close() error
}

// Query says which turns.
type Query struct {
	Limit  int  // at most so many; required
	Before int  // only numbers below this one; 0: all
	Bare   bool // without Contents, which are most of a turn
}

// ErrExists is returned by [Store.Create] for a turn that is there already.
var ErrExists = errors.New("the turn is there already")

// BusyError says that another request of the conversation is running. Nothing was stored.
type BusyError struct {
	Until time.Time // when its reservation lapses at the latest; zero: not known
}

func (e *BusyError) Error() string { return "another request of this session is running" }

// ErrorType names the failure for the spans.
func (e *BusyError) ErrorType() string { return "session_busy" }

// ErrLapsed is returned by [Conversation.Complete] when the reservation lapsed before: the turn may have been passed
// over, so it is not stored.
var ErrLapsed = errors.New("the reservation of the turn has lapsed")
