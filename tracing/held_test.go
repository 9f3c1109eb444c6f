package tracing_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/sampling"
)

// watchingBackend takes a while, and notes whether the client had its answer before the spans were safe.
type watchingBackend struct {
	answered chan struct{} // closed when the client has everything
	tooEarly bool
	spans    int
}

func (b *watchingBackend) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	select {
	case <-b.answered:
		b.tooEarly = true
	case <-time.After(time.Second):
	}
	b.spans += len(spans)
	return nil
}

func (b *watchingBackend) Shutdown(context.Context) error { return nil }

// behindMiddleware serves next with the middleware alone.
func behindMiddleware(t *testing.T, next http.HandlerFunc, sampler sampling.Config) (*httptest.Server, *watchingBackend) {
	t.Helper()
	b := &watchingBackend{answered: make(chan struct{})}
	p, err := tracing.Setup(t.Context(), tracing.Config{
		Exporters: []sdktrace.SpanExporter{b}, Sampler: sampler,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	srv := httptest.NewServer(p.Middleware(next, httptrace.MiddlewareConfig{}))
	t.Cleanup(srv.Close)
	return srv, b
}

// The last byte of an answer leaves after its trace is safe, however the answer comes about, with nothing but the
// middleware.
func TestTheLastByteLeavesAfterTheTrace(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	for _, tt := range []struct {
		name   string
		next   http.HandlerFunc
		status int
		length int
		method string
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, 200, 0, "GET"},
		{"small", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }, 200, 2, "GET"},
		{"100 kB", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big) }, 200, 100_000, "GET"},
		{"100 kB with its length", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, big)
		}, 200, 100_000, "GET"},
		{"5 MB in pieces", func(w http.ResponseWriter, _ *http.Request) {
			for range 50 {
				_, _ = io.WriteString(w, big)
			}
		}, 200, 5_000_000, "GET"},
		{"stream", func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				_, _ = io.WriteString(w, "tick\n")
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, "end\n")
		}, 200, 19, "GET"},
		{"panic", func(http.ResponseWriter, *http.Request) { panic("x") }, 500, 0, "GET"},
		{"panic after 100 kB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, big)
			panic("x")
		}, 500, 0, "GET"},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, 0, "DELETE"},
		{"head", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }, 200, 0, "HEAD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, b := behindMiddleware(t, tt.next, sampling.Config{})
			req, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			close(b.answered)
			_ = res.Body.Close()
			srv.Close() // waits for the handler
			if err != nil || res.StatusCode != tt.status || len(body) != tt.length {
				t.Errorf("status %d, %d bytes, %v; want %d, %d", res.StatusCode, len(body), err, tt.status, tt.length)
			}
			if b.tooEarly || b.spans != 1 {
				t.Errorf("answered before the trace was safe: %t; %d spans", b.tooEarly, b.spans)
			}
			kept := res.Header.Get("Traceresponse") + res.Trailer.Get("Traceresponse")
			if tt.name == "5 MB in pieces" && kept == "" {
				t.Error("no traceresponse in the trailer")
			}
			if kept != "" && !strings.HasSuffix(kept, "-01") && !strings.HasSuffix(kept, "-03") {
				t.Errorf("traceresponse %q does not say that the trace was kept", kept)
			}
		})
	}
}

// What was flushed is with the client while the handler runs.
func TestFlushMeansStream(t *testing.T) {
	more := make(chan struct{})
	srv, _ := behindMiddleware(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-more // the client has the first line, or this hangs
		_, _ = io.WriteString(w, "last\n")
	}, sampling.Config{})
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	r := bufio.NewReader(res.Body)
	if line, err := r.ReadString('\n'); line != "first\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	close(more)
	if line, err := r.ReadString('\n'); line != "last\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Error(err)
	}
	if res.Trailer.Get("Traceresponse") == "" {
		t.Error("no traceresponse in the trailer")
	}
}

// traceresponse has the final decision, which an error takes at the end.
func TestTraceResponseSaysWhetherTheTraceWasKept(t *testing.T) {
	dropped := sampling.Config{Name: sampling.SamplerParentBasedTraceIDRatio, Ratio: 0}
	for status, want := range map[int]bool{200: false, 500: true} {
		srv, _ := behindMiddleware(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, dropped)
		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		got := res.Header.Get("Traceresponse")
		kept := strings.HasSuffix(got, "1") || strings.HasSuffix(got, "3") // with and without the random flag
		if !strings.HasPrefix(got, "00-"+res.Header.Get("X-Trace-Id")+"-") || kept != want {
			t.Errorf("status %d: %q", status, got)
		}
	}
}
