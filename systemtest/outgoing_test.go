package systemtest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// everything is a call that carries all a caller can send along.
func everything(text string) call {
	c := call{body: `{"task":"` + text + `","user_id":"user-4711","session_id":"session-4711"}`}
	for name, value := range map[string]string{
		"traceparent": "00-" + w3cTrace + "-" + w3cSpan + "-01", "tracestate": "vendor=state-4711",
		"baggage": "user.id=baggage-4711", "b3": b3Trace + "-" + b3Span + "-1",
		"X-B3-TraceId": b3Trace, "X-B3-SpanId": b3Span, "X-B3-Sampled": "1",
		"X-Cloud-Trace-Context": xctTrace + "/1;o=1", "X-Correlation-ID": "corr-4711", "X-Request-ID": "req-4711",
		"X-Delegation-Depth": "1", "Authorization": "Bearer caller-4711", "Cookie": "c=cookie-4711",
	} {
		c = c.with(name, value)
	}
	return c
}

// The model provider gets the task, the tools and the key: nothing that ties the request to a trace or a user of ours.
func TestNothingOfOursReachesGemini(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  map[string]string
	}{
		{"Gemini API", nil},
		{"Vertex AI", map[string]string{
			"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_API_KEY": testKey, "GEMINI_API_KEY": "-",
		}},
		{"every propagator there is", map[string]string{
			"OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace,cloudtrace",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: tt.env, script: []geminisim.Reply{
				geminisim.QuotaExceeded(soon), use("calculate", "expression", "6*7"), geminisim.Text("It is 42."),
			}})
			s.do(everything("What is 6*7?")).want(t, 200)

			requests := s.sim.Requests()
			if len(requests) != 3 {
				t.Fatalf("%d requests, want 3", len(requests))
			}
			allowed := []string{
				"Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "X-Goog-Api-Client", "X-Goog-Api-Key",
				"X-Server-Timeout",
			}
			for _, r := range requests {
				for name, values := range r.Header {
					if !slices.Contains(allowed, name) {
						t.Errorf("the header %s: %q went to the model", name, values)
					}
				}
				all := r.Path + "?" + r.Query + string(r.Raw)
				for _, id := range []string{"4711", w3cTrace, b3Trace, xctTrace, w3cSpan, b3Span} {
					if strings.Contains(all, id) {
						t.Errorf("%s went to the model: %s", id, all)
					}
				}
			}
		})
	}
}

// A sub-agent is ours: it gets the trace, the baggage and the correlation id, and nothing of the caller's identity.
func TestASubAgentGetsTheTrace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got http.Header
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = r.Header.Clone()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"response":"ok"}`))
	}))
	defer sub.Close()
	s := start(t, setup{env: map[string]string{"SUB_AGENT_URL": sub.URL}})
	c := everything("Hi")
	c.path = delegatePath
	a := s.do(c).want(t, 200)

	mu.Lock()
	defer mu.Unlock()
	span := a.span(t, "POST "+executePath).SpanContext()
	for name, want := range map[string]string{
		"Traceparent": "00-" + b3Trace + "-" + span.SpanID().String() + "-01", "Baggage": "user.id=baggage-4711",
		"X-B3-Traceid": b3Trace, "X-B3-Spanid": span.SpanID().String(), "X-B3-Sampled": "1",
		"X-Correlation-Id": "corr-4711", "X-Delegation-Depth": "2",
		"Authorization": "", "Cookie": "", "X-Cloud-Trace-Context": "", "X-Request-Id": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
}

// What the sub-agent has to say to the caller passes through.
func TestDelegateHandsTheAnswerBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status            int
		contentType, body string
		retryAfter        string
	}{
		{200, "application/json", `{"response":"ok"}`, ""},
		{400, "application/problem+json", `{"detail":"task is odd"}`, ""},
		{429, "application/problem+json", `{"detail":"quota"}`, "17"},
	} {
		sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.contentType)
			if tt.retryAfter != "" {
				w.Header().Set("Retry-After", tt.retryAfter)
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		s := start(t, setup{env: map[string]string{"SUB_AGENT_URL": sub.URL}})
		a := s.do(call{path: delegatePath, body: `{"task":"Hi"}`}).want(t, tt.status)
		sub.Close()
		if string(a.body) != tt.body || a.header.Get("Content-Type") != tt.contentType ||
			a.header.Get("Retry-After") != tt.retryAfter {
			t.Errorf("answer %s, headers %v", a.body, a.header)
		}
	}
}
