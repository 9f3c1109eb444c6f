package systemtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/tracingtest"
)

// golden compares the spans with testdata/traces/NAME.golden.
func golden(t *testing.T, name string, a answer) {
	t.Helper()
	tracingtest.Golden(t, filepath.Join("testdata", "traces", name+".golden"), tree(a.spans))
}

// tree is a trace without what changes with a word in a prompt.
func tree(spans []sdktrace.ReadOnlySpan) string {
	return tracingtest.Tree(spans, tracingtest.TreeConfig{Present: []string{
		"gen_ai.response.id", "gen_ai.system_instructions", "gen_ai.tool.description", "gen_ai.usage.*", "llm.input_tokens", "llm.output_tokens", "tool.result_size",
	}})
}

// soon is a RetryInfo that lets a test go on at once.
const soon = time.Millisecond

// Every outcome of a request has one trace of one shape, whole at the exporter when the answer has been read.
func TestTraces(t *testing.T) {
	t.Parallel()
	text := geminisim.Text
	sum := useCall("calculate", "expression", "6*7")
	late, lateTool := newTimeout(), newTimeout()
	overloaded := geminisim.Error(503, "", "The model is overloaded.").RetryIn(soon)
	for _, tt := range []struct {
		name   string
		script []geminisim.Reply
		env    map[string]string
		tools  []agent.Tool
		late   *timeout
		call   call // default: a task
		status int
		finish string
	}{
		{
			name: "no_tool", script: []geminisim.Reply{text("Hello.")},
			call:   call{body: `{"task":"Say hello","user_id":"user-1","session_id":"session-1","task_type":"chat"}`},
			status: 200, finish: "stop",
		},
		{
			name: "one_tool", script: []geminisim.Reply{geminisim.Calls(sum), text("It is 42.")},
			call: call{body: `{"task":"What is 6*7?","session_id":"session-1"}`}, status: 200, finish: "stop",
		},
		{name: "two_parallel_tools", script: []geminisim.Reply{
			geminisim.Calls(sum, useCall("current_time", "timezone", "Europe/Madrid")), text("Both done."),
		}, status: 200, finish: "stop"},
		{
			name: "tool_error", script: []geminisim.Reply{use("calculate", "expression", "1/0"), text("That has no result.")},
			status: 200, finish: "stop",
		},
		{
			name: "unknown_tool", script: []geminisim.Reply{use("teleport", "to", "Mars"), text("I cannot do that.")},
			status: 200, finish: "stop",
		},
		{
			name: "tool_panic", script: []geminisim.Reply{use("explode"), text("The tool broke.")},
			tools:  []agent.Tool{tool(t, "explode", explode)},
			status: 200, finish: "stop",
		},
		{
			name: "quota_then_success", script: []geminisim.Reply{geminisim.QuotaExceeded(soon), text("Hello.")},
			status: 200, finish: "stop",
		},
		{
			name: "unavailable_until_given_up", script: []geminisim.Reply{overloaded, overloaded, overloaded, overloaded},
			status: 502,
		},
		{name: "unavailable_after_a_tool", script: []geminisim.Reply{
			geminisim.Calls(sum), overloaded, overloaded, overloaded, overloaded,
		}, status: 502},
		{
			name: "blocked_prompt", script: []geminisim.Reply{geminisim.Blocked("PROHIBITED_CONTENT")},
			status: 200, finish: "blocked",
		},
		{name: "malformed_call_repaired", script: []geminisim.Reply{
			geminisim.MalformedCall("Malformed function call: print("), geminisim.Calls(sum), text("It is 42."),
		}, status: 200, finish: "stop"},
		{name: "malformed_call_twice", script: []geminisim.Reply{
			geminisim.MalformedCall("Malformed function call: print("), geminisim.MalformedCall("Malformed function call: ("),
		}, status: 502},
		{
			name: "thoughts_only_twice", script: []geminisim.Reply{geminisim.ThoughtOnly("Hm."), geminisim.ThoughtOnly("Hm.")},
			status: 502,
		},
		{name: "no_candidates", script: []geminisim.Reply{geminisim.NoCandidates()}, status: 502},
		{name: "max_tokens", script: []geminisim.Reply{geminisim.MaxTokens("Once upon a")}, status: 200, finish: "max_tokens"},
		{
			name: "max_steps", script: []geminisim.Reply{geminisim.Calls(sum), geminisim.Calls(sum)},
			call: call{body: `{"task":"Count","max_steps":1}`}, status: 200, finish: "max_steps",
		},
		{
			name: "another_model", script: []geminisim.Reply{text("Hello.").ServedBy("gemini-4-flash")},
			status: 200, finish: "stop",
		},
		{
			name: "deadline", script: []geminisim.Reply{geminisim.Calls(sum), hangs(late.pass)}, late: late, status: 504,
		},
		{
			name: "deadline_in_a_tool", script: []geminisim.Reply{use("wait")},
			tools: []agent.Tool{tool(t, "wait", func(ctx context.Context) (any, error) {
				lateTool.pass()
				<-ctx.Done()
				return nil, ctx.Err()
			})},
			late: lateTool, status: 504,
		},
		{name: "no_key", env: map[string]string{"GEMINI_API_KEY": "-"}, status: 503},
		{name: "bad_request", call: call{body: `{"task":""}`}, status: 400},
		{name: "not_found", call: call{method: "GET", path: "/favicon.ico", contentType: "-"}, status: 404},
		{name: "method_not_allowed", call: call{method: "DELETE", contentType: "-"}, status: 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{script: tt.script, env: tt.env, tools: tt.tools, timeout: tt.late})
			if tt.call.body == "" && tt.call.method == "" {
				tt.call = task("What is 6*7?")
			}
			a := s.do(tt.call).want(t, tt.status)
			if tt.finish != "" && a.fields(t)["finish_reason"] != tt.finish {
				t.Errorf("finish_reason is %v, want %s", a.fields(t)["finish_reason"], tt.finish)
			}
			if n := s.sim.Pending(); n != 0 {
				t.Errorf("%d scripted replies were not asked for", n)
			}
			for _, r := range s.sim.Requests() {
				if r.Refused {
					t.Errorf("Gemini would have refused a request: %s", r.Raw)
				}
			}
			golden(t, tt.name, a)
			goldenLine(t, tt.name, s.log)
			if tt.status == 200 {
				goldenStream(t, tt.name, start(t, setup{script: tt.script, env: tt.env, tools: tt.tools}), tt.call)
			}
		})
	}
}

