package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

// injecting is a transport that sends the current span's context along, as the instrumented one does.
type injecting struct{ base *http.Transport }

func (t injecting) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t injecting) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	w3c := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	w3c.Inject(req.Context(), propagation.HeaderCarrier(req.Header))
	return t.base.RoundTrip(req)
}

// loopback returns a client of its own, closed with the test, so that no idle connection outlives it.
func loopback(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: injecting{transport}}
}

// noLeaks checks at the end of the test, after its other cleanups, that no goroutine is left.
func noLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func spanContext(trc, span byte) context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: trc}, SpanID: trace.SpanID{7: span}, TraceFlags: trace.FlagsSampled,
	}))
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func newSubAgent(t *testing.T, cfg SubAgentConfig) *SubAgent {
	t.Helper()
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = loopback(t)
	}
	s, err := NewSubAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestNewSubAgentChecksItsSettings(t *testing.T) {
	tests := []struct {
		name, url, auth string
		want            string // part of the message; "" for no error
	}{
		{"plain", "http://127.0.0.1:8081", "", ""},
		{"https with path", "https://region-project.cloudfunctions.net/agent/", "idtoken", ""},
		{"none over https", "https://sub.example", "none", ""},
		{"empty", "", "", "SUB_AGENT_URL"},
		{"relative", "/agent", "", "SUB_AGENT_URL"},
		{"no host", "https://", "", "SUB_AGENT_URL"},
		{"other scheme", "ftp://sub.example", "", "SUB_AGENT_URL"},
		{"userinfo", "https://user:hunter2@sub.example", "", "SUB_AGENT_URL"},
		{"query", "https://sub.example?key=hunter2", "", "SUB_AGENT_URL"},
		{"fragment", "https://sub.example#x", "", "SUB_AGENT_URL"},
		{"not a URL", "http://sub.example:hunter2", "", "SUB_AGENT_URL"},
		{"port out of range", "http://sub.example:65536", "", "SUB_AGENT_URL"},
		{"token in the clear", "http://sub.example", "idtoken", "SUB_AGENT_AUTH"},
		{"unknown auth", "https://sub.example", "basic", "SUB_AGENT_AUTH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewSubAgent(SubAgentConfig{URL: tt.url, Auth: tt.auth})
			if tt.want == "" {
				if err != nil {
					t.Errorf("NewSubAgent: %v", err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindNotConfigured || !strings.Contains(e.Message, tt.want) {
				t.Errorf("NewSubAgent = %v, want a KindNotConfigured that names %s", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestSubAgentAnswers(t *testing.T) {
	const answer = `{"response":"ok","total_steps":2}`
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int       // of the answer handed back; 0: an error
		kind    ErrorKind // of the error
		reason  string
	}{
		{"200", respond(200, "application/json; charset=utf-8", answer), 200, "", ""},
		{"400 problem", respond(400, "application/problem+json", `{"title":"bad"}`), 400, "", ""},
		{"413 problem", respond(413, "application/problem+json", `{}`), 413, "", ""},
		{"422 JSON", respond(422, "application/json", `{}`), 422, "", ""},
		{"429 problem", respond(429, "application/problem+json", `{}`), 429, "", ""},
		{"400 HTML", respond(400, "text/html", `<html>`), 0, KindSubAgent, "not_json"},
		{"200 HTML", respond(200, "text/html", `<html>`), 0, KindSubAgent, "not_json"},
		{"200 that only claims to be JSON", respond(200, "application/json", `<html>`), 0, KindSubAgent, "not_json"},
		{"204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, 0, KindSubAgent, "not_json"},
		{"401 JSON", respond(401, "application/json", `{}`), 0, KindSubAgent, "401"},
		{"403 HTML", respond(403, "text/html", `<html>`), 0, KindSubAgent, "403"},
		{"404 problem", respond(404, "application/problem+json", `{}`), 0, KindSubAgent, "404"},
		{"405", respond(405, "application/problem+json", `{}`), 0, KindSubAgent, "405"},
		{"408", respond(408, "application/problem+json", `{}`), 0, KindSubAgent, "408"},
		{"500", respond(500, "application/problem+json", `{"detail":"boom"}`), 0, KindSubAgent, "500"},
		{"503 HTML", respond(503, "text/html", `<html>`), 0, KindSubAgent, "503"},
		{"504", respond(504, "application/problem+json", `{}`), 0, KindTimeout, "504"},
		{"10 MB", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 10 {
				w.Write(chunk)
			}
		}, 0, KindSubAgent, "too_large"},
		{"broken off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"response":`)
		}, 0, KindSubAgent, "connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			server := serve(t, tt.handler)
			res, err := newSubAgent(t, SubAgentConfig{URL: server.URL}).Execute(t.Context(), []byte(`{"task":"x"}`))
			if tt.status != 0 {
				if err != nil || res.Status != tt.status {
					t.Fatalf("Execute = %+v, %v; want status %d", res, err, tt.status)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.Reason != tt.reason {
				t.Fatalf("Execute = %+v, %#v; want kind %s, reason %s", res, err, tt.kind, tt.reason)
			}
			if !strings.Contains(e.Message, "sub-agent") {
				t.Errorf("the message does not say which side failed: %q", e.Message)
			}
		})
	}
}

func TestSubAgentRequest(t *testing.T) {
	noLeaks(t)
	var got *http.Request
	var body []byte
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "17")
		respond(429, "application/problem+json", `{"detail":"quota"}`)(w, r)
	})
	s := newSubAgent(t, SubAgentConfig{URL: server.URL + "/base/"})
	res, err := s.Execute(ContextWithDepth(spanContext(0xaa, 0xbb), 2), []byte(`{"task":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if res.RetryAfter != "17" || string(res.Body) != `{"detail":"quota"}` ||
		res.ContentType != "application/problem+json" {
		t.Errorf("answer = %+v", res)
	}
	if got.Method != "POST" || got.URL.Path != "/base/api/v1/agent/execute" || string(body) != `{"task":"x"}` {
		t.Errorf("request = %s %s %s", got.Method, got.URL.Path, body)
	}
	want := map[string]string{
		"Content-Type": "application/json", DepthHeader: "3", "Authorization": "",
		"Traceparent": "00-000000000000000000000000000000aa-00000000000000bb-01",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("header %s = %q, want %q", name, got.Header.Get(name), value)
		}
	}
}

func TestSubAgentDown(t *testing.T) {
	noLeaks(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, err = newSubAgent(t, SubAgentConfig{URL: "http://" + listener.Addr().String()}).Execute(t.Context(), nil)
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindSubAgent || e.Reason != "connection" {
		t.Errorf("Execute = %v, want KindSubAgent, connection", err)
	}
	if strings.Contains(e.Message, listener.Addr().String()) {
		t.Errorf("the public message shows the address: %q", e.Message)
	}
}

func TestSubAgentSlow(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		caller  func(context.Context) (context.Context, context.CancelFunc)
		kind    ErrorKind
		message string
	}{
		{"its own limit", 20 * time.Millisecond, context.WithCancel, KindTimeout, "within 20ms"},
		{"the caller's deadline", time.Minute, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Millisecond)
		}, KindTimeout, "Time ran out"},
		{"the caller leaves", time.Minute, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		}, KindCanceled, "cancelled"},
	}
	for _, where := range []string{"before the header", "in the body"} {
		for _, tt := range tests {
			t.Run(tt.name+" "+where, func(t *testing.T) {
				noLeaks(t)
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body) // the server notices a hang-up only when the body is read
					if where == "in the body" {
						w.Header().Set("Content-Type", "application/json")
						io.WriteString(w, `{"response":`)
						w.(http.Flusher).Flush()
					}
					<-r.Context().Done()
				})
				ctx, cancel := tt.caller(t.Context())
				defer cancel()
				_, err := newSubAgent(t, SubAgentConfig{URL: server.URL, Timeout: tt.timeout}).Execute(ctx, []byte(`{}`))
				var e *Error
				if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(e.Message, tt.message) {
					t.Errorf("Execute = %v, want %s with %q", err, tt.kind, tt.message)
				}
			})
		}
	}
}

func TestSubAgentFollowsNoRedirect(t *testing.T) {
	noLeaks(t)
	var strayed atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { strayed.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, status)
		}))
		s := newSubAgent(t, SubAgentConfig{URL: server.URL, HTTPClient: server.Client(),
			Token: func(context.Context, string) (string, error) { return "secret", nil }})
		_, err := s.Execute(t.Context(), []byte(`{}`))
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindSubAgent || e.Reason != "redirect" {
			t.Errorf("%d: Execute = %v, want a redirect error", status, err)
		}
		server.Close()
	}
	if strayed.Load() != 0 {
		t.Error("a redirect was followed to another host")
	}
}

func TestSubAgentLoopEndsBeforeAnyCall(t *testing.T) {
	noLeaks(t)
	var calls atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		respond(200, "application/json", `{}`)(w, r)
	})
	s := newSubAgent(t, SubAgentConfig{URL: server.URL})
	for depth := range MaxDepth {
		if _, err := s.Execute(ContextWithDepth(t.Context(), depth), []byte(`{}`)); err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
	}
	calls.Store(0)
	_, err := s.Execute(ContextWithDepth(t.Context(), MaxDepth), []byte(`{}`))
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindLoop || !strings.Contains(e.Message, "circle") {
		t.Errorf("Execute at the limit = %v, want KindLoop", err)
	}
	if calls.Load() != 0 {
		t.Error("the sub-agent was called at the limit")
	}
}

func TestNilSubAgentIsNotConfigured(t *testing.T) {
	var s *SubAgent
	_, err := s.Execute(t.Context(), nil)
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindNotConfigured || !strings.Contains(e.Message, "SUB_AGENT_URL") {
		t.Errorf("Execute = %v, want KindNotConfigured naming SUB_AGENT_URL", err)
	}
}
