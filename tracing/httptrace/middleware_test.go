package httptrace

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/propagation"
)

// newEdge returns a tracer whose ended spans are in the exporter.
func newEdge(t testing.TB) (*Tracer, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	return New(tp, edgePropagator, Config{Previews: true}), spans
}

// The context of a caller.
const (
	callerTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	callerSpanID  = "00f067aa0ba902b7"
	callerParent  = "00-" + callerTraceID + "-" + callerSpanID + "-01"
)

// edgePropagator is the default one.
var edgePropagator, _ = propagation.New("")

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// serve sends one request over the wire and returns the answer with its body, and the server span.
func serve(
	t *testing.T, next http.HandlerFunc, cfg MiddlewareConfig, method, path string, h http.Header,
) (*http.Response, string, tracetest.SpanStub) {
	t.Helper()
	p, spans := newEdge(t)
	var logged strings.Builder
	srv := httptest.NewUnstartedServer(p.Middleware(next, cfg))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&logged, nil), slog.LevelError)
	srv.Start()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h != nil {
		req.Header = h
	}
	res, err := srv.Client().Do(req)
	body := ""
	if err == nil {
		var b []byte
		b, err = io.ReadAll(res.Body)
		res.Body.Close()
		body = string(b)
	}
	if err != nil {
		res = nil
	}
	srv.Close()
	if logged.Len() > 0 {
		t.Errorf("the server logged: %s", logged.String())
	}
	got := spans.GetSpans()
	if len(got) != 1 {
		t.Fatalf("%d spans, want 1", len(got))
	}
	return res, body, got[0]
}

func attr(span tracetest.SpanStub, key string) string {
	for _, kv := range span.Attributes {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return "<none>"
}

func checkAttrs(t *testing.T, span tracetest.SpanStub, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got := attr(span, k); got != v {
			t.Errorf("%s = %q, want %q", k, got, v)
		}
	}
}

func route(pattern string) MiddlewareConfig {
	return MiddlewareConfig{Route: func(*http.Request) string { return pattern }}
}

func TestMiddlewareSpan(t *testing.T) {
	h := http.Header{
		"User-Agent":            {"test/1"},
		"X-Forwarded-For":       {"203.0.113.7, 10.0.0.1"},
		"X-Forwarded-Proto":     {"https"},
		"Function-Execution-Id": {"exec-1"},
		"Traceparent":           {callerParent},
	}
	next := func(w http.ResponseWriter, r *http.Request) {
		if !trace.SpanFromContext(r.Context()).IsRecording() {
			t.Error("no span in the handler's context")
		}
		io.WriteString(w, "ok")
	}
	res, body, span := serve(t, next, route("POST /api/{x}"), "POST", "/api/y?key=SECRET&flag", h)
	if span.Name != "POST /api/{x}" || span.SpanKind != trace.SpanKindServer || body != "ok" {
		t.Errorf("%s %v, body %q", span.Name, span.SpanKind, body)
	}
	checkAttrs(t, span, map[string]string{
		"http.request.method":       "POST",
		"http.route":                "/api/{x}",
		"url.path":                  "/api/y",
		"url.query":                 "key=REDACTED&REDACTED",
		"url.scheme":                "https",
		"server.address":            "127.0.0.1",
		"client.address":            "203.0.113.7",
		"user_agent.original":       "test/1",
		"network.protocol.version":  "1.1",
		"http.response.status_code": "200",
		"faas.trigger":              "http",
		"faas.coldstart":            "true",
		"faas.invocation_id":        "exec-1",
		"error.type":                "<none>",
	})
	if span.Status.Code != codes.Unset || len(span.Events) > 0 {
		t.Errorf("status %v, events %v", span.Status, span.Events)
	}
	if span.Parent.SpanID().String() != callerSpanID || !span.Parent.IsRemote() {
		t.Errorf("parent = %v", span.Parent)
	}
	if got := res.Header.Get("X-Trace-ID"); got != callerTraceID {
		t.Errorf("X-Trace-ID = %q", got)
	}
}

