package export

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// exportFault says what a failed export means for its spans.
type Fault int

const (
	// faultNone: no error; the backend has the spans.
	None Fault = iota
	// faultRetryable: the endpoint is at fault (down, slow, over quota, wrong credential or path).
	// The same spans may be accepted later, so they are worth keeping.
	Retryable
	// faultPermanent: the spans are at fault (malformed, too large). They will never be accepted.
	PermanentFault
	// faultPartial: the backend took the request and refused some of its spans for good. The
	// protocol forbids to send the request again, for it would double the accepted ones.
	Partial
)

// String names the fault for a log line.
func (f Fault) String() string {
	switch f {
	case None:
		return "none"
	case Retryable:
		return "retryable"
	case PermanentFault:
		return "permanent"
	case Partial:
		return "partial"
	}
	return fmt.Sprintf("exportFault(%d)", int(f))
}

// exportError is the error of one export by the exporters of this package.
type Error struct {
	Fault      Fault
	RetryAfter time.Duration           // what the backend asked for; 0 when it did not
	Unsent     []sdktrace.ReadOnlySpan // what is left of a batch whose first requests were accepted; nil: all of it
	Rejected   int64                   // faultPartial: spans the backend refused; 0 with a text is a warning only
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// classifyExport says what to do with the spans of an export that returned err. Errors that are not
// of this package are read by their gRPC status; an error nobody knows counts as retryable, because
// a kept span can still be dropped and a dropped one never comes back.
//
// It departs from the letter of OTLP in one point: the protocol calls 401, 403, 404, 500 and their gRPC
// kin not retryable, to stop exporters that repeat a request in a loop. Here a retry is the next
// flush, behind a breaker, and those answers tell of the endpoint (a grant under way, a rollout),
// not of the spans.
func Classify(err error) Fault {
	if err == nil {
		return None
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fault
	}
	if s, ok := status.FromError(err); ok {
		return ClassifyStatus(s)
	}
	return Retryable
}

// exportRetryAfter returns how long the backend asked to wait before the next attempt, 0 when it did not.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// unsentSpans returns the part of batch that the backend has not taken, after an export of batch that
// returned err: none of it without an error, all of it unless a large batch went out in several
// requests of which the first ones were accepted.
func Unsent(err error, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Unsent != nil {
		return e.Unsent
	}
	return batch
}

func ClassifyStatus(s *status.Status) Fault {
	switch s.Code() {
	case codes.OK:
		return None
	case codes.InvalidArgument, codes.AlreadyExists:
		return PermanentFault
	}
	return Retryable
}

func ClassifyHTTP(code int) Fault {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return PermanentFault
	}
	return Retryable
}

// retryDelay returns the delay of the status's RetryInfo, 0 when it has none.
func RetryDelay(s *status.Status) time.Duration {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
