package systemtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing"
)

// body makes a request body with one more field than task.
func body(field, value string) string { return fmt.Sprintf(`{"task":"Hi",%q:%s}`, field, value) }

func quoted(s string) string { return `"` + s + `"` }

// Whatever is wrong with a request, its answer says so in one form, names the field, and never asks the model.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	const notJSON = "the body is not valid JSON"
	for _, tt := range []struct {
		name          string
		call          call
		status        int
		detail, field string
	}{
		{"empty body", call{}, 400, "the body is empty", ""},
		{"blanks only", call{body: " \n"}, 400, "the body is empty", ""},
		{"not JSON", call{body: "hello"}, 400, notJSON, ""},
		{"cut off", call{body: `{"task":"Hi"`}, 400, notJSON, ""},
		{"cut off in a string", call{body: `{"task":"Hi`}, 400, notJSON, ""},
		{"single quotes", call{body: `{'task':'Hi'}`}, 400, notJSON, ""},
		{"control character", call{body: "{\"task\":\"a\x00b\"}"}, 400, notJSON, ""},
		{"invalid UTF-8", call{body: "{\"task\":\"a\xff\"}"}, 400, "UTF-8", ""},
		{"two byte order marks", call{body: "\ufeff\ufeff{\"task\":\"Hi\"}"}, 400, notJSON, ""},
		{"trailing garbage", call{body: `{"task":"Hi"} x`}, 400, "JSON", ""},
		{"two values", call{body: `{"task":"Hi"}{"task":"Ho"}`}, 400, "more than one", ""},
		{"an array", call{body: `[{"task":"Hi"}]`}, 400, "must be a JSON object", ""},
		{"a string", call{body: `"Hi"`}, 400, "must be a JSON object", ""},
		{"null", call{body: `null`}, 400, "task is empty", "task"},
		{"deep nesting", call{body: strings.Repeat("[", 100_000)}, 400, "JSON", ""},
		{"deep nesting in a field", call{body: `{"task":` + strings.Repeat("[", 100_000)}, 400, "JSON", ""},

		{"no task", call{body: `{}`}, 400, "task is empty", "task"},
		{"task null", call{body: `{"task":null}`}, 400, "task is empty", "task"},
		{"task empty", call{body: `{"task":""}`}, 400, "task is empty", "task"},
		{"task blank", call{body: `{"task":" \t\n\u00a0\u2003"}`}, 400, "task is empty", "task"},
		{"task number", call{body: `{"task":7}`}, 400, "task must be a string", "task"},
		{"task object", call{body: `{"task":{"text":"Hi"}}`}, 400, "task must be a string", "task"},
		{"task too long", task(strings.Repeat("x", 32_769)), 400, "32769 bytes", "task"},
		{"task too long in bytes", task(strings.Repeat("ñ", 16_385)), 400, "32770 bytes", "task"},
		{"user_id number", call{body: body("user_id", "7")}, 400, "user_id must be a string", "user_id"},
		{"user_id too long", call{body: body("user_id", quoted(strings.Repeat("u", 257)))}, 400, "257 bytes", "user_id"},
		{"session_id list", call{body: body("session_id", "[]")}, 400, "session_id must be a string", "session_id"},
		{"session_id too long", call{body: body("session_id", quoted(strings.Repeat("u", 257)))}, 400, "257 bytes", "session_id"},
		{"task_type bool", call{body: body("task_type", "true")}, 400, "task_type must be a string", "task_type"},
		{"task_type too long", call{body: body("task_type", quoted(strings.Repeat("u", 257)))}, 400, "257 bytes", "task_type"},
		{"max_steps 0", call{body: body("max_steps", "0")}, 400, "from 1 to 50", "max_steps"},
		{"max_steps negative", call{body: body("max_steps", "-1")}, 400, "from 1 to 50", "max_steps"},
		{"max_steps 51", call{body: body("max_steps", "51")}, 400, "from 1 to 50", "max_steps"},
		{"max_steps 1.5", call{body: body("max_steps", "1.5")}, 400, "whole number from 1 to 50", "max_steps"},
		{"max_steps string", call{body: body("max_steps", `"3"`)}, 400, "whole number from 1 to 50", "max_steps"},
		{"max_tokens 0", call{body: body("max_tokens", "0")}, 400, "from 1 to 1000000000", "max_tokens"},
		{"max_tokens negative", call{body: body("max_tokens", "-5")}, 400, "from 1 to 1000000000", "max_tokens"},
		{"max_tokens 1.5", call{body: body("max_tokens", "1.5")}, 400, "whole number from 1 to 1000000000", "max_tokens"},
		{"max_tokens string", call{body: body("max_tokens", `"9"`)}, 400, "whole number from 1 to 1000000000", "max_tokens"},
		{"max_cost_usd 0", call{body: body("max_cost_usd", "0")}, 400, "above 0, up to 1000000", "max_cost_usd"},
		{"max_cost_usd negative", call{body: body("max_cost_usd", "-0.5")}, 400, "above 0, up to 1000000", "max_cost_usd"},
		{"max_cost_usd too large", call{body: body("max_cost_usd", "1000001")}, 400, "above 0, up to 1000000", "max_cost_usd"},
		{"max_cost_usd beyond numbers", call{body: body("max_cost_usd", "1e400")}, 400, "above 0, up to 1000000", "max_cost_usd"},
		{"max_cost_usd string", call{body: body("max_cost_usd", `"$5"`)}, 400, "above 0, up to 1000000", "max_cost_usd"},
		{"max_cost_usd twice", call{body: `{"task":"Hi","max_cost_usd":1,"max_cost_usd":2}`}, 400, "send it once", "max_cost_usd"},
		{"max_steps huge", call{body: body("max_steps", "1e99")}, 400, "whole number from 1 to 50", "max_steps"},
		{"unknown field", call{body: body("tsak", `"x"`)}, 400, "tsak is not a field", "tsak"},
		{"field in another case", call{body: body("User_ID", `"x"`)}, 400, "User_ID is not a field", "User_ID"},
		{
			"unknown field with a long name",
			call{body: body(strings.Repeat("n", 1000), `1`)},
			400, "is not a field",
			strings.Repeat("n", 64) + "…",
		},
		{"unknown field with odd characters", call{body: `{"task":"Hi","a\"b\n":1}`}, 400, "is not a field", `a\"b\n`},

		{"too large", call{body: `{"task":"` + strings.Repeat("x", 256<<10) + `"}`}, 413, "256 KiB", ""},
		{"too large, length unknown", call{reader: struct{ *strings.Reader }{
			strings.NewReader(strings.Repeat(" ", 256<<10+1)),
		}}, 413, "256 KiB", ""},
		{"no content type", call{contentType: "-", body: `{"task":"Hi"}`}, 415, "Content-Type: application/json", ""},
		{"a form", call{contentType: "application/x-www-form-urlencoded", body: "task=Hi"}, 415, "application/json", ""},
		{"text", call{contentType: "text/json", body: `{"task":"Hi"}`}, 415, "application/json", ""},
		{"malformed content type", call{contentType: ";;;", body: `{"task":"Hi"}`}, 415, "application/json", ""},
		{"packed", call{header: map[string]string{"Content-Encoding": "gzip"}, body: "\x1f\x8b\x08"}, 415, "Content-Encoding", ""},
		{"steps with a fraction", call{body: `{"task":"Hi","max_steps":10.5}`}, 400, "whole number from 1 to 50", "max_steps"},
		{"steps as a list", call{body: `{"task":"Hi","max_steps":[10]}`}, 400, "whole number from 1 to 50", "max_steps"},
		{"steps beyond numbers", call{body: `{"task":"Hi","max_steps":1e400}`}, 400, "whole number from 1 to 50", "max_steps"},
		{"another charset", call{contentType: "application/json; charset=latin1", body: `{"task":"Hi"}`}, 415, "application/json", ""},

		{"unknown path", call{path: "/api/v1/agent/run"}, 404, executePath, ""},
		{"root", call{path: "/"}, 404, executePath, ""},
		{"trailing slash", call{path: executePath + "/"}, 404, executePath, ""},
		{"path in another case", call{path: strings.ToUpper(executePath)}, 404, executePath, ""},
		{"encoded slash", call{path: "/api/v1/agent%2Fexecute", body: `{"task":"Hi"}`}, 404, executePath, ""},
		{"unknown path with another method", call{method: "GET", path: "/robots.txt", contentType: "-"}, 404, executePath, ""},
		{"GET", call{method: "GET", contentType: "-"}, 405, "POST only", ""},
		{"PUT", call{method: "PUT", body: `{"task":"Hi"}`}, 405, "POST only", ""},
		{"a method nobody knows", call{method: "BREW"}, 405, "POST only", ""},
		{"GET delegate", call{method: "GET", path: delegatePath, contentType: "-"}, 405, "POST only", ""},
		{"delegate bad body", call{path: delegatePath, body: `{"task":7}`}, 400, "task must be a string", "task"},
		{"delegate without sub-agent", call{path: delegatePath, body: `{"task":"Hi"}`}, 503, "SUB_AGENT_URL", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(tt.call).want(t, tt.status)
			checkProblem(t, a, tt.detail, tt.field)
			if got := a.header.Get("Allow"); (got == "POST") != (tt.status == 405) {
				t.Errorf("Allow is %q", got)
			}
			if len(a.spans) != 1 {
				t.Errorf("%d spans, want the server's alone", len(a.spans))
			}
			if a.header.Get("X-Correlation-ID") == "" {
				t.Error("no X-Correlation-ID")
			}
		})
	}
	if n := len(s.sim.Requests()); n != 0 {
		t.Errorf("the model was asked %d times", n)
	}
}