func TestMiddlewareNames(t *testing.T) {
	tests := []struct{ method, pattern, name, route, attr string }{
		{"GET", "GET /a", "GET /a", "/a", "GET"},
		{"HEAD", "GET /a", "HEAD /a", "/a", "HEAD"},
		{"PUT", "/a/{id...}", "PUT /a/{id...}", "/a/{id...}", "PUT"},
		{"GET", "GET example.com/a", "GET /a", "/a", "GET"},
		{"DELETE", "", "DELETE", "<none>", "DELETE"},
		{"BREW", "", "HTTP", "<none>", "_OTHER"},
		{"BREW", "/a", "HTTP /a", "/a", "_OTHER"},
		{"get", "/a", "HTTP /a", "/a", "_OTHER"},
	}
	for _, tt := range tests {
		_, _, span := serve(t, func(http.ResponseWriter, *http.Request) {}, route(tt.pattern), tt.method, "/a", nil)
		if span.Name != tt.name {
			t.Errorf("%s on %q: name = %q, want %q", tt.method, tt.pattern, span.Name, tt.name)
		}
		checkAttrs(t, span, map[string]string{"http.route": tt.route, "http.request.method": tt.attr})
		if original := attr(span, "http.request.method_original"); (tt.attr == "_OTHER") != (original == tt.method) {
			t.Errorf("%s: http.request.method_original = %q", tt.method, original)
		}
	}
	_, _, span := serve(t, func(http.ResponseWriter, *http.Request) {}, MiddlewareConfig{}, "GET", "/a", nil)
	if span.Name != "GET" {
		t.Errorf("without Route: name = %q", span.Name)
	}
}

// failsWith fails a stream, behind a writer of somebody else's.
func failsWith(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		Fail(struct {
			unwrapper
			http.ResponseWriter
		}{unwrapper{w}, w}, status)
		Fail(httptest.NewRecorder(), status) // not ours: nothing happens
	}
}

type unwrapper struct{ w http.ResponseWriter }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.w }

// Done is told the status that counts.
func TestDoneIsToldOfAFailedStream(t *testing.T) {
	told := make(chan int, 1)
	serve(t, failsWith(502), MiddlewareConfig{Done: func(_ *http.Request, status int, _ Outcome) { told <- status }}, "GET", "/", nil)
	if status := <-told; status != 502 {
		t.Errorf("told %d", status)
	}
}

func TestMiddlewareOutcome(t *testing.T) {
	tests := []struct {
		name   string
		next   http.HandlerFunc
		status string
		typ    string
		code   codes.Code
	}{
		{"nothing written", func(http.ResponseWriter, *http.Request) {}, "200", "<none>", codes.Unset},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "404", "<none>", codes.Unset},
		{"499", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) }, "499", "<none>", codes.Unset},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500", "500", codes.Error},
		{"507", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(507) }, "507", "507", codes.Error},
		{"early hints are no answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(103)
			w.WriteHeader(503)
		}, "503", "503", codes.Error},
		{"failed under way", failsWith(502), "200", "502", codes.Error},
		{"left under way", failsWith(499), "200", "<none>", codes.Unset},
		{"controller flush begins the answer", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, "200", "<none>", codes.Unset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, span := serve(t, tt.next, MiddlewareConfig{}, "GET", "/", nil)
			checkAttrs(t, span, map[string]string{"http.response.status_code": tt.status, "error.type": tt.typ})
			if span.Status.Code != tt.code || span.Status.Description != "" {
				t.Errorf("status = %v", span.Status)
			}
		})
	}
}

