package systemtest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// wire is an HTTP server of nothing but the wire: it answers one request after the other, the last answer again and again,
// and remembers what came.
type wire struct {
	answers []http.HandlerFunc

	mu       sync.Mutex
	requests []string // bodies
}

func (s *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	answer := s.answers[min(len(s.requests), len(s.answers)-1)]
	s.requests = append(s.requests, string(body))
	s.mu.Unlock()
	answer(w, r)
}

// begin forgets what came and answers anew.
func (s *wire) begin(answers []http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers, s.requests = answers, nil
}

func (s *wire) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// model answers as Gemini does, with parts as they stand on the wire.
func model(finish string, parts ...string) http.HandlerFunc {
	return says(200, `{"candidates":[{"index":0,"finishReason":"`+finish+`","content":{"role":"model","parts":[`+
		strings.Join(parts, ",")+`]}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},`+
		`"modelVersion":"gemini-3.8-flash","responseId":"r"}`)
}

const (
	callLookup = `{"functionCall":{"name":"lookup","args":{"q":"x"},"id":"c1"},"thoughtSignature":"_-8"}`
	done       = `{"text":"done","thoughtSignature":"c2ln"}`
)

func refusal(code int, status, message, details string) http.HandlerFunc {
	return says(code, fmt.Sprintf(`{"error":{"code":%d,"status":%q,"message":%q,"details":[%s]}}`, code, status, message, details))
}

// border is one thing a peer of the world does that none of ours would, and what is right then.
type border struct {
	name    string
	answers []http.HandlerFunc // of Gemini
	tool    string             // what the tool lookup returns, a JSON-RPC result; default a text

	status   int
	answer   string            // part of the body
	requests int               // to Gemini
	sent     map[int]string    // by the number of the request: part of its body
	not      map[int]string    // and what must not be in it
	spans    map[string]string // by "name key": part of the attribute's value; key "status" is the status text
	log      []string          // parts of the log
}

