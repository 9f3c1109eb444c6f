package httptrace

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// lastWord is how long a callee whose answer is no longer waited for may take to say whether it kept its part of the
// trace.
const lastWord = 2 * time.Second

// lingering lets a request live a little longer than its caller's context, where the answer has announced a last word. A
// caller that has read what it wants of a stream ends its context, which would cut the stream before its trailer.
type lingering struct {
	announced atomic.Bool
	cancel    context.CancelCauseFunc
	stop      func() bool
}

// linger returns req with a context that ends when caller does, or lastWord after it. over must be called in the end.
func linger(caller context.Context, req *http.Request) (*http.Request, *lingering) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(req.Context()))
	l := &lingering{cancel: cancel}
	l.stop = context.AfterFunc(caller, func() {
		if l.announced.Load() {
			time.AfterFunc(lastWord, func() { cancel(context.Cause(caller)) })
			return
		}
		cancel(context.Cause(caller))
	})
	return req.WithContext(ctx), l
}

// over lets go of the caller's context. It works on nil.
func (l *lingering) over() {
	if l != nil {
		l.stop()
		l.cancel(nil)
	}
}
