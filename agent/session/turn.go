package session

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// ID names a conversation. Neither part holds control characters; the caller has checked them.
type ID struct{ UserID, SessionID string }

// userPath and path are where things lie in a store. Ids may hold anything, so they go in hashed.
func userPath(service, userID string) string { return "users/" + hash(service, userID) }

func (id ID) path(service string) string {
	return userPath(service, id.UserID) + "/sessions/" + hash(service, id.UserID, id.SessionID)
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Turn is one task and its answer. A Turn and what it points to is not changed once it was handed over.
type Turn struct {
	Number   int       // from 1; numbers may be missing in between
	Token    string    // who reserved it
	Complete bool      // false: reserved, and nothing below Expires is set
	Deadline time.Time // when a reservation lapses
	Expires  time.Time // when the turn may go

	Earlier      int // complete turns before this one, also those that are gone
	Task         string
	Response     string
	FinishReason string
	Model        string
	Usage        Usage
	TraceID      string // of the run; with SpanID, that of its agent.task
	SpanID       string
	Time         time.Time // when it was completed

	// Contents are the messages of the turn in the form of the model's service, the task first, byte for byte as they
	// went over the wire. nil: there are none that could be sent again; Task and Response stand for the turn.
	Contents []json.RawMessage
	// Shortened says that results of tools, or all Contents, were cut to fit into a document.
	Shortened bool

	// Summary is of the turns up to number Summarized; the prompt of this turn began with it. "": none.
	Summary    string
	Summarized int
}

// Usage is what a turn has used up, in tokens.
type Usage struct {
	InputTokens, OutputTokens, CachedTokens, ReasoningTokens int
}

// overhead is what a document weighs beside its contents, amply: names of fields, numbers, times, its own name.
const overhead = 2 << 10

// size estimates from above what the turn weighs as a document.
func (t *Turn) size() int {
	n := overhead + len(t.Task) + len(t.Response) + len(t.Summary) + len(t.FinishReason) + len(t.Model)
	for _, c := range t.Contents {
		n += len(c) + 16
	}
	return n
}

// Fact is something to be remembered of a user.
type Fact struct {
	ID      string // of its text: what is remembered twice is there once
	Text    string
	Time    time.Time // when it was last learnt
	Expires time.Time
}

func (f *Fact) size() int { return overhead + len(f.Text) }
