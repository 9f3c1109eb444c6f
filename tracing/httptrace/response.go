package httptrace

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/semconv"
)

const (
	maxHeld  = 1 << 20  // bytes of an answer that are held
	heldTail = 64 << 10 // bytes that are held of a larger one
)

// response is the ResponseWriter that a traced handler gets. It notes the status and holds the answer until release.
type response struct {
	http.ResponseWriter
	request *http.Request
	status  int // 0: nothing written yet
	held    bytes.Buffer
	sent    bool // the header has left

	failed    int    // the status of an answer that failed after its header had left
	errorType string // set when the handler did not return
	aborted   bool   // the connection has to be closed
}

// Fail says that the answer being written through w is one of this status after all: a stream can fail after its header has
// left. The span is an error as it would be with that status, and Done is told of it; what was sent stays. It works
// for the ResponseWriter of [Tracer.Middleware] and those that unwrap to it; for others it does nothing.
func Fail(w http.ResponseWriter, status int) {
	for {
		switch t := w.(type) {
		case *response:
			t.failed = status
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return
		}
	}
}

// outcome is the status that counts.
func (w *response) outcome() int {
	if w.failed != 0 {
		return w.failed
	}
	return w.status
}

// WriteHeader notes the status; informational ones pass.
func (w *response) WriteHeader(status int) {
	switch {
	case w.status != 0:
	case status == http.StatusSwitchingProtocols:
		w.status = status
		_ = w.send() // the client may be gone
	case status < 200:
		w.ResponseWriter.WriteHeader(status)
	default:
		w.status = status
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.begin()
	_, _ = w.held.Write(b) // has no errors
	if w.held.Len() <= maxHeld {
		return len(b), nil
	}
	return len(b), w.sendSome(w.held.Len() - heldTail)
}

// Flush implements http.Flusher; without support below it does nothing.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls: what was written so far leaves.
func (w *response) FlushError() error {
	w.begin()
	if err := w.send(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach everything else.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

func (w *response) send() error { return w.sendSome(w.held.Len()) }

// sendSome sends n of the held bytes, after the header.
func (w *response) sendSome(n int) error {
	if !w.sent {
		w.sent = true
		if w.request.ProtoAtLeast(1, 1) && w.Header().Get("Content-Length") == "" {
			w.Header().Add("Trailer", headerTraceResponse)
		}
		w.ResponseWriter.WriteHeader(w.status)
	}
	if n == 0 {
		return nil
	}
	_, err := w.ResponseWriter.Write(w.held.Next(n))
	return err
}

// release sends what is held. An answer of which nothing has left is sent whole and with its length, so that it is out
// before the handler returns. The client may be gone: there is nobody to tell.
func (w *response) release(traceResponse string) {
	if traceResponse != "" {
		w.Header()[headerTraceResponse] = []string{traceResponse} // a trailer when the header has left
	}
	switch {
	case w.status == 0: // net/http answers
		return
	case !w.sent:
		bodyless := w.status == http.StatusNoContent || w.status == http.StatusNotModified ||
			w.request.Method == http.MethodHead && w.held.Len() == 0
		if !bodyless && w.Header().Get("Content-Length") == "" {
			w.Header().Set("Content-Length", strconv.Itoa(w.held.Len()))
		}
		w.sent = true
		w.ResponseWriter.WriteHeader(w.status)
	}
	_ = w.FlushError()
}

// describe sets the span's outcome.
func (w *response) describe(ctx context.Context, span trace.Span) {
	status, errorType := w.status, w.errorType
	if status == 0 && errorType == "" {
		if errors.Is(ctx.Err(), context.Canceled) {
			errorType = "client_disconnected"
		} else {
			status = http.StatusOK // what net/http sends for a handler that wrote nothing
		}
	}
	worst := max(status, w.failed)
	failed := w.errorType != "" || worst >= 500
	if worst >= 500 && errorType == "" {
		errorType = statusText(worst)
	}
	if status != 0 {
		span.SetAttributes(semconv.KeyHTTPResponseStatusCode.Int(status))
	}
	if errorType != "" {
		span.SetAttributes(semconv.KeyErrorType.String(errorType))
	}
	if failed {
		span.SetStatus(codes.Error, "")
	}
}
