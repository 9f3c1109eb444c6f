package semconv

import (
	"context"
	"errors"

	"example.com/gemini-agent/tracing/redact"
)

// maxErrorTypeRunes bounds a name that an error gives itself.
const maxErrorTypeRunes = 256

// ErrorType names a failure for the error.type attribute, with few different names: the ErrorType() of the first
// error in the chain that has this method; "timeout" for a deadline or an error whose Timeout() is true; "canceled";
// else the Go type below fmt.Errorf's wrapping; "_OTHER" for an error whose own methods panic. It is "" for nil.
func ErrorType(err error) (kind string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			kind = "_OTHER"
		}
	}()
	var named interface{ ErrorType() string }
	if errors.As(err, &named) {
		if kind := named.ErrorType(); kind != "" {
			return redact.Runes(kind, maxErrorTypeRunes)
		}
	}
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return ErrorTypeByGoType(err)
}