func TestMiddlewareCorrelationID(t *testing.T) {
	tests := []struct {
		name string
		h    http.Header
		want string // "" is a new one
	}{
		{"correlation id", headers("X-Correlation-ID", "a/b", "X-Request-ID", "r"), "a/b"},
		{"request id", headers("X-Request-ID", "r"), "r"},
		{"128 long", headers("X-Correlation-ID", strings.Repeat("x", 128)), strings.Repeat("x", 128)},
		{"129 long", headers("X-Correlation-ID", strings.Repeat("x", 129)), ""},
		{"unfit, but a request id", headers("X-Correlation-ID", "a b", "X-Request-ID", "r"), "r"},
		{"not ASCII", headers("X-Correlation-ID", "ä"), ""},
		{"empty", headers("X-Correlation-ID", ""), ""},
		{"none", http.Header{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inContext := ""
			next := func(_ http.ResponseWriter, r *http.Request) { inContext = correlation.ID(r.Context()) }
			res, _, _ := serve(t, next, MiddlewareConfig{}, "GET", "/", tt.h)
			got := res.Header.Get("X-Correlation-ID")
			if got != inContext || !correlation.Valid(got) {
				t.Errorf("response has %q, context %q", got, inContext)
			}
			if tt.want != "" && got != tt.want || tt.want == "" && len(got) != 32 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if a, b := correlation.NewID(), correlation.NewID(); a == b {
		t.Error("two equal ids")
	}
}

func TestMiddlewarePanic(t *testing.T) {
	const secret = "hunter2"
	panics := func(http.ResponseWriter, *http.Request) { panic(errors.New("bad password: " + secret)) }
	cfg := MiddlewareConfig{Panic: func(w http.ResponseWriter, r *http.Request, v any) {
		if !trace.SpanFromContext(r.Context()).IsRecording() || v == nil {
			t.Errorf("answering without span or value %v", v)
		}
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "sorry")
	}}
	t.Run("before the answer", func(t *testing.T) {
		next := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			panics(w, r)
		}
		res, body, span := serve(t, next, cfg, "GET", "/", nil)
		if res == nil || res.StatusCode != 500 || body != "sorry" {
			t.Fatalf("answer = %v %q", res, body)
		}
		checkPanicSpan(t, span, "500", secret)
	})
	t.Run("by default a bare 500", func(t *testing.T) {
		res, body, span := serve(t, panics, MiddlewareConfig{}, "GET", "/", nil)
		if res == nil || res.StatusCode != 500 || body != "" {
			t.Fatalf("answer = %v %q", res, body)
		}
		checkPanicSpan(t, span, "500", secret)
	})
	t.Run("after the answer began", func(t *testing.T) {
		next := func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panics(w, r)
		}
		if res, body, span := serve(t, next, cfg, "GET", "/", nil); res != nil {
			t.Errorf("the client takes %q for complete", body)
		} else {
			checkPanicSpan(t, span, "200", secret)
		}
	})
	t.Run("while answering", func(t *testing.T) {
		bad := MiddlewareConfig{Panic: func(http.ResponseWriter, *http.Request, any) { panic("again") }}
		res, _, span := serve(t, panics, bad, "GET", "/", nil)
		if res != nil {
			t.Errorf("answer = %v", res)
		}
		checkPanicSpan(t, span, "<none>", secret)
	})
}

func checkPanicSpan(t *testing.T, span tracetest.SpanStub, status, secret string) {
	t.Helper()
	checkAttrs(t, span, map[string]string{"http.response.status_code": status, "error.type": "panic"})
	if span.Status.Code != codes.Error || span.Status.Description != "" {
		t.Errorf("status = %v", span.Status)
	}
	if len(span.Events) != 1 || span.Events[0].Name != "exception" {
		t.Fatalf("events = %v", span.Events)
	}
	event := attribute.NewSet(span.Events[0].Attributes...)
	for key, want := range map[attribute.Key]string{
		"exception.type":       "*errors.errorString",
		"exception.message":    "bad password: [REDACTED]",
		"exception.stacktrace": "goroutine",
	} {
		if v, _ := event.Value(key); !strings.HasPrefix(v.AsString(), want) || strings.Contains(v.AsString(), secret) {
			t.Errorf("%s = %q", key, v.AsString())
		}
	}
}

func TestMiddlewareAbort(t *testing.T) {
	abort := func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}
	res, body, span := serve(t, abort, MiddlewareConfig{}, "GET", "/", nil)
	if res != nil {
		t.Errorf("the client takes %q for complete", body)
	}
	checkAttrs(t, span, map[string]string{"error.type": "aborted"})
	if span.Status.Code != codes.Error || len(span.Events) != 0 {
		t.Errorf("status %v, events %v", span.Status, span.Events)
	}

	t.Run("below a recovering server", func(t *testing.T) {
		p, _ := newEdge(t)
		traced := p.Middleware(http.HandlerFunc(abort), MiddlewareConfig{})
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if v := recover(); v != nil {
					io.WriteString(w, "a crash sentence")
				}
			}()
			traced.ServeHTTP(w, r)
		}))
		defer srv.Close()
		res, err := srv.Client().Get(srv.URL)
		if err == nil {
			defer res.Body.Close()
			var body []byte
			if body, err = io.ReadAll(res.Body); err == nil {
				t.Errorf("the client takes %q for complete", body)
			}
		}
	})
	t.Run("where the connection cannot be closed", func(t *testing.T) {
		p, spans := newEdge(t)
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("recovered %v", v)
			}
			if len(spans.GetSpans()) != 1 {
				t.Error("the span did not end")
			}
		}()
		h := p.Middleware(http.HandlerFunc(abort), MiddlewareConfig{})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

