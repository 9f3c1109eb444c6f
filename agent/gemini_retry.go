package agent

import (
	"context"
	"math/rand/v2"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
)

// backoff says how long to wait before another attempt: a random time between nothing and a bound that doubles from
// first to most ("full jitter"), so that callers who failed together do not come back together.
type backoff struct {
	first, most time.Duration
	random      func(n int64) int64 // in [0, n)
}

var defaultBackoff = backoff{first: 250 * time.Millisecond, most: 8 * time.Second, random: rand.Int64N}

// after returns the wait after the given failed attempt, counted from 1.
func (b backoff) after(attempt int) time.Duration {
	bound := b.most
	if shift := attempt - 1; shift < 16 {
		bound = min(b.most, b.first<<shift)
	}
	return time.Duration(b.random(int64(bound) + 1))
}

// asked returns the wait when the service said how long: never shorter, and spread a little.
func (b backoff) asked(wait time.Duration) time.Duration {
	return wait + time.Duration(b.random(int64(b.first)+1))
}

// maxAskedWait is the longest wait the service may ask for before it counts as a refusal.
const maxAskedWait = time.Minute

// sendFunc makes one attempt. It calls answering when the first of an answer is there. Beside an error there may be a Reply,
// with what had come of it.
type sendFunc func(ctx context.Context, body []byte, answering func()) (*Reply, error)

// attempts asks until there is a reply, the failure is for good, or it has been tried MaxAttempts times; tooLate, where it
// is set, says when there is no trying again any more. A wait that does not fit into what is left of ctx is not begun: the
// caller gets the failure at once, with the time to come back if the service named it. Beside an error it returns what
// there was of an answer.
func (g *Gemini) attempts(ctx context.Context, req *Request, body []byte, tooLate func() bool, send sendFunc) (*Reply, error) {
	for attempt := 1; ; attempt++ {
		if e := contextError(ctx); e != nil {
			return nil, e
		}
		reply, err := g.attempt(contextWithResendCount(ctx, attempt-1), body, send)
		if err == nil {
			reply.Attempts = attempt
			return reply, nil
		}
		if e := contextError(ctx); e != nil {
			e.Attempts = attempt
			return reply, e
		}
		f := g.failure(err, attempt, req)
		f.err.Attempts = attempt
		if tooLate != nil && tooLate() {
			if f.err.Reason == "bad_response" {
				f.err.Message = "The model's answer broke off in the middle. Try again."
			}
			return reply, f.err
		}
		if !f.retry || attempt >= g.cfg.MaxAttempts || f.wait > maxAskedWait {
			return reply, f.err
		}
		wait := g.wait.after(attempt)
		if f.wait > 0 {
			wait = g.wait.asked(f.wait)
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return reply, f.err
		}
		agenttrace.AddRetry(ctx, agenttrace.Retry{Attempt: attempt, Reason: f.err.Reason, Wait: wait, AskedWait: f.wait})
		if e := sleep(ctx, wait); e != nil {
			e.Attempts = attempt
			return reply, e
		}
	}
}

// shortest is the least time an attempt is cut to.
const shortest = 10 * time.Second

// attempt sends once. The answer has to begin within three quarters of the time that is left: a connection that has gone
// silent must not cost the whole request, and the rest is enough to try again. What is short anyway is not cut.
func (g *Gemini) attempt(ctx context.Context, body []byte, send sendFunc) (*Reply, error) {
	answering := func() {}
	if deadline, ok := ctx.Deadline(); ok {
		if share := time.Until(deadline) * 3 / 4; share >= shortest {
			cut, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			timer := time.AfterFunc(share, func() { cancel(context.DeadlineExceeded) })
			defer timer.Stop()
			ctx, answering = cut, func() { timer.Stop() }
		}
	}
	return send(ctx, body, answering)
}

// sleep waits for d, or until ctx ends and says so.
func sleep(ctx context.Context, d time.Duration) *Error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// contextWithResendCount tells the transport how many attempts went before, for the span of this one.
func contextWithResendCount(ctx context.Context, n int) context.Context {
	if n == 0 {
		return ctx
	}
	return httptrace.ContextWithResendCount(ctx, n)
}
