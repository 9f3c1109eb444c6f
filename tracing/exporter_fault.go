package tracing

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
type exportFault int

const (
	// faultNone: no error; the backend has the spans.
	faultNone exportFault = iota
	// faultRetryable: the endpoint is at fault (down, slow, over quota, wrong credential or path).
	// The same spans may be accepted later, so they are worth keeping.
	faultRetryable
	// faultPermanent: the spans are at fault (malformed, too large). They will never be accepted.
	faultPermanent
	// faultPartial: the backend took the request and refused some of its spans for good. The
	// protocol forbids to send the request again, for it would double the accepted ones.
	faultPartial
)

// String names the fault for a log line.
func (f exportFault) String() string {
	switch f {
	case faultNone:
		return "none"
	case faultRetryable:
		return "retryable"
	case faultPermanent:
		return "permanent"
	case faultPartial:
		return "partial"
	}
	return fmt.Sprintf("exportFault(%d)", int(f))
}

// exportError is the error of one export by the exporters of this package.
type exportError struct {
	fault      exportFault
	retryAfter time.Duration           // what the backend asked for; 0 when it did not
	unsent     []sdktrace.ReadOnlySpan // what is left of a batch whose first requests were accepted; nil: all of it
	rejected   int64                   // faultPartial: spans the backend refused; 0 with a text is a warning only
	err        error
}

func (e *exportError) Error() string { return e.err.Error() }
func (e *exportError) Unwrap() error { return e.err }

// classifyExport says what to do with the spans of an export that returned err. Errors that are not
// of this package are read by their gRPC status; an error nobody knows counts as retryable, because
// a kept span can still be dropped and a dropped one never comes back.
//
// It departs from the letter of OTLP in one point: the protocol calls 401, 403, 404, 500 and their gRPC
// kin not retryable, to stop exporters that repeat a request in a loop. Here a retry is the next
// flush, behind a breaker, and those answers tell of the endpoint (a grant under way, a rollout),
// not of the spans.
func classifyExport(err error) exportFault {
	if err == nil {
		return faultNone
	}
	if e, ok := errors.AsType[*exportError](err); ok {
		return e.fault
	}
	if s, ok := status.FromError(err); ok {
		return classifyStatus(s)
	}
	return faultRetryable
}

// exportRetryAfter returns how long the backend asked to wait before the next attempt, 0 when it did not.
func exportRetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*exportError](err); ok {
		return e.retryAfter
	}
	return 0
}

// unsentSpans returns the part of batch that the backend has not taken, after an export of batch that
// returned err: none of it without an error, all of it unless a large batch went out in several
// requests of which the first ones were accepted.
func unsentSpans(err error, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*exportError](err); ok && e.unsent != nil {
		return e.unsent
	}
	return batch
}

func classifyStatus(s *status.Status) exportFault {
	switch s.Code() {
	case codes.OK:
		return faultNone
	case codes.InvalidArgument, codes.AlreadyExists:
		return faultPermanent
	}
	return faultRetryable
}

func classifyHTTP(code int) exportFault {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return faultPermanent
	}
	return faultRetryable
}

// retryDelay returns the delay of the status's RetryInfo, 0 when it has none.
func retryDelay(s *status.Status) time.Duration {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