func TestMiddlewareClientGone(t *testing.T) {
	p, spans := newEdge(t)
	started, done := make(chan struct{}), make(chan struct{})
	h := p.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}), MiddlewareConfig{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-started
		cancel()
	}()
	if _, err := srv.Client().Do(req); err == nil {
		t.Fatal("no error")
	}
	<-done
	span := spans.GetSpans()[0]
	checkAttrs(t, span, map[string]string{
		"http.response.status_code": "<none>", "error.type": "client_disconnected",
	})
	if span.Status.Code != codes.Unset {
		t.Errorf("status = %v", span.Status)
	}
}

func TestMiddlewareColdStartOnce(t *testing.T) {
	p, spans := newEdge(t)
	h := p.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), MiddlewareConfig{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) })
	}
	wg.Wait()
	cold, ids := 0, map[string]bool{}
	for _, span := range spans.GetSpans() {
		if attr(span, "faas.coldstart") == "true" {
			cold++
		}
		ids[attr(span, "faas.invocation_id")] = true
	}
	if cold != 1 || len(ids) != 20 {
		t.Errorf("%d cold starts, %d invocation ids", cold, len(ids))
	}
}

func TestMiddlewareStreams(t *testing.T) {
	p, _ := newEdge(t)
	seen := make(chan struct{})
	srv := httptest.NewServer(p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "one\n")
		w.(http.Flusher).Flush()
		<-seen
		io.WriteString(w, "two\n")
	}), MiddlewareConfig{}))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Scan()
	close(seen) // the first line is here while the handler still runs
	lines.Scan()
	if lines.Text() != "two" || lines.Err() != nil {
		t.Errorf("got %q, %v", lines.Text(), lines.Err())
	}
}

func TestMiddlewareCutsWhatClientsChoose(t *testing.T) {
	huge := strings.Repeat("ä", 100_000)
	h := http.Header{}
	for _, name := range []string{"User-Agent", "X-Forwarded-For", "Function-Execution-Id", "X-Correlation-Id",
		"Traceparent", "Tracestate", "Baggage", "B3", "X-B3-Traceid", "X-Cloud-Trace-Context", "X-Forwarded-Proto"} {
		h[name] = []string{huge}
	}
	p, spans := newEdge(t)
	r := httptest.NewRequest("GET", "/"+strings.Repeat("p", 5000)+"?"+strings.Repeat("q", 5000), nil)
	r.Header, r.Host = h, huge
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	p.Middleware(next, MiddlewareConfig{}).ServeHTTP(httptest.NewRecorder(), r)
	for _, kv := range spans.GetSpans()[0].Attributes {
		v := kv.Value.String()
		if len(v) > maxPath || strings.ToValidUTF8(v, "") != v {
			t.Errorf("%s has %d bytes", kv.Key, len(v))
		}
	}
}

func TestMiddlewareWithoutTracing(t *testing.T) {
	p := New(noop.NewTracerProvider(), edgePropagator, Config{})
	h := p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic("x") }), MiddlewareConfig{})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != 500 || rec.Header().Get("X-Correlation-ID") == "" || rec.Header().Get("X-Trace-ID") != "" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
}

func TestServerAttributes(t *testing.T) {
	for in, want := range map[string]string{
		"http example.com":             "example.com 80",
		"https example.com":            "example.com 443",
		"https example.com:8443":       "example.com 8443",
		"http [::1]:8080":              "::1 8080",
		"http [::1]":                   "::1 80",
		"unix socket":                  "socket",
		"http :8080":                   "",
		"http ":                        "",
		"http example.com:99999":       "example.com:99999 80",
		"http 127.0.0.1:0":             "127.0.0.1 80",
		"https a.run.app:443":          "a.run.app 443",
		"https [fe80::1%25eth0]:65535": "fe80::1%25eth0 65535",
	} {
		scheme, host, _ := strings.Cut(in, " ")
		var got []string
		for _, kv := range appendServer(nil, scheme, host) {
			got = append(got, kv.Value.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for _, sampled := range []bool{true, false} {
		name := map[bool]string{true: "sampled", false: "dropped"}[sampled]
		b.Run(name, func(b *testing.B) {
			sampler := sdktrace.NeverSample()
			if sampled {
				sampler = sdktrace.AlwaysSample()
			}
			tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))
			p := New(tp, edgePropagator, Config{})
			h := p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(200)
			}), route("POST /api/v1/agent/execute"))
			r := httptest.NewRequest("POST", "/api/v1/agent/execute", nil)
			r.Header = headers("User-Agent", "curl/8", "traceparent", callerParent, "X-Forwarded-For", "203.0.113.7")
			w := &discardWriter{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *discardWriter) WriteHeader(int)             {}
