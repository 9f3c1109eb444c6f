package systemtest

import (
	"context"
	"net/http"
	"sync"
)

// timeout is a deadline of the framework's on a request, which passes when the test says so and not by the clock: where
// in its work a request runs out of time must not depend on the machine.
type timeout struct {
	passed chan struct{}
	once   sync.Once
}

func newTimeout() *timeout { return &timeout{passed: make(chan struct{})} }

// pass lets the deadline pass.
func (d *timeout) pass() { d.once.Do(func() { close(d.passed) }) }

// before puts the deadline on the requests that h gets. A nil timeout is none.
func (d *timeout) before(h http.Handler) http.Handler {
	if d == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := &timeoutContext{Context: r.Context(), done: make(chan struct{})}
		go func() { // ends with the request
			select {
			case <-d.passed:
				ctx.err = context.DeadlineExceeded
			case <-ctx.Context.Done():
				ctx.err = ctx.Context.Err()
			}
			close(ctx.done)
		}()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

type timeoutContext struct {
	context.Context
	done chan struct{}
	err  error // valid once done is closed
}

func (c *timeoutContext) Done() <-chan struct{} { return c.done }

func (c *timeoutContext) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}
