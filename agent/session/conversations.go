package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Config is what [Conversations] may be told. The zero value is the default.
type Config struct {
	Service     string                  // whose conversations these are; services share none; default "gemini-agent"
	MaxTurns    int                     // in the history of the next one; default 50
	MaxTokens   int                     // in the history of the next one, estimated; default 100,000
	TTL         time.Duration           // how long turns and facts are kept; default 30 days
	CallTimeout time.Duration           // of one reading or writing of the store; default 2s
	Tracer      *agenttrace.AgentTracer // makes the memory spans; nil: none
	Now         func() time.Time        // default time.Now
}

func (c Config) withDefaults() Config {
	if c.Service == "" {
		c.Service = "gemini-agent"
	}
	if c.MaxTurns <= 0 {
		c.MaxTurns = 50
	}
	if c.MaxTokens <= 0 {
		c.MaxTokens = 100_000
	}
	if c.TTL <= 0 {
		c.TTL = 30 * 24 * time.Hour
	}
	if c.CallTimeout <= 0 {
		c.CallTimeout = 2 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Conversations reads and writes conversations by the rules of this package. It is safe for concurrent use.
//
// Errors are *BusyError, ErrLapsed, the context's when the caller's own has ended, and otherwise the store's: it cannot
// be reached, is too slow, or refuses.
type Conversations struct {
	store Store
	cfg   Config
}

// New returns the conversations in store.
func New(store Store, cfg Config) *Conversations {
	return &Conversations{store: store, cfg: cfg.withDefaults()}
}

// turns yields all turns, newest first, expired ones too, in as few queries as the caller needs.
func (c *Conversations) turns(ctx context.Context, path string, bare bool) func(yield func(*Turn, error) bool) {
	return func(yield func(*Turn, error) bool) {
		q := Query{Limit: c.cfg.MaxTurns, Bare: bare}
		for more := true; more; {
			seen := 0
			for t, err := range c.store.Turns(ctx, path, q) {
				if err != nil {
					yield(nil, err)
					return
				}
				seen++
				q.Before = t.Number
				if !yield(t, nil) {
					return
				}
			}
			more = seen == q.Limit && q.Before > 1
		}
	}
}

// expired reports whether a turn, and with it all before it, is no longer to be read.
func (t *Turn) expired(now time.Time) bool { return t.Complete && !now.Before(t.Expires) }

// Turns returns the newest complete turns of a conversation without their Contents, at most limit, oldest first.
func (c *Conversations) Turns(ctx context.Context, id ID, limit int) (list []*Turn, err error) {
	ctx, end := c.span(ctx, op{operation: "read", kind: shortTerm, session: id.SessionID})
	defer func() { end(len(list), nil, err) }()
	now := c.cfg.Now()
	for t, err := range c.turns(ctx, id.path(c.cfg.Service), true) {
		if err != nil {
			return nil, fmt.Errorf("reading the conversation: %w", err)
		}
		if len(list) >= limit || t.expired(now) {
			break
		}
		if t.Complete {
			list = append(list, t)
		}
	}
	slices.Reverse(list)
	return list, nil
}

// Delete erases a conversation. While a request of it is running it returns a *BusyError, and no request begins while it
// is erased. When it fails, part may be gone, and the conversation stays closed for a short while.
func (c *Conversations) Delete(ctx context.Context, id ID) error {
	conv, err := c.begin(ctx, id, &window{}) // keeps others out
	if err != nil {
		return err
	}
	if err := conv.erase(ctx); err != nil {
		return fmt.Errorf("deleting the conversation: %w", err)
	}
	return conv.Release(ctx)
}

func (conv *Conversation) erase(ctx context.Context) (err error) {
	ctx, end := conv.all.spanOfAll(ctx, conv.op("delete", ""))
	defer func() { end(0, nil, err) }()
	return conv.all.store.DeleteTurns(ctx, conv.path, conv.Turn)
}
