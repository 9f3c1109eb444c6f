package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
)

// inMemory serves requests by calling the simulator, without a network, so that a test with it can run in a synctest
// bubble. What the client sends and gets is what would be on the wire.
type inMemory struct{ server *geminisim.Server }

func (t inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	defer req.Body.Close()
	w := httptest.NewRecorder()
	var aborted bool
	func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			} else if v != nil {
				aborted = true
			}
		}()
		t.server.ServeHTTP(w, req.Clone(req.Context()))
	}()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if aborted && w.Body.Len() == 0 {
		return nil, io.EOF // what net/http says of a connection that is closed without an answer
	}
	resp := w.Result()
	resp.Request = req
	if aborted {
		resp.Body = io.NopCloser(io.MultiReader(w.Body, brokenReader{}))
	}
	return resp, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// newGemini returns a model on a strict simulator with the script, without a network. env is added to the key.
func newGemini(t *testing.T, env map[string]string, replies ...geminisim.Reply) (*Gemini, *geminisim.Server) {
	t.Helper()
	sim := geminisim.New(geminisim.Config{Strict: true})
	sim.Script(replies...)
	settings := map[string]string{"GEMINI_API_KEY": "test-key-123456"}
	for k, v := range env {
		settings[k] = v
	}
	g, err := NewGemini(t.Context(), GeminiConfig{
		HTTPClient: &http.Client{Transport: inMemory{sim}},
		Getenv:     func(name string) string { return settings[name] },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.wait.random = func(n int64) int64 { return n - 1 } // the longest wait
	return g, sim
}

// question is the smallest request.
var question = &Request{Turns: []Turn{{Text: "hello"}}}

// within gives a call so much time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// wantError checks kind and reason of an *Error and returns it.
func wantError(t *testing.T, err error, kind ErrorKind, reason string) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v (%T), want *Error", err, err)
	}
	if e.Kind != kind || e.Reason != reason || e.Message == "" {
		t.Errorf("got %s/%s %q, want %s/%s", e.Kind, e.Reason, e, kind, reason)
	}
	return e
}

func jsonResponse(body string) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

// piped serves requests like inMemory, but an answer comes while it is being written.
type piped struct{ server *geminisim.Server }

func (t piped) RoundTrip(req *http.Request) (*http.Response, error) {
	out := &pipeWriter{header: http.Header{}, begun: make(chan int, 1)}
	var body *io.PipeReader
	body, out.pipe = io.Pipe()
	go func() {
		defer req.Body.Close()
		defer func() {
			var err error
			if recover() != nil {
				err = io.ErrUnexpectedEOF
			}
			out.pipe.CloseWithError(err)
			out.WriteHeader(http.StatusOK)
		}()
		t.server.ServeHTTP(out, req)
	}()
	stop := context.AfterFunc(req.Context(), func() { body.CloseWithError(context.Cause(req.Context())) })
	select {
	case status := <-out.begun:
		return &http.Response{StatusCode: status, Header: out.header, Body: body, Request: req}, nil
	case <-req.Context().Done():
		stop()
		body.Close()
		return nil, context.Cause(req.Context())
	}
}

type pipeWriter struct {
	header http.Header
	begun  chan int
	pipe   *io.PipeWriter
	once   sync.Once
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) { w.once.Do(func() { w.begun <- status }) }

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pipe.Write(b)
}

func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }
