package agenttrace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"example.com/gemini-agent/tracing/semconv"
)

func TestErrorType(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"plain", errors.New("x"), "_OTHER"},
		{"broken off", io.ErrUnexpectedEOF, "connection"},
		{"wrapped", fmt.Errorf("reading: %w", &net.AddrError{Err: "x"}), "connection"},
		{"named", &typedError{"429", "x"}, "429"},
		{"named below", fmt.Errorf("asking: %w", errors.Join(io.EOF, &typedError{"503", "x"})), "503"},
		{"named above a timeout", errors.Join(&typedError{"quota", "x"}, context.DeadlineExceeded), "quota"},
		{"without a name", &typedError{"", "x"}, "_OTHER"},
		{"deadline", fmt.Errorf("asking: %w", context.DeadlineExceeded), "timeout"},
		{"network timeout", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, "timeout"},
		{"canceled", fmt.Errorf("asking: %w", context.Canceled), "canceled"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := semconv.ErrorType(tc.err); got != tc.want {
				t.Errorf("ErrorType(%v) = %q, want %q", tc.err, got, tc.want)
			}
		})
	}
}
