package agent

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// geminiAt returns a model whose service is the handler, over a real connection, with no waits.
func geminiAt(t *testing.T, env map[string]string, handler http.HandlerFunc) *Gemini {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	settings := map[string]string{"GEMINI_API_KEY": "k-secret-k", "GOOGLE_GEMINI_BASE_URL": server.URL, "GOOGLE_VERTEX_BASE_URL": server.URL}
	for k, v := range env {
		settings[k] = v
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: &http.Client{Transport: transport}, Getenv: getenv(settings)})
	if err != nil {
		t.Fatal(err)
	}
	g.wait.first, g.wait.most = 1, 1
	return g
}

const (
	errorInfo = `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%s","domain":"googleapis.com","metadata":{"service":"%s"}}`
	perDay    = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"m","quotaId":"GenerateRequestsPerDayPerProjectPerModel","quotaValue":"250"}]}`
	noQuota   = `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateContentInputTokensPerModelPerMinute","quotaValue":"0"}]}`
	retryInfo = `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.001s"}`
	badField  = `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"tools[0].function_declarations[1].parameters","description":"nested too deep"}]}`
)

func googleError(code int, status, message string, details ...string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[%s]}}`, code, message, status, strings.Join(details, ","))
}

// What the service refuses with: the status decides what happens, the caller's text says what to look at, the cause for
// log and span says what the service gave as its reason. No text holds the key or what was asked.
func TestRefusalsExplainThemselves(t *testing.T) {
	vertex := map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}
	for _, tt := range []struct {
		name     string
		env      map[string]string
		status   int
		header   string // Retry-After
		body     string
		kind     ErrorKind
		says     string // part of the caller's text
		cause    string // part of the private cause
		attempts int
		wait     time.Duration // at least, in RetryAfter
	}{
		{name: "API not enabled", status: 403, body: googleError(403, "PERMISSION_DENIED", "it is disabled",
			fmt.Sprintf(errorInfo, "SERVICE_DISABLED", "generativelanguage.googleapis.com")),
			kind: KindModel, says: "gcloud services enable generativelanguage.googleapis.com", cause: "403 PERMISSION_DENIED SERVICE_DISABLED", attempts: 1},
		{name: "API not enabled, Vertex", env: vertex, status: 403, body: googleError(403, "PERMISSION_DENIED", "no",
			fmt.Sprintf(errorInfo, "SERVICE_DISABLED", "$(rm -rf)")), kind: KindModel, says: "gcloud services enable aiplatform.googleapis.com", attempts: 1},
		{name: "billing", status: 403, body: googleError(403, "PERMISSION_DENIED", "no", fmt.Sprintf(errorInfo, "BILLING_DISABLED", "")),
			kind: KindModel, says: "Billing is not enabled", cause: "BILLING_DISABLED", attempts: 1},
		{name: "key of another API", status: 403, body: googleError(403, "PERMISSION_DENIED", "no", fmt.Sprintf(errorInfo, "API_KEY_SERVICE_BLOCKED", "")),
			kind: KindModel, says: "API restrictions", attempts: 1},
		{name: "key of another place", status: 403, body: googleError(403, "PERMISSION_DENIED", "no", fmt.Sprintf(errorInfo, "API_KEY_IP_ADDRESS_BLOCKED", "")),
			kind: KindModel, says: "not allowed from here", attempts: 1},
		{name: "invalid key", status: 400, body: googleError(400, "INVALID_ARGUMENT", "bad", fmt.Sprintf(errorInfo, "API_KEY_INVALID", "")),
			kind: KindModel, says: "check GEMINI_API_KEY", cause: "API_KEY_INVALID", attempts: 1},
		{name: "no role, Vertex", env: vertex, status: 403, body: googleError(403, "PERMISSION_DENIED", "Permission denied", fmt.Sprintf(errorInfo, "IAM_PERMISSION_DENIED", "")),
			kind: KindModel, says: "roles/aiplatform.user", cause: "IAM_PERMISSION_DENIED", attempts: 1},
		{name: "region", status: 400, body: googleError(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
			kind: KindModel, says: "GOOGLE_CLOUD_LOCATION", cause: "FAILED_PRECONDITION", attempts: 1},
		{name: "model, Vertex", env: vertex, status: 404, body: googleError(404, "NOT_FOUND", "Publisher Model was not found"),
			kind: KindModel, says: "check GEMINI_MODEL and GOOGLE_CLOUD_LOCATION", attempts: 1},
		{name: "a tool, by its number", status: 400, body: googleError(400, "INVALID_ARGUMENT", "schema", badField),
			kind: KindModel, says: "declaration of the tool fetch of tools.example", cause: "at tools[0].function_declarations[1].parameters (tool fetch of tools.example)", attempts: 1},
		{name: "a tool, by its name", status: 400, body: googleError(400, "INVALID_ARGUMENT", "FunctionDeclaration 'fetch' parameters exceeds the maximum allowed nesting depth."),
			kind: KindModel, says: "tool fetch of tools.example", cause: "maximum allowed nesting depth", attempts: 1},
		{name: "a number beyond the tools", status: 400, body: googleError(400, "INVALID_ARGUMENT", "function_declarations[99]"),
			kind: KindModel, says: "refused the request with 400", attempts: 1},
		{name: "a quotation", status: 400, body: googleError(400, "INVALID_ARGUMENT", "Invalid value (TYPE_STRING), my very private question with key=hunter2hunter2"),
			kind: KindModel, says: "refused the request with 400", cause: "Invalid value (TYPE_STRING), [REDACTED]", attempts: 1},
		{name: "a gateway without a code", status: 404, body: `{"error":{"message":"no such model","type":"not_found"}}`,
			kind: KindModel, says: "check GEMINI_MODEL", cause: "no such model", attempts: 1},
		{name: "a gateway with a wrong code", status: 503, body: `{"error":{"code":0,"message":"later"}}`,
			kind: KindModel, says: "failed with 503 after 4 attempts", attempts: 4},
		{name: "a code that is a text", status: 429, body: `{"error":{"code":"rate_limit_exceeded","message":"slow down"}}`,
			kind: KindQuota, says: "quota is spent", cause: "slow down", attempts: 4},
		{name: "an error that is a text", status: 400, body: `{"error":"bad thing"}`, kind: KindModel, says: "400", cause: "bad thing", attempts: 1},
		{name: "a list", status: 400, body: `[` + googleError(400, "INVALID_ARGUMENT", "in a list") + `]`, kind: KindModel, cause: "INVALID_ARGUMENT: in a list", attempts: 1},
		{name: "a page", status: 502, body: `<html>bad gateway</html>`, kind: KindModel, says: "failed with 502 after 4 attempts", attempts: 4},
		{name: "nothing", status: 401, body: ``, kind: KindModel, says: "credentials", attempts: 1},
		{name: "a redirect", status: 307, body: ``, kind: KindModel, says: "check GOOGLE_GEMINI_BASE_URL", attempts: 1},
		{name: "quota for a moment", status: 429, body: googleError(429, "RESOURCE_EXHAUSTED", "minute", retryInfo), kind: KindQuota, says: "Try again later", attempts: 4},
		{name: "quota of the day", status: 429, body: googleError(429, "RESOURCE_EXHAUSTED", "quota", perDay, retryInfo), kind: KindQuota, says: "of the day", attempts: 1, wait: time.Second},
		{name: "no quota at all", status: 429, body: googleError(429, "RESOURCE_EXHAUSTED", "quota", noQuota), kind: KindQuota, says: "no quota for the model", attempts: 1, wait: time.Hour},
		{name: "spent credits", status: 429, body: googleError(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), kind: KindQuota, says: "billing", attempts: 1, wait: time.Hour},
		{name: "Retry-After in seconds", status: 429, header: "3600", body: `{}`, kind: KindQuota, attempts: 1, wait: time.Hour},
		{name: "Retry-After as a date", status: 429, header: time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat), body: `{}`, kind: KindQuota, attempts: 1, wait: time.Hour},
		{name: "Retry-After that is none", status: 429, header: "soon", body: `{}`, kind: KindQuota, attempts: 4},
		{name: "details of odd types", status: 400, body: `{"error":{"message":7,"status":[],"details":[null,7,{"@type":5},{"@type":"x/google.rpc.ErrorInfo","reason":"<b>","metadata":[]}]}}`,
			kind: KindModel, cause: "the service answered 400", attempts: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var requests, elsewhere atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
			defer other.Close()
			g := geminiAt(t, tt.env, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.Header().Set("Location", other.URL)
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			})
			_, err := g.Generate(t.Context(), &Request{
				Tools: []Declaration{{Name: "look"}, {Name: "fetch", Source: "tools.example"}},
				Turns: []Turn{{Text: "my very private question with key=hunter2hunter2"}},
			})
			e := wantError(t, err, tt.kind, fmt.Sprint(tt.status))
			if !strings.Contains(e.Message, tt.says) || !strings.Contains(e.Err.Error(), tt.cause) {
				t.Errorf("says %q\ncause %q", e.Message, e.Err)
			}
			if strings.Contains(e.Error(), "secret") || strings.Contains(e.Error(), "private") || strings.Contains(e.Error(), "hunter2") {
				t.Errorf("the error tells too much: %q", e)
			}
			if int(requests.Load()) != tt.attempts || elsewhere.Load() != 0 {
				t.Errorf("%d attempts, want %d; %d requests went elsewhere", requests.Load(), tt.attempts, elsewhere.Load())
			}
			if e.RetryAfter < tt.wait {
				t.Errorf("RetryAfter %v, want at least %v", e.RetryAfter, tt.wait)
			}
		})
	}
}

// FuzzExplain: whatever a refusal says, it is explained in one line.
func FuzzExplain(f *testing.F) {
	f.Add(googleError(400, "INVALID_ARGUMENT", "function_declarations[0]", badField), "12")
	f.Add(`[{"error":{"details":[{"@type":"a/google.rpc.QuotaFailure","violations":[{}]}]}}]`, "Wed, 21 Oct 2015 07:28:00 GMT")
	g := &Gemini{cfg: GeminiConfig{}.withDefaults()}
	f.Fuzz(func(t *testing.T, body, after string) {
		r := &refusal{status: 400, header: http.Header{"Retry-After": {after}}, body: []byte(body)}
		got := g.refused(r, 1, &Request{Tools: []Declaration{{Name: "f"}}, Turns: []Turn{{Text: "a long question that is asked"}}})
		if strings.ContainsAny(got.err.Err.Error(), "\n\r") || got.wait < 0 {
			t.Fatalf("%+v", got)
		}
	})
}

// What is read of an answer is bounded, however small it was on the way: a large answer, an endless one, one that grows
// when it is unpacked.
func TestAnswersOfTheModelAreBounded(t *testing.T) {
	chunk := []byte(strings.Repeat("x", 1<<20))
	for name, answer := range map[string]http.HandlerFunc{
		"100 MB": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"candidates":[{"content":{"parts":[{"text":"`)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"a gzip bomb": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
			z.Close()
		},
		"an endless refusal": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			for range 100 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			g := geminiAt(t, nil, func(w http.ResponseWriter, r *http.Request) { requests.Add(1); answer(w, r) })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := g.Generate(t.Context(), question)
			runtime.ReadMemStats(&after)
			reason := "too_large"
			if name == "an endless refusal" {
				reason = "400"
			}
			wantError(t, err, KindModel, reason)
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 120 || requests.Load() != 1 {
				t.Errorf("took %d MiB and %d requests", mb, requests.Load())
			}
		})
	}
}

// Each failed attempt leaves an event that says why there was another, and when.
func TestRetriesAreEvents(t *testing.T) {
	var n atomic.Int32
	g := geminiAt(t, nil, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			w.WriteHeader(503)
		case 2:
			io.WriteString(w, `{"candidates":`)
		default:
			io.WriteString(w, `{"candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"hi"}]}}]}`)
		}
	})
	rec := tracingtest.NewRecorder()
	if _, err := New(g, Config{Tracer: agenttrace.New(rec, agenttrace.Config{})}).Run(t.Context(), Task{Text: "go"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range spanCalled(t, rec.Spans(), "llm.generate").Events() {
		attrs := map[string]any{}
		for _, kv := range e.Attributes {
			attrs[string(kv.Key)] = kv.Value.AsInterface()
		}
		data, _ := json.Marshal(attrs)
		got = append(got, e.Name+string(data))
	}
	want := `llm.retry{"asked_wait_ms":0,"attempt":1,"reason":"503","wait_ms":0} llm.retry{"asked_wait_ms":0,"attempt":2,"reason":"bad_response","wait_ms":0}`
	if strings.Join(got, " ") != want {
		t.Errorf("events %s", got)
	}
}
