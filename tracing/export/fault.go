package export

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Fault says what a failed export means for its spans.
type Fault int

const (
	// None means no error; the backend has the spans.
	None Fault = iota
	// Retryable means the endpoint is at fault (down, slow, over quota, wrong credential or path). The same spans may be
	// accepted later, so they are worth keeping.
	Retryable
	// Refused means at least one of the spans is at fault (malformed) and none was taken. That one will never be accepted; the
	// others may be without it.
	Refused
	// Oversized means the request was too large and nothing was taken. Its spans may be accepted in smaller requests.
	Oversized
	// PartlyRefused means the backend took the request and refused some of its spans for good. The protocol forbids to send
	// the request again, for it would double the accepted ones.
	PartlyRefused
)

// String names the fault for a log line.
func (f Fault) String() string {
	switch f {
	case None:
		return "none"
	case Retryable:
		return "retryable"
	case Refused:
		return "refused"
	case Oversized:
		return "oversized"
	case PartlyRefused:
		return "partly refused"
	}
	return fmt.Sprintf("Fault(%d)", int(f))
}

// Error is an export's error that says what becomes of the spans. An exporter from outside may return one, or use
// Permanent, TooLarge, Partial; any other error of its counts as retryable.
type Error struct {
	Fault      Fault
	RetryAfter time.Duration           // what the backend asked for; 0 when it did not
	Unsent     []sdktrace.ReadOnlySpan // what is left of a batch whose first requests were accepted; nil: all of it
	Rejected   int64                   // of PartlyRefused: spans the backend refused; 0 with a text is a warning only
	Err        error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Permanent marks err as one that will come back however often the same spans are sent. The batch is halved until the
// span that spoils it is found; that one is dropped.
func Permanent(err error) error { return &Error{Fault: Refused, Err: err} }

// TooLarge marks err as the refusal of a request for its size. The batch is halved, and a span that is too large alone is
// cut, and dropped as the last resort.
func TooLarge(err error) error { return &Error{Fault: Oversized, Err: err} }

// Partial marks err as the loss of some of the spans, the others being delivered. Nothing is sent again.
func Partial(err error, rejected int64) error {
	return &Error{Fault: PartlyRefused, Rejected: rejected, Err: err}
}

// Classify says what to do with the spans of an export that returned err. Errors that are no [Error] are read by their
// gRPC status; an error nobody knows counts as retryable, because a kept span can still be dropped and a dropped one never
// comes back.
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

// RetryAfter returns how long the backend asked to wait before the next attempt, 0 when it did not.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// Unsent returns the part of batch that the backend has not taken, after an export of batch that returned err: none of it
// without an error, all of it unless a large batch went out in several requests of which the first ones were accepted.
func Unsent(err error, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Unsent != nil {
		return e.Unsent
	}
	return batch
}

// ClassifyStatus is Classify for a gRPC status.
func ClassifyStatus(s *status.Status) Fault {
	switch s.Code() {
	case codes.OK:
		return None
	case codes.InvalidArgument, codes.AlreadyExists:
		return Refused
	case codes.OutOfRange: // tonic, of a message over its limit
		return Oversized
	case codes.ResourceExhausted:
		if RetryDelay(s) == 0 && speaksOfSize(s.Message()) {
			return Oversized
		}
	case codes.Unknown: // what grpc-go makes of a proxy's HTTP answer
		if strings.Contains(s.Message(), "HTTP status code received from server: 413") {
			return Oversized
		}
	}
	return Retryable
}

// speaksOfSize tells the refusal of a message for its size from that of a request over quota, which has the same code:
//
//	grpc: received message larger than max (5000000 vs. 4194304)         Go, C++, Python
//	gRPC message exceeds maximum size 4194304: 5000000                   Java
//	Received message exceeds the maximum configured message size.        .NET
func speaksOfSize(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "larger than") || strings.Contains(text, "too large") || strings.Contains(text, "too big") ||
		strings.Contains(text, "exceed") && strings.Contains(text, "max") && strings.Contains(text, "size")
}

// ClassifyHTTP is Classify for an HTTP status.
func ClassifyHTTP(code int) Fault {
	switch code {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return Refused
	case http.StatusRequestEntityTooLarge:
		return Oversized
	}
	return Retryable
}

// RetryDelay returns the delay of the status's RetryInfo, 0 when it has none.
func RetryDelay(s *status.Status) time.Duration {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