// streamingLines are what a stream adds to a trace.
var streamingLines = regexp.MustCompile(`(?m)^ *(\| gen_ai\.(request\.stream|response\.time_to_first_chunk) = .*|\* llm\.first_text)\n`)

// goldenStream has the same task done as a stream: but for what says that it is one, its trace is the same.
func goldenStream(t *testing.T, name string, s *system, c call) {
	t.Helper()
	got, err := s.read(c, nil)
	if err != nil || got.last.Name != "answer" {
		t.Fatalf("%+v, %v", got, err)
	}
	spans := s.invocation(got.header.Get("X-Trace-ID"), got.header.Get("X-Correlation-ID"))
	s.checkWhole(spans)
	plain := streamingLines.ReplaceAllString(tree(spans), "")
	plain = strings.NewReplacer(":streamGenerateContent?alt=REDACTED", ":generateContent", ":streamGenerateContent", ":generateContent").Replace(plain)
	tracingtest.Golden(t, filepath.Join("testdata", "traces", name+".golden"), plain)
}

// A client that goes away gets no answer, but leaves its trace.
func TestTraceOfACancelledClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := start(t, setup{script: []geminisim.Reply{hangs(cancel)}})
	req := task("Take your time").with("X-Correlation-ID", "gone").
		with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").request(s)
	if _, err := s.client.Do(req.WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want a cancelled request", err)
	}
	s.serving.Wait() // the handler's end: nobody else is told
	a := answer{spans: s.invocation("0af7651916cd43dd8448eb211c80319c", "gone")}
	s.checkWhole(a.spans)
	golden(t, "client_cancelled", a)
	goldenLine(t, "client_cancelled", s.log)
}

// A client that goes away while it still sends is nobody's fault either.
func TestTraceOfAClientThatStopsSending(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	ctx, cancel := context.WithCancel(t.Context())
	body, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte(`{"task":"half`))
		<-s.entered
		cancel()
		_ = writer.CloseWithError(context.Canceled)
	}()
	req := call{reader: body}.with("X-Correlation-ID", "half").
		with("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").request(s)
	if res, err := s.client.Do(req.WithContext(ctx)); err == nil {
		t.Fatalf("got status %d, want a cancelled request", res.StatusCode)
	}
	s.serving.Wait()
	a := answer{spans: s.invocation("0af7651916cd43dd8448eb211c80319c", "half")}
	s.checkWhole(a.spans)
	golden(t, "client_stopped_sending", a)
	goldenLine(t, "client_stopped_sending", s.log)
}