// TestBordersOfGemini sends over HTTP what real Geminis, and gateways in their place, have been seen to answer.
func TestBordersOfGemini(t *testing.T) {
	t.Parallel()
	elsewhere := &wire{answers: []http.HandlerFunc{model("STOP", done)}}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	noise := strings.Repeat("x", 1<<20)
	perDay := `{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel"}]}`
	t.Run("rows", func(t *testing.T) {
		for _, b := range []border{
			{
				name:    "a text that looks like a structure stays the text",
				answers: []http.HandlerFunc{model("STOP", callLookup), model("STOP", done)},
				tool:    `{"content":[{"type":"text","text":"[{\"id\":1234567890123456789,\"limit\":1e400,\"$ref\":\"#/x\"}]"}]}`,
				status:  200, answer: `"response":"done"`, requests: 2,
				sent:  map[int]string{1: `"output":"[{\"id\":1234567890123456789,\"limit\":1e400,\"$ref\":\"#/x\"}]"`},
				spans: map[string]string{"tool.lookup tool.success": "true", "tool.lookup tool.args": `{"q":"x"}`},
				log:   []string{`"tools":["lookup"]`, `"finish_reason":"stop"`},
			},
			{
				name:    "an empty part is not echoed, a signature is, as it came",
				answers: []http.HandlerFunc{model("STOP", `{"text":""}`, callLookup), model("STOP", done)},
				status:  200, answer: `"response":"done"`, requests: 2,
				sent:  map[int]string{1: `"thoughtSignature":"_-8"`},
				not:   map[int]string{1: `{"parts":[{}`},
				spans: map[string]string{"tool.lookup tool.success": "true"},
				log:   []string{`"finish_reason":"stop"`},
			},
			{
				name:    "unknown parts are echoed whole",
				answers: []http.HandlerFunc{model("STOP", `{"hologram":{"n":1.50}}`, callLookup), model("STOP", done)},
				status:  200, answer: `"response":"done"`, requests: 2, sent: map[int]string{1: `{"hologram":{"n":1.50}}`},
			},
			{
				name:    "a call without a name is asked for again, once",
				answers: []http.HandlerFunc{model("STOP", `{"functionCall":{"args":{}},"thoughtSignature":"AA"}`), model("STOP", done)},
				status:  200, answer: `"response":"done"`, requests: 2,
				log: []string{`"finish_reason":"stop"`, `"input_tokens":20`},
			},
			{
				name:    "calls without a name for ever",
				answers: []http.HandlerFunc{model("STOP", `{"functionCall":{"args":{}}}`)},
				status:  502, requests: 2, log: []string{`"error_type":"malformed"`, `"input_tokens":20`},
			},
			{
				name:    "a filter's finish reason that the SDK does not know",
				answers: []http.HandlerFunc{model("MODEL_ARMOR")},
				status:  200, answer: `"finish_reason":"blocked"`, requests: 1,
				spans: map[string]string{"llm.generate gen_ai.response.finish_reasons": "content_filter"},
				log:   []string{`"finish_reason":"blocked"`},
			},
			{
				name:    "a prompt blocked for a reason the SDK does not know",
				answers: []http.HandlerFunc{says(200, `{"promptFeedback":{"blockReason":"MODEL_ARMOR"},"usageMetadata":{"promptTokenCount":7}}`)},
				status:  200, answer: `"finish_reason":"blocked"`, requests: 1, log: []string{`"finish_reason":"blocked"`, `"input_tokens":7`},
			},
			{
				name:    "another new reason, with a text",
				answers: []http.HandlerFunc{model("SOLAR_FLARE", done)},
				status:  200, answer: `"response":"done"`, requests: 1, log: []string{`"finish_reason":"other"`},
			},
			{
				name:    "an error body without a numeric code",
				answers: []http.HandlerFunc{says(404, `{"error":{"message":"no model gemini-x here","type":"not_found"}}`)},
				status:  502, answer: "GEMINI_MODEL", requests: 1,
				spans: map[string]string{"llm.generate error.type": "404", "llm.generate status": "no model gemini-x here"},
				log:   []string{`"error_type":"404"`, "no model gemini-x here"},
			},
			{
				name: "a quota in another's words",
				answers: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Retry-After", "3600")
					says(429, `{"error":{"code":"rate_limit_exceeded","message":"slow down"}}`)(w, r)
				}},
				status: 429, requests: 1, spans: map[string]string{"llm.generate error.type": "429"}, log: []string{`"error_type":"429"`, "slow down"},
			},
			{
				name: "a refusal of one tool names the tool",
				answers: []http.HandlerFunc{refusal(400, "INVALID_ARGUMENT",
					"FunctionDeclaration 'lookup' in the request exceeds the maximum allowed nesting depth.", "")},
				status: 502, answer: "tool lookup", requests: 1,
				spans: map[string]string{"llm.generate status": "maximum allowed nesting depth", "llm.generate error.type": "400"},
				log:   []string{"maximum allowed nesting depth", `"error_type":"400"`},
			},
			{
				name: "an API that is not enabled",
				answers: []http.HandlerFunc{refusal(403, "PERMISSION_DENIED", "it is disabled",
					`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com"}`)},
				status: 502, answer: "gcloud services enable generativelanguage.googleapis.com", requests: 1,
				spans: map[string]string{"llm.generate status": "SERVICE_DISABLED"}, log: []string{"SERVICE_DISABLED"},
			},
			{
				name:    "the quota of the day is not tried again",
				answers: []http.HandlerFunc{refusal(429, "RESOURCE_EXHAUSTED", "quota", perDay)},
				status:  429, answer: "of the day", requests: 1, log: []string{`"error_type":"429"`},
			},
			{
				name:    "neither are spent credits",
				answers: []http.HandlerFunc{refusal(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", "")},
				status:  429, answer: "billing", requests: 1, log: []string{"credits are depleted"},
			},
			{
				name: "a redirect is not followed",
				answers: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
				}},
				status: 502, answer: "GOOGLE_GEMINI_BASE_URL", requests: 1,
				spans: map[string]string{"llm.generate error.type": "307"}, log: []string{`"error_type":"307"`},
			},
			{
				name: "an answer of 100 MB",
				answers: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `{"candidates":[{"content":{"parts":[{"text":"`)
					for range 100 {
						if _, err := io.WriteString(w, noise); err != nil {
							return
						}
					}
				}},
				status: 502, requests: 1, spans: map[string]string{"llm.generate error.type": "too_large"}, log: []string{`"error_type":"too_large"`},
			},
			{
				name: "a small answer that unpacks to a gigabyte",
				answers: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Encoding", "gzip")
					z := gzip.NewWriter(w)
					for range 1000 {
						if _, err := io.WriteString(z, noise); err != nil {
							return
						}
					}
					_ = z.Close()
				}},
				status: 502, requests: 1, spans: map[string]string{"llm.generate error.type": "too_large"}, log: []string{`"error_type":"too_large"`},
			},
		} {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				b.check(t)
			})
		}
	})
	if n := len(elsewhere.seen()); n > 0 {
		t.Errorf("%d requests went where a redirect pointed", n)
	}
}

