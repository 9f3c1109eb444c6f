package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// grace is added to the deadline of a reservation: for completing the turn, and for clocks that differ.
	grace = 10 * time.Second
	// noDeadline is how long the reservation of a request without a deadline holds.
	noDeadline = 5 * time.Minute
	// lastCall is the least time that the last call of a request has, whose own may be up.
	lastCall = 500 * time.Millisecond
)

// Conversation is one turn under way. It belongs to one request.
type Conversation struct {
	Turn     int     // the number of the turn under way
	History  []*Turn // what the model is told of the turns before, oldest first; all complete
	Dropped  int     // complete turns before those of History
	Previous *Turn   // the latest complete turn, whether it is in History or not; nil: none

	all      *Conversations
	path     string
	id       ID
	token    string
	deadline time.Time
}

// Begin reads the history of a conversation and reserves its next turn until the deadline of ctx and a little longer.
// The Conversation is to be completed or released.
func (c *Conversations) Begin(ctx context.Context, id ID) (*Conversation, error) {
	return c.begin(ctx, id, &window{turns: c.cfg.MaxTurns, tokens: c.cfg.MaxTokens})
}

func (c *Conversations) begin(ctx context.Context, id ID, w *window) (*Conversation, error) {
	conv := &Conversation{all: c, path: id.path(c.cfg.Service), id: id, token: rand.Text()}
	next, err := conv.read(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("reading the conversation: %w", err)
	}
	conv.Turn = next
	now := c.cfg.Now()
	conv.deadline = now.Add(noDeadline)
	if end, ok := ctx.Deadline(); ok {
		conv.deadline = now.Add(time.Until(end) + grace)
	}
	if err := conv.reserve(ctx); err != nil {
		return nil, fmt.Errorf("reserving the turn: %w", err)
	}
	return conv, nil
}

// read fills the history with what w has room for and returns the number of the next turn.
func (conv *Conversation) read(ctx context.Context, w *window) (next int, err error) {
	c := conv.all
	ctx, end := c.span(ctx, conv.op("read", ""))
	defer func() { end(len(w.kept), nil, err) }()

	now := c.cfg.Now()
	for t, err := range c.turns(ctx, conv.path, w.turns == 0) {
		if err != nil {
			return 0, err
		}
		next = max(next, t.Number)
		switch {
		case !t.Complete && now.Before(t.Deadline):
			return 0, &BusyError{Until: t.Deadline}
		case !t.Complete: // its request died
			continue
		}
		if t.expired(now) {
			break
		}
		if conv.Previous == nil {
			conv.Previous, conv.Dropped = t, t.Earlier+1
		}
		if !w.add(t) {
			break
		}
		conv.Dropped = t.Earlier
	}
	slices.Reverse(w.kept)
	conv.History = w.kept
	return next + 1, nil
}

// reserve creates the turn.
func (conv *Conversation) reserve(ctx context.Context) (err error) {
	ctx, end := conv.all.span(ctx, conv.op("write", turnName(conv.Turn)))
	defer func() { end(1, nil, err) }()
	err = conv.all.store.Create(ctx, conv.path, &Turn{
		Number:   conv.Turn,
		Token:    conv.token,
		Deadline: conv.deadline,
		Expires:  conv.all.cfg.Now().Add(conv.all.cfg.TTL),
	})
	if errors.Is(err, ErrExists) {
		return &BusyError{}
	}
	return err
}

// Complete stores the turn. It sets what the store itself needs to know (Number, Token, Complete, Deadline, Expires,
// Earlier, Time) and shortens what does not fit into a document. It goes on when ctx is cancelled, as it is when the caller
// has left. It takes CallTimeout at most, and ends with the deadline of ctx, unless that leaves it next to no time.
func (conv *Conversation) Complete(ctx context.Context, t Turn) (err error) {
	c := conv.all
	ctx, stop := uncancelled(ctx)
	defer stop()
	ctx, end := c.span(ctx, conv.op("write", turnName(conv.Turn)))
	defer func() { end(1, nil, err) }()

	now := c.cfg.Now()
	if !now.Before(conv.deadline) {
		return ErrLapsed
	}
	ctx, cancel := context.WithTimeout(ctx, conv.deadline.Sub(now))
	defer cancel()
	t.Number, t.Token, t.Complete, t.Deadline = conv.Turn, conv.token, true, conv.deadline
	t.Time, t.Expires = now, now.Add(c.cfg.TTL)
	if t.Earlier = 0; conv.Previous != nil {
		t.Earlier = conv.Previous.Earlier + 1
	}
	for _, text := range []*string{&t.Task, &t.Response, &t.FinishReason, &t.Model, &t.Summary, &t.TraceID, &t.SpanID} {
		*text = strings.ToValidUTF8(*text, "\uFFFD") // a document takes no other text
	}
	t.fit(maxDocument)
	if err := c.store.Put(ctx, conv.path, &t); err != nil {
		return fmt.Errorf("storing the turn: %w", err)
	}
	return nil
}

// uncancelled is ctx without the caller's leaving, and with time for a last call.
func uncancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	free := context.WithoutCancel(ctx)
	end, ok := ctx.Deadline()
	if !ok {
		return free, func() {}
	}
	return context.WithTimeout(free, max(time.Until(end), lastCall))
}

// Release gives the turn's place back after a run that failed, in the time that Complete has. When it fails, the place is
// taken until the deadline of the reservation.
func (conv *Conversation) Release(ctx context.Context) (err error) {
	ctx, stop := uncancelled(ctx)
	defer stop()
	ctx, end := conv.all.span(ctx, conv.op("delete", turnName(conv.Turn)))
	defer func() { end(1, nil, err) }()
	if err := conv.all.store.Delete(ctx, conv.path, conv.Turn); err != nil {
		return fmt.Errorf("releasing the turn: %w", err)
	}
	return nil
}
