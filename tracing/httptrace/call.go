package httptrace

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// Call is what the caller of a [Tracer.Transport] knows of a request and the transport does not.
type Call struct {
	// Template is the path of the URL with what varies in braces, such as /v1beta/models/{model}:generateContent. It
	// becomes url.template and, after the method, the span's name.
	Template string
	// Name is the span's name where another convention has one, such as tools/list. Default: from Template, or else the
	// method alone.
	Name string
	// Attributes are added to the span.
	Attributes []attribute.KeyValue
}

// ContextWithCall returns a context for one HTTP request, and the function that says how the exchange ended in the eyes
// of the caller. The request's span stays open until then, so that an answer of status 200 that cannot be used is an
// error there too; nil changes nothing. end must be called, once the body has been read; calling it again does nothing.
// Where several requests are made with ctx, each has the call's name, and end is for the last of them.
func ContextWithCall(ctx context.Context, call Call) (context.Context, func(error)) {
	o := &openCall{Call: call, held: true}
	return context.WithValue(ctx, callContextKey{}, o), o.end
}

// ContextWithCallName returns a context whose HTTP requests have the call's name and attributes. Their spans end with
// the body.
func ContextWithCallName(ctx context.Context, call Call) context.Context {
	return context.WithValue(ctx, callContextKey{}, &openCall{Call: call})
}

type callContextKey struct{}

// openCall is a call whose span waits for its end.
type openCall struct {
	Call
	held bool // spans wait for end

	mu     sync.Mutex
	ended  bool
	err    error
	finish func(error) // of the span that waits
}

func callOf(ctx context.Context) *openCall {
	c, _ := ctx.Value(callContextKey{}).(*openCall)
	return c
}

// park keeps a span whose body has been read until the caller has judged it. A span parked before ends as it is.
func (c *openCall) park(finish func(error)) {
	c.mu.Lock()
	before, ended, err := c.finish, c.ended, c.err
	c.finish = finish
	c.mu.Unlock()
	if before != nil && !ended {
		before(nil)
	}
	if ended {
		finish(err)
	}
}

func (c *openCall) end(err error) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended, c.err = true, err
	finish := c.finish
	c.mu.Unlock()
	if finish != nil {
		finish(err)
	}
}

// name is the name of the span of a request with the method.
func (c *openCall) name(method string) string {
	switch {
	case c == nil:
		return method
	case c.Name != "":
		return c.Name
	case c.Template != "":
		return method + " " + c.Template
	}
	return method
}