// A model that came out after this program works.
func TestANewerModelWorks(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"GEMINI_MODEL": "gemini-4-argon"}})
	a := s.do(task("What is 12 * 7?")).want(t, 200)
	if got := a.fields(t)["model"]; got != "gemini-4-argon-simulated" {
		t.Errorf("model %v", got)
	}
	if got := taskLine(t, s.log)["finish_reason"]; got != "stop" {
		t.Errorf("finish reason %v", got)
	}
}

// check runs one task through the whole function, between a raw Gemini and a raw tool service.
func (b border) check(t *testing.T) {
	gemini := &wire{answers: []http.HandlerFunc{model("STOP", done)}}
	geminiServer := httptest.NewServer(gemini)
	t.Cleanup(geminiServer.Close)
	if b.tool == "" {
		b.tool = `{"content":[{"type":"text","text":"found"}]}`
	}
	service := httptest.NewServer(&mcpWire{tools: `[{"name":"lookup","inputSchema":{"type":"object","properties":{"q":{"type":"string"}}}}]`,
		result: func(string) string { return b.tool }})
	t.Cleanup(service.Close)
	s := start(t, setup{env: map[string]string{"GOOGLE_GEMINI_BASE_URL": geminiServer.URL, "MCP_SERVER_URL": service.URL}})
	s.awaitTool(t, func() bool { return strings.Contains(gemini.seen()[0], `"name":"lookup"`) }, func() { gemini.begin(gemini.answers) })
	gemini.begin(b.answers)
	a := s.do(task("go")).want(t, b.status)
	if !strings.Contains(string(a.body), b.answer) {
		t.Errorf("answered %s, want %q", a.body, b.answer)
	}
	requests := gemini.seen()
	if len(requests) != b.requests {
		t.Errorf("%d requests to Gemini, want %d", len(requests), b.requests)
	}
	for i, part := range b.sent {
		if i >= len(requests) || !strings.Contains(requests[i], part) {
			t.Errorf("%q is not in request %d of\n%s", part, i, strings.Join(requests, "\n"))
		}
	}
	for i, part := range b.not {
		if i < len(requests) && strings.Contains(requests[i], part) {
			t.Errorf("%q is in request %d: %s", part, i, requests[i])
		}
	}
	a.checkSpans(t, b.spans)
	checkLog(t, s, b.log)
}

// awaitTool runs tasks until a tool service has been listened to: the function does not wait for a slow one, and a machine
// under load makes any slow.
func (s *system) awaitTool(t *testing.T, offered func() bool, again func()) {
	t.Helper()
	for begin := time.Now(); ; again() {
		s.do(task("hello")).want(t, 200)
		if offered() {
			return
		}
		if time.Since(begin) > patience {
			t.Fatal("the tool is never offered")
		}
	}
}

// checkSpans looks for each "name key" on some span of the name.
func (a answer) checkSpans(t *testing.T, want map[string]string) {
	t.Helper()
	for at, part := range want {
		i := strings.LastIndexByte(at, ' ')
		name, key := at[:i], at[i+1:]
		var got []string
		for _, span := range a.spans {
			if span.Name() != name {
				continue
			}
			value := text(span, key)
			if key == "status" {
				value = span.Status().Description
			}
			got = append(got, value)
		}
		if !strings.Contains(strings.Join(got, "\n"), part) || len(got) == 0 {
			t.Errorf("%s = %q, want %q", at, got, part)
		}
	}
}

// checkLog looks for parts of the log, for the one line of the task, and for what must stand in no log.
func checkLog(t *testing.T, s *system, want []string) {
	t.Helper()
	if !strings.Contains(s.log.String(), `"message":"task done"`) {
		t.Error("the log does not tell of the task")
	}
	for _, part := range want {
		if !strings.Contains(s.log.String(), part) {
			t.Errorf("the log lacks %q:\n%s", part, s.log)
		}
	}
	if strings.Contains(s.log.String(), testKey) {
		t.Error("the key stands in the log")
	}
}

// bare reports whether a span is named by the method of its request alone, which tells nobody what it was for.
func bare(kind trace.SpanKind, name, method string) bool {
	return kind == trace.SpanKindClient && name == method
}