// panics is a model with a defect of ours in it.
type panics struct{ value any }

func (panics) Info() agent.ModelInfo {
	return agent.ModelInfo{Name: "gemini-3.8-flash", Provider: "gcp.gemini"}
}

func (p panics) Generate(context.Context, *agent.Request) (*agent.Reply, error) { panic(p.value) }

func TestTraceOfAPanic(t *testing.T) {
	t.Parallel()
	s := start(t, setup{model: panics{"boom"}})
	a := s.do(task("Break")).want(t, 500)
	checkProblem(t, a, "internal error", "")
	if strings.Contains(string(a.body)+s.log.String(), "boom") {
		t.Errorf("the panic's value came out: %s\n%s", a.body, s.log)
	}
	golden(t, "handler_panic", a)
	goldenLine(t, "handler_panic", s.log)
	s.do(task("Break again")).want(t, 500) // the server goes on
}

const (
	w3cTrace, w3cSpan = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	b3Trace, b3Span   = "463ac35c9f6413ad48485a3953bb6124", "0020000000000001"
	xctTrace, xctSpan = "105445aa7843bc8bf206b12000100000", "0000000000000001"
)

func TestRemoteParents(t *testing.T) {
	t.Parallel()
	var (
		traceparent = map[string]string{"traceparent": "00-" + w3cTrace + "-" + w3cSpan + "-01", "tracestate": "vendor=x"}
		b3Single    = map[string]string{"b3": b3Trace + "-" + b3Span + "-1"}
		b3Multi     = map[string]string{"X-B3-TraceId": b3Trace, "X-B3-SpanId": b3Span, "X-B3-Sampled": "1"}
		xCloud      = map[string]string{"X-Cloud-Trace-Context": xctTrace + "/1;o=1"}
	)
	s := start(t, setup{})
	for _, tt := range []struct {
		name              string
		headers           []map[string]string
		trace, span, test string
	}{
		{"traceparent", []map[string]string{traceparent}, w3cTrace, w3cSpan, "vendor=x"},
		{"b3 single", []map[string]string{b3Single}, b3Trace, b3Span, ""},
		{"b3 multi", []map[string]string{b3Multi}, b3Trace, b3Span, ""},
		{"x-cloud-trace-context", []map[string]string{xCloud}, xctTrace, xctSpan, ""},
		{"w3c before x-cloud", []map[string]string{traceparent, xCloud}, w3cTrace, w3cSpan, "vendor=x"},
		{"b3 single before w3c", []map[string]string{traceparent, b3Single}, b3Trace, b3Span, ""},
		{"b3 multi before x-cloud", []map[string]string{b3Multi, xCloud}, b3Trace, b3Span, ""},
		{"b3 before all", []map[string]string{traceparent, b3Multi, xCloud}, b3Trace, b3Span, ""},
		{"b3 with the tracestate of the same trace", []map[string]string{
			{"traceparent": "00-" + b3Trace + "-" + w3cSpan + "-00", "tracestate": "vendor=y"}, b3Multi,
		}, b3Trace, b3Span, "vendor=y"},
		{"malformed b3 is absent", []map[string]string{traceparent, {"b3": "nonsense"}}, w3cTrace, w3cSpan, "vendor=x"},
		{"not sampled is no decision", []map[string]string{
			{"traceparent": "00-" + w3cTrace + "-" + w3cSpan + "-00"},
		}, w3cTrace, w3cSpan, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.sim.Script(use("calculate", "expression", "6*7"), geminisim.Text("It is 42."))
			c := task("What is 6*7?")
			for _, h := range tt.headers {
				for name, value := range h {
					c = c.with(name, value)
				}
			}
			a := s.do(c).want(t, 200)
			if got := a.header.Get("X-Trace-ID"); got != tt.trace {
				t.Errorf("trace id is %s, want %s", got, tt.trace)
			}
			root := a.span(t, "POST "+executePath)
			parent := root.Parent()
			if got := parent.SpanID().String(); got != tt.span || !parent.IsRemote() {
				t.Errorf("the parent is %s (remote %v), want %s", got, parent.IsRemote(), tt.span)
			}
			if got := root.SpanContext().TraceState().String(); !strings.Contains(got, tt.test) {
				t.Errorf("tracestate is %q, want %q in it", got, tt.test)
			}
			golden(t, "remote_parent", a)
		})
	}
}

