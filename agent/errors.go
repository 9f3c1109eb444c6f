package agent

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
)

// ErrorKind says whose failure it was; function.go maps it to a status.
type ErrorKind string

// The kinds of failure of a run.
const (
	KindQuota         ErrorKind = "quota"          // the model's quota is spent
	KindModel         ErrorKind = "model"          // the model or its service failed
	KindSubAgent      ErrorKind = "sub_agent"      // the sub-agent failed
	KindNotConfigured ErrorKind = "not_configured" // a setting is missing
	KindTimeout       ErrorKind = "timeout"        // out of time
	KindCanceled      ErrorKind = "canceled"       // the caller went away
	KindLoop          ErrorKind = "loop"           // delegation went in circles
	KindInternal      ErrorKind = "internal"       // our own fault
)

// Error is a failure with a text for the caller and a private cause for the log.
type Error struct {
	Kind       ErrorKind
	Message    string        // for the caller: what happened, what to do; no secret, no prompt
	Reason     string        // low-cardinality name for error.type, e.g. "429", "timeout", "malformed"
	RetryAfter time.Duration // KindQuota only; 0: not known
	Attempts   int           // requests to the model's service that were made; 0: not said
	Err        error         // private cause
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return strings.TrimSuffix(e.Message, ".") + ": " + e.Err.Error()
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorType names the failure for the error.type attribute (see semconv.ErrorType): its Reason, else its Kind.
func (e *Error) ErrorType() string { return cmp.Or(e.Reason, string(e.Kind)) }

// errPanicked is what a span says when a panic passes through it on its way to the server's handler.
var errPanicked error = &Error{Kind: KindInternal, Reason: "panic", Message: "The agent failed unexpectedly."}

// contextError says why ctx ended: out of time or canceled. It returns nil while ctx lives.
func contextError(ctx context.Context) *Error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: KindTimeout, Reason: "timeout", Err: err,
			Message: "The task did not finish in time. Make it smaller, or allow more time with REQUEST_TIMEOUT."}
	default:
		return &Error{Kind: KindCanceled, Reason: "canceled", Err: err, Message: "The caller canceled the task."}
	}
}

// asError returns what a model said as an *Error: the context's end before anything else, because a call that was
// cut off reports all kinds of broken connections.
func asError(ctx context.Context, err error) *Error {
	said, ok := errors.AsType[*Error](err)
	if e := contextError(ctx); e != nil {
		if ok {
			e.Attempts = said.Attempts
		}
		return e
	}
	if ok {
		return said
	}
	return &Error{Kind: KindModel, Reason: "model_error", Err: err, Message: "The model failed. Try again later."}
}

// notConfigured says which setting is missing or unusable.
func notConfigured(message string) *Error {
	return &Error{Kind: KindNotConfigured, Reason: "not_configured", Message: message}
}