// Paths that are not clean get the standard library's redirect, which keeps method and body; the framework's own mux does
// the same in front of us.
func TestUncleanPathsAreRedirected(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/" + executePath, "/api/v1//agent/execute", "/api/v1/agent/x/../execute", "//x"} {
		a := s.do(call{path: path, body: `{"task":"Hi"}`}).want(t, http.StatusTemporaryRedirect)
		if got := a.header.Get("Location"); got != executePath && path != "//x" {
			t.Errorf("%s: Location is %q", path, got)
		}
	}
}

// HEAD has no body to read a problem from, but status, headers and trace like any other method.
func TestHeadIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	a := s.do(call{method: "HEAD", contentType: "-"}).want(t, 405)
	if a.header.Get("Allow") != "POST" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("headers are %v", a.header)
	}
}

func TestGoodRequestsAtTheLimits(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for _, tt := range []struct {
		name string
		call call
	}{
		{"longest task", task(strings.Repeat("x", 32_768))},
		{"longest task in bytes", task(strings.Repeat("ñ", 16_384))},
		{"longest task, trimmed", task(" \n" + strings.Repeat("x", 32_768) + "\t")},
		{"longest task, escaped", call{body: `{"task":"` + strings.Repeat(`\u0078`, 32_768) + `"}`}},
		{"longest names", call{body: body("user_id", quoted(strings.Repeat("u", 256)))}},
		{"max_steps 1", call{body: body("max_steps", "1")}},
		{"max_steps 50", call{body: body("max_steps", "50")}},
		{"max_steps null", call{body: body("max_steps", "null")}},
		{"max_tokens", call{body: body("max_tokens", "1e6")}},
		{"max_tokens null", call{body: body("max_tokens", "null")}},
		{"max_cost_usd", call{body: body("max_cost_usd", "0.25")}},
		{"max_cost_usd null", call{body: body("max_cost_usd", "null")}},
		{"everything empty but the task", call{body: `{"task":"Hi","user_id":"","session_id":"","task_type":""}`}},
		{"charset", call{contentType: `application/json; charset="UTF-8"`, body: `{"task":"Hi"}`}},
		{"content type in another case", call{contentType: "Application/JSON", body: `{"task":"Hi"}`}},
		{"blanks around", call{body: "\r\n {\"task\":\"Hi\"} \n"}},
		{"query", call{path: executePath + "?debug=1", body: `{"task":"Hi"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) { s.do(tt.call).want(t, 200) })
	}
}

func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	huge := strings.Repeat("h", 200_000)
	for _, name := range []string{
		"User-Agent", "X-Correlation-ID", "X-Request-ID", "traceparent", "tracestate", "baggage", "b3", "X-B3-TraceId",
		"X-Cloud-Trace-Context", "X-Forwarded-For", "X-Forwarded-Proto", "Function-Execution-Id", "X-Delegation-Depth", "Cookie",
	} {
		a := s.do(task("Hi").with(name, huge)).want(t, 200)
		for _, span := range a.spans {
			for _, attr := range span.Attributes() {
				if v := attr.Value.String(); len(v) > 2048 {
					t.Errorf("%s of %d bytes: %s of %s has %d bytes", name, len(huge), attr.Key, span.Name(), len(v))
				}
			}
		}
	}
	// net/http itself refuses more than its limit, before there is a request to trace.
	res, err := s.client.Do(task("Hi").with("Cookie", strings.Repeat("h", 2<<20)).request(s))
	if err == nil {
		defer res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	s.do(task("Hi")).want(t, 200) // and goes on
}

// closedPort is an address where nobody listens. A port that was free a moment ago could be another test's by now; this
// one is privileged and out of use.
const closedPort = "127.0.0.1:1"

// What is wrong with the model or its settings is told in a sentence that says what to do.
func TestModelFailures(t *testing.T) {
	t.Parallel()
	four := func(r geminisim.Reply) []geminisim.Reply { return []geminisim.Reply{r, r, r, r} }
	for _, tt := range []struct {
		name   string
		env    map[string]string
		sim    geminisim.Config
		script []geminisim.Reply
		status int
		detail string
		retry  string // Retry-After
	}{
		{name: "no key", env: map[string]string{"GEMINI_API_KEY": "-"}, status: 503, detail: "GEMINI_API_KEY"},
		{
			name: "no project", env: map[string]string{"GEMINI_API_KEY": "-", "GOOGLE_GENAI_USE_VERTEXAI": "true"},
			status: 503, detail: "GOOGLE_CLOUD_PROJECT",
		},
		{
			name: "no URL", env: map[string]string{"GOOGLE_GEMINI_BASE_URL": "not a url"}, status: 503,
			detail: "GOOGLE_GEMINI_BASE_URL",
		},
		{name: "wrong key", sim: geminisim.Config{APIKey: "another"}, status: 502, detail: "GEMINI_API_KEY"},
		{
			name: "key without rights", script: []geminisim.Reply{geminisim.Error(403, "", "denied")}, status: 502,
			detail: "GEMINI_API_KEY",
		},
		{
			name: "unreachable", env: map[string]string{"GOOGLE_GEMINI_BASE_URL": "http://" + closedPort}, status: 502,
			detail: "could not be reached after 4 attempts",
		},
		{name: "no such model", env: map[string]string{"GEMINI_MODEL": "gemini-0"}, status: 502, detail: "GEMINI_MODEL"},
		{name: "broken JSON", script: four(geminisim.BrokenJSON()), status: 502, detail: "cannot be read"},
		{name: "HTML", script: four(geminisim.HTML(200)), status: 502, detail: "cannot be read"},
		{name: "HTML 502", script: four(geminisim.HTML(502)), status: 502, detail: "failed with 502 after 4 attempts"},
		{name: "connection reset", script: four(geminisim.Reset()), status: 502, detail: "could not be reached"},
		{name: "answer cut off", script: four(geminisim.Truncated("Hello there")), status: 502, detail: "cannot be read"},
		{
			name: "another shape", script: four(geminisim.Raw(200, "application/json", `["a"]`)), status: 502,
			detail: "cannot be read",
		},
		{name: "refused", script: []geminisim.Reply{geminisim.Error(400, "", "bad field")}, status: 502, detail: "refused"},
		{
			name: "quota with a long wait", script: []geminisim.Reply{geminisim.QuotaExceeded(90 * time.Second)}, status: 429,
			detail: "quota", retry: "90",
		},
		{
			name: "quota with a part of a second", script: []geminisim.Reply{geminisim.QuotaExceeded(61500 * time.Millisecond)},
			status: 429, detail: "quota", retry: "62",
		},
		{
			name: "quota beyond the deadline", env: map[string]string{"REQUEST_TIMEOUT": "5s"},
			script: []geminisim.Reply{geminisim.QuotaExceeded(20 * time.Second)}, status: 429, detail: "quota", retry: "20",
		},
		{name: "quota without a hint", script: four(geminisim.QuotaExceeded(0)), status: 429, detail: "quota", retry: "30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: tt.env, sim: tt.sim, script: tt.script})
			a := s.do(task("Hi")).want(t, tt.status)
			checkProblem(t, a, tt.detail, "")
			if got := a.header.Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After is %q, want %q", got, tt.retry)
			}
			if out := s.output(a); strings.Contains(out, testKey) {
				t.Errorf("the key came out:\n%s", out)
			}
		})
	}
}

// An App that lacks a setting starts, says so once, and serves what it can.
func TestMissingSettingsAreLoggedAtTheStart(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{
		"GEMINI_API_KEY": "-", "REQUEST_TIMEOUT": "soon", "LOG_LEVEL": "loud", "OTEL_TRACES_SAMPLER": "dice",
		"OTEL_PROPAGATORS": "pigeon", "TRACE_FLUSH_TIMEOUT": "-1s", "SUB_AGENT_URL": "ftp://sub.example.com",
		"MCP_SERVER_URL": "nonsense", "OTEL_TRACES_EXPORTER": "fax",
	}, tracing: func(tc *tracing.Config) { tc.Exporter.Names = nil }})
	log := s.log.String()
	for _, name := range []string{
		"GEMINI_API_KEY", "REQUEST_TIMEOUT", "LOG_LEVEL", "OTEL_TRACES_SAMPLER", "OTEL_PROPAGATORS", "TRACE_FLUSH_TIMEOUT",
		"SUB_AGENT_URL", "MCP_SERVER_URL", "OTEL_TRACES_EXPORTER",
	} {
		if n := strings.Count(log, name); n == 0 {
			t.Errorf("nothing says that %s is not usable:\n%s", name, log)
		}
	}
	for _, r := range s.log.records(t) {
		if r["severity"] != "WARNING" {
			t.Errorf("severity of %v", r)
		}
	}
	checkProblem(t, s.do(task("Hi")).want(t, 503), "GEMINI_API_KEY", "")
	checkProblem(t, s.do(call{path: delegatePath, body: `{"task":"Hi"}`}).want(t, 503), "SUB_AGENT_URL", "")
}

// What real clients send that is a little odd is taken for what it means.
func TestOddRequestsAreTaken(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for name, c := range map[string]call{
		"byte order mark":      {body: "\ufeff{\"task\":\"Hi\"}"},
		"charset utf8":         {contentType: "application/json; charset=utf8", body: `{"task":"Hi"}`},
		"steps as a float":     {body: `{"task":"Hi","max_steps":10.0}`},
		"steps as a power":     {body: `{"task":"Hi","max_steps":1e1}`},
		"steps as nothing":     {body: `{"task":"Hi","max_steps":null}`},
		"identity encoding":    {header: map[string]string{"Content-Encoding": "identity"}, body: `{"task":"Hi"}`},
		"the largest body":     {body: `{"task":"Hi"` + strings.Repeat(" ", 256<<10-13) + `}`},
		"the largest of tasks": {body: `{"task":"` + strings.Repeat("x", 32768) + `"}`},
	} {
		t.Run(name, func(t *testing.T) { s.do(c).want(t, 200) })
	}
}

// The caller's baggage goes to the services of others only where that is asked for; the trace goes there always.
func TestBaggageToTools(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]bool{"": false, "false": false, "true": true} {
		t.Run(setting, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			tools := meshServe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var in struct {
					ID     json.RawMessage
					Method string
				}
				body, _ := io.ReadAll(r.Body)
				_ = json.Unmarshal(body, &in)
				mu.Lock()
				got = append(got, r.Header.Get("Traceparent")+" "+r.Header.Get("Baggage")+" "+string(body))
				mu.Unlock()
				result := map[string]string{
					"initialize": `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}`,
					"tools/list": `{"tools":[{"name":"work"}]}`, "tools/call": `{"content":"done"}`,
				}[in.Method]
				switch {
				case result != "":
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result)
				case in.Method == "notifications/initialized":
					w.WriteHeader(http.StatusAccepted)
				default:
					w.WriteHeader(http.StatusBadRequest)
				}
			}))
			s := start(t, setup{
				env:    map[string]string{"MCP_SERVER_URL": tools, "BAGGAGE_TO_TOOLS": setting},
				script: []geminisim.Reply{use("work"), geminisim.Text("Done.")},
			})
			c := task("Work.")
			c.header = map[string]string{"Baggage": "tenant=blue", "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
			s.do(c).want(t, 200)
			mu.Lock()
			defer mu.Unlock()
			for _, request := range got {
				if strings.Contains(request, "tenant=blue") != want || !strings.HasPrefix(request, "00-0af7651916cd43dd8448eb211c80319c-") {
					t.Errorf("a tool service got %s", request)
				}
			}
			if len(got) < 3 {
				t.Errorf("%d requests", len(got))
			}
		})
	}
}
