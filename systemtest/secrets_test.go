package systemtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/tracingtest"
)

// mark makes a secret that is easy to find in the output.
func mark(n int) string { return fmt.Sprintf("MARK-%02d-hunter2", n) }

// Secrets come in from every side and come out nowhere: not in answers, spans or logs, whatever is switched on.
func TestSecretsDoNotComeOut(t *testing.T) {
	t.Parallel()
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJrIn0." + mark(1)
	leaky := func(name string, err error) agent.Tool {
		return tool(t, name, func(context.Context) (any, error) { return nil, err })
	}
	tools := []agent.Tool{
		leaky("leaks_token", errors.New("GET https://svc.example.com/?token="+mark(2)+" failed")),
		leaky("leaks_url", errors.New("dialing https://user:"+mark(3)+"@db.example.com/x")),
		leaky("leaks_header", errors.New("sent Authorization: Bearer "+mark(4))),
		leaky("leaks_json", errors.New(`answer was {"api_key":"`+mark(5)+`","ok":false}`)),
		leaky("leaks_wrapped", fmt.Errorf("asking: %w", fmt.Errorf(`password = "%s x"`, mark(6)))),
		tool(t, "panics_string", func(context.Context) (any, error) { panic("secret=" + mark(7)) }),
		tool(t, "panics_value", func(context.Context) (any, error) { panic(struct{ Token string }{mark(8)}) }),
		tool(t, "panics_error", func(context.Context) (any, error) { panic(errors.New(mark(9))) }),
		tool(t, "returns_secrets", func(context.Context) (any, error) {
			return map[string]any{"access_token": mark(10), "list": []any{map[string]any{"Client-Secret": mark(11)}}}, nil
		}),
	}
	var replies []geminisim.Reply
	for _, tl := range tools {
		replies = append(replies, use(tl.Name))
	}
	replies = append(replies,
		use("calculate", "expression", "1+1", "password", mark(12), "config", map[string]any{
			"API_KEY": mark(13), "deep": []any{map[string]any{"refreshToken": mark(14)}},
		}),
		use("unknown_tool", "my_secret_value", mark(15)),
		geminisim.Text("Done."),
	)
	for _, mode := range []struct {
		name string
		env  map[string]string
	}{
		{"default", nil},
		{"content", map[string]string{"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}},
		{"debug log", map[string]string{"LOG_LEVEL": "debug"}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{
				"SUB_AGENT_URL":               "https://user:" + mark(16) + "@sub.example.com/?token=" + mark(17),
				"MCP_SERVER_URL":              "http://user:" + mark(18) + "@" + closedPort + "/mcp?api_key=" + mark(19),
				"OTEL_EXPORTER_OTLP_HEADERS":  "authorization=Bearer " + mark(20) + ",x-api-key=" + mark(21),
				"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + closedPort,
				"OTEL_TRACES_EXPORTER":        "otlp",
				"TRACE_FLUSH_TIMEOUT":         "5s", // nobody is there: the first requests wait for it in vain
			}
			for k, v := range mode.env {
				env[k] = v
			}
			s := start(t, setup{env: env, tools: tools, script: replies})
			c := task("Log in with password=" + mark(22) + " and " + jwt + ` and {"api_key": "` + mark(23) + `"}`)
			for name, value := range map[string]string{
				"Authorization": "Bearer " + mark(24), "Cookie": "session=" + mark(25), "X-Api-Key": mark(26),
				"Proxy-Authorization": "Basic " + mark(27), "X-Goog-Api-Key": mark(28), "baggage": "token=" + mark(29),
				"X-Serverless-Authorization": "Bearer " + mark(30),
			} {
				c = c.with(name, value)
			}
			c.path = executePath + "?key=" + mark(31) + "&" + mark(32)
			c.body = strings.Replace(c.body, `{"task"`, `{"max_steps":50,"task"`, 1)
			a := s.do(c).want(t, 200)
			if m := a.fields(t); m["total_steps"] != float64(len(replies)-1) {
				t.Errorf("%v steps, want %d", m["total_steps"], len(replies)-1)
			}
			noMarks(t, s.output(a))
		})
	}
}

// The names of users and sessions stand in log lines unless LOG_IDENTITIES=false.
func TestIdentitiesCanBeLeftOutOfTheLog(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": true, "true": true, "false": false} {
		s := start(t, setup{env: map[string]string{"LOG_IDENTITIES": value}, script: []geminisim.Reply{geminisim.Text("Hi.")}})
		s.do(call{body: `{"task":"Hi","user_id":"ada-1815","session_id":"notes-7"}`}).want(t, 200)
		for _, name := range []string{"ada-1815", "notes-7"} {
			if got := strings.Contains(s.log.String(), name); got != want {
				t.Errorf("LOG_IDENTITIES=%q: %s in the log: %t", value, name, got)
			}
		}
		if value == "false" {
			goldenLine(t, "identities_off", s.log)
		}
	}
}

func noMarks(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if strings.Contains(line, "hunter2") || strings.Contains(line, testKey) {
			t.Errorf("a secret came out: %s", strings.TrimSpace(line))
		}
	}
}

// Errors that end a request come from places that know secrets.
func TestSecretsInFailuresDoNotComeOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		env    map[string]string
		script []geminisim.Reply
		status int
	}{
		{"error that repeats the key", nil, []geminisim.Reply{
			geminisim.Error(400, "", "API key not valid: "+testKey),
		}, 502},
		{"error that repeats a URL with the key", nil, []geminisim.Reply{
			geminisim.Error(403, "", "denied for /v1beta/models?key="+mark(40)+" and "+testKey),
		}, 502},
		{"page that repeats the key", nil, []geminisim.Reply{
			geminisim.Raw(400, "text/html", "<p>api_key="+mark(41)+" "+testKey+"</p>"),
		}, 502},
		{"a key the model put into the call", nil, []geminisim.Reply{
			geminisim.MalformedCall("Malformed function call: login(password=" + mark(42) + ")"),
			geminisim.MalformedCall("Malformed function call: login(password=" + mark(43) + ")"),
		}, 502},
		{"address with credentials", map[string]string{
			"GOOGLE_GEMINI_BASE_URL": "http://user:" + mark(44) + "@" + closedPort + "/?key=" + mark(45),
		}, nil, 502},
		{"address that is none", map[string]string{"GOOGLE_GEMINI_BASE_URL": "://" + mark(46)}, nil, 503},
		{"settings the SDK refuses", map[string]string{
			"GOOGLE_GENAI_USE_VERTEXAI": "true", "GEMINI_API_KEY": "-", "GOOGLE_CLOUD_LOCATION": mark(47),
		}, nil, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: tt.env, script: tt.script})
			noMarks(t, s.output(s.do(task("Hi")).want(t, tt.status)))
		})
	}
}

// What a sub-agent says about its failure goes to the log without secrets, and not to the caller.
func TestSecretsOfASubAgentDoNotComeOut(t *testing.T) {
	t.Parallel()
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"title":"Broken","detail":"database said password=%s and Authorization: Bearer %s"}`, mark(60), mark(61))
	}))
	defer sub.Close()
	s := start(t, setup{
		env:    map[string]string{"SUB_AGENT_URL": sub.URL},
		script: []geminisim.Reply{use(agent.DelegateToolName, "task", "Log in"), geminisim.Text("It failed.")},
	})
	a := s.do(call{path: delegatePath, body: `{"task":"Log in"}`}).want(t, 502)
	checkProblem(t, a, "sub-agent failed (500)", "")
	noMarks(t, s.output(a))
	noMarks(t, s.output(s.do(task("Ask the other one to log in")).want(t, 200)))
}

// A panic in a handler may carry anything. Its value stays out of answer and log; the span keeps it without secrets.
func TestSecretsInPanicsDoNotComeOut(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		"api_key=" + mark(50),
		errors.New("token: " + mark(51)),
		struct{ Password string }{mark(52)},
		&http.Request{Header: http.Header{"Authorization": {"Bearer " + mark(53)}}},
		map[string]any{"secret": mark(54)},
		json.RawMessage(`{"password":"` + mark(55) + `"}`),
	} {
		t.Run(fmt.Sprintf("%T", value), func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{model: panics{value}})
			a := s.do(task("Hi")).want(t, 500)
			noMarks(t, s.output(a))
			if strings.Contains(string(a.body)+s.log.String(), "goroutine ") {
				t.Error("a stack came out")
			}
		})
	}
}

// contentKeys are the attributes that hold what users and models said.
var contentKeys = []string{
	"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
	"gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
}

func conversation() []geminisim.Reply {
	return []geminisim.Reply{
		use("calculate", "expression", "6*7+0*31415").WithThought("thinking of hunter2"),
		use("calculate", "expression", "hunter2"), geminisim.Text("It is hunter2."),
	}
}

// Without previews and content, nothing that was said is anywhere.
func TestWithoutPreviewsNothingSaidComesOut(t *testing.T) {
	t.Parallel()
	s := start(t, setup{
		env: map[string]string{"TRACE_PREVIEWS": "false", "LOG_LEVEL": "debug"}, script: conversation(),
	})
	a := s.do(call{body: `{"task":"Who is hunter2?","session_id":"s-1"}`}).want(t, 200)
	a.body = nil // the answer is for the user
	out := s.output(a)
	noMarks(t, out)
	for _, said := range []string{"Who is", "31415"} {
		if strings.Contains(out, said) {
			t.Errorf("%q came out", said)
		}
	}
	for _, span := range a.spans {
		for _, key := range append(contentKeys, "agent.task.description", "llm.prompt_preview", "tool.args") {
			if v := text(span, key); v != "" {
				t.Errorf("%s of %s is %q", key, span.Name(), v)
			}
		}
	}
}

// What an error quotes is said, too: one switch covers it.
func TestWithoutPreviewsErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	quotes := tool(t, "quotes", func(context.Context) (any, error) { return nil, errors.New("no city named hunter2") })
	s := start(t, setup{
		env: map[string]string{"TRACE_PREVIEWS": "false"}, tools: []agent.Tool{quotes},
		script: []geminisim.Reply{use("quotes"), geminisim.Error(400, "", "Invalid value: hunter2")},
	})
	noMarks(t, s.output(s.do(task("Hi")).want(t, 502)))

	s = start(t, setup{env: map[string]string{"TRACE_PREVIEWS": "false"}, model: panics{"Who is hunter2"}})
	noMarks(t, s.output(s.do(task("Hi")).want(t, 500)))
}

// No prompt, answer, argument or result is in a log line, whatever the spans show.
func TestLogsHoldNothingThatWasSaid(t *testing.T) {
	t.Parallel()
	s := start(t, setup{
		env: map[string]string{
			"LOG_IDENTITIES": "false",
			"LOG_LEVEL":      "debug", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
		},
		script: append(conversation(), geminisim.Blocked("SAFETY"), geminisim.Error(400, "", "bad field: hunter2")),
	})
	for _, status := range []int{200, 200, 502} {
		s.do(call{body: `{"task":"Who is hunter2?","user_id":"hunter2-user","session_id":"hunter2-session"}`}).want(t, status)
	}
	for _, body := range []string{
		`{"task":"hunter2`, `{"task":7,"user_id":"hunter2"}`, `{"task":["hunter2"]}`, `{"task":"x","hunter2":1}`,
	} {
		s.do(call{body: body}).want(t, 400)
	}
	noMarks(t, s.log.String()+s.stdlog.String())
}

// What other services say about their failures may repeat the task, in plain words that nothing redacts. Status, code and
// the service's own reasons are logged, nothing that was said; and nothing of it is on the spans.
func TestTextsOfFailedServicesDoNotComeOut(t *testing.T) {
	t.Parallel()
	const said = "You asked about hunter2 and that went wrong"
	broken := geminisim.Error(500, "INTERNAL", said).RetryIn(soon)
	answers := func(status int, contentType, body string) string {
		return meshServe(t, meshAnswers(status, contentType, body))
	}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		script []geminisim.Reply
		path   string
		status int
		logged string
	}{
		{name: "model 400", script: []geminisim.Reply{geminisim.Error(400, "INVALID_ARGUMENT", said)}, status: 502,
			logged: "the service answered 400 INVALID_ARGUMENT"},
		{name: "model 403", script: []geminisim.Reply{geminisim.Error(403, "PERMISSION_DENIED", said)}, status: 502,
			logged: "service answered 403 PERMISSION_DENIED"},
		{name: "model 404", script: []geminisim.Reply{geminisim.Error(404, "NOT_FOUND", said)}, status: 502,
			logged: "the service answered 404 NOT_FOUND"},
		{name: "model 429", script: []geminisim.Reply{geminisim.Error(429, "RESOURCE_EXHAUSTED", said).RetryIn(60e9)},
			status: 429, logged: "the service answered 429 RESOURCE_EXHAUSTED"},
		{name: "model 500", script: []geminisim.Reply{broken, broken, broken, broken}, status: 502,
			logged: "the service answered 500 INTERNAL"},
		{name: "model reason", script: []geminisim.Reply{geminisim.Error(400, "INVALID_ARGUMENT", "The schema is nested too deep.")},
			status: 502, logged: "the service answered 400 INVALID_ARGUMENT: The schema is nested too deep."},
		{name: "model status", script: []geminisim.Reply{geminisim.Error(400, said, said)}, status: 502,
			logged: "the service answered 400"},
		{name: "model page", script: []geminisim.Reply{geminisim.Raw(400, "text/html", said)}, status: 502,
			logged: "the service answered 400"},
		{name: "sub-agent 500", path: delegatePath, status: 502, logged: "The sub-agent failed (500)", env: map[string]string{
			"SUB_AGENT_URL": answers(500, "application/problem+json", `{"title":"T","detail":"`+said+`"}`),
		}},
		{name: "sub-agent 504", path: delegatePath, status: 504, logged: "The sub-agent ran out of time (504)",
			env: map[string]string{
				"SUB_AGENT_URL": answers(504, "application/problem+json", `{"title":"T","detail":"`+said+`"}`),
			}},
		{name: "MCP initialize", status: 200, logged: "-32001", script: []geminisim.Reply{geminisim.Text("Hello.")},
			env: map[string]string{"MCP_SERVER_URL": answersRPC(t, `"error":{"code":-32001,"message":"`+said+`"}`)}},
		{name: "MCP nonsense", status: 200, logged: "a tool service is unavailable",
			script: []geminisim.Reply{geminisim.Text("Hello.")},
			env:    map[string]string{"MCP_SERVER_URL": answers(200, "text/plain", said)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, setup{env: tt.env, script: tt.script})
			a := s.do(call{path: tt.path, body: `{"task":"What of Hunter2?"}`}).want(t, tt.status)
			out := s.output(a)
			noMarks(t, strings.ReplaceAll(out, "What of Hunter2?", ""))
			if !strings.Contains(s.log.String(), tt.logged) {
				t.Errorf("the log does not say %q:\n%s", tt.logged, s.log)
			}
		})
	}
}

// answersRPC is a tool service that answers every JSON-RPC request alike.
func answersRPC(t *testing.T, member string) string {
	return meshServe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ ID json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&in)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, in.ID, member)
	}))
}

// With content on, the conversation is on the spans in the conventions' shape.
func TestContentCapture(t *testing.T) {
	t.Parallel()
	s := start(t, setup{
		env:    map[string]string{"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"},
		script: conversation(),
	})
	a := s.do(task("Who is hunter2?")).want(t, 200)
	seen := map[string]int{}
	for _, span := range a.spans {
		for _, key := range contentKeys {
			v := text(span, key)
			if v == "" {
				continue
			}
			seen[span.Name()+" "+key]++
			if err := tracingtest.CheckContent(key, v); err != nil {
				t.Errorf("%s: %v\n%s", span.Name(), err, v)
			}
		}
	}
	for what, want := range map[string]int{
		"llm.generate gen_ai.input.messages":        3,
		"llm.generate gen_ai.output.messages":       3,
		"llm.generate gen_ai.system_instructions":   3,
		"llm.generate gen_ai.tool.definitions":      3,
		"tool.calculate gen_ai.tool.call.arguments": 2,
		"tool.calculate gen_ai.tool.call.result":    2, // of the failed one too
		"agent.task gen_ai.input.messages":          1,
		"agent.task gen_ai.output.messages":         1,
	} {
		if seen[what] != want {
			t.Errorf("%s is on %d spans, want %d", what, seen[what], want)
		}
	}
	golden(t, "content", a)
}