// Bad trace headers cost the caller their trace, nothing else, and the log says nothing of them.
func TestBadTraceHeadersStartANewTrace(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for _, headers := range []map[string]string{
		{"traceparent": "00-00000000000000000000000000000000-b7ad6b7169203331-01"},
		{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"},
		{"traceparent": "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"traceparent": "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01"},
		{"traceparent": strings.Repeat("0", 10_000)},
		{"traceparent": "\x80\xff"},
		{"b3": "1-2-3-4-5-6"},
		{"b3": "0"},
		{"X-B3-TraceId": "xyz", "X-B3-SpanId": "1"},
		{"X-B3-TraceId": b3Trace},
		{"X-Cloud-Trace-Context": "/;o="},
		{"X-Cloud-Trace-Context": xctTrace + "/99999999999999999999999;o=1"},
		{"baggage": strings.Repeat("a=b,", 5000) + "=;;"},
		{"tracestate": strings.Repeat("a=b,", 5000)},
	} {
		s.log = new(lines)
		c := task("Hi")
		for name, value := range headers {
			c = c.with(name, value)
		}
		a := s.do(c).want(t, 200)
		if p := a.span(t, "POST "+executePath).Parent(); p.IsValid() {
			t.Errorf("%v: the parent is %s", headers, p.TraceID())
		}
	}
	if got := s.stdlog.String(); got != "" {
		t.Errorf("net/http logged %q", got)
	}
	for _, r := range s.log.records(t) {
		if r["message"] != "task done" {
			t.Errorf("logged %v", r)
		}
	}
}

// Two requests of one trace are two invocations: each is whole on its own.
func TestRequestsWithTheSameTraceID(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	meet := geminisim.Dynamic(func(geminisim.Request) geminisim.Reply { // both are under way before either is answered
		both.Done()
		both.Wait()
		return geminisim.Text("Hello.")
	})
	s := start(t, setup{script: []geminisim.Reply{meet, meet}})
	answers := make(chan answer, 2)
	for _, id := range []string{"one", "two"} {
		go func() {
			answers <- s.do(task("Hi").with("X-Correlation-ID", id).with("traceparent", "00-"+w3cTrace+"-"+w3cSpan+"-01"))
		}()
	}
	for range 2 {
		if a := (<-answers).want(t, 200); len(a.spans) != 4 || a.header.Get("X-Trace-ID") != w3cTrace {
			t.Errorf("%d spans in trace %s", len(a.spans), a.header.Get("X-Trace-ID"))
		}
	}
}

// Two apps of one process, such as agent and sub-agent, share nothing.
func TestAppsInOneProcessAreApart(t *testing.T) {
	t.Parallel()
	a := start(t, setup{env: map[string]string{"OTEL_SERVICE_NAME": "first"}})
	b := start(t, setup{env: map[string]string{"OTEL_SERVICE_NAME": "second", "TRACE_PREVIEWS": "false"}})
	first, second := a.do(task("Hi")).want(t, 200), b.do(task("Hi")).want(t, 200)
	if len(a.rec.Spans()) != len(first.spans) || len(b.rec.Spans()) != len(second.spans) {
		t.Errorf("the exporters have %d and %d spans, the traces %d and %d",
			len(a.rec.Spans()), len(b.rec.Spans()), len(first.spans), len(second.spans))
	}
	for name, spans := range map[string]answer{"first": first, "second": second} {
		for _, span := range spans.spans {
			if v, _ := span.Resource().Set().Value("service.name"); v.AsString() != name {
				t.Errorf("%s is of service %q, want %q", span.Name(), v.AsString(), name)
			}
		}
	}
	if text(first.span(t, "agent.task"), "agent.task.description") == "" ||
		text(second.span(t, "agent.task"), "agent.task.description") != "" {
		t.Error("TRACE_PREVIEWS of one app changed the other's spans")
	}
}

// With tracing off everything else works.
func TestDisabledTracing(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"OTEL_SDK_DISABLED": "true"}})
	req := task("What is 6*7?").with("X-Correlation-ID", "c-1").request(s)
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Correlation-ID") != "c-1" {
		t.Errorf("status %d, correlation id %q", res.StatusCode, res.Header.Get("X-Correlation-ID"))
	}
	if n := len(s.rec.Spans()); n != 0 {
		t.Errorf("%d spans were exported", n)
	}
}
