package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/semconv"
	"example.com/gemini-agent/tracing/tracingtest"
)

// scenario is one run against the simulated service. Its spans are in testdata/NAME.golden.
type scenario struct {
	name  string
	reply []geminisim.Reply
	task  Task // Text has a default
	cfg   Config

	timeout time.Duration // of the run; default one minute
	cancel  time.Duration // when the caller goes away; 0: never

	response string // what Run returns: a result …
	finish   string
	steps    string    // as JSON
	kind     ErrorKind // … or an error
	reason   string
}

func calls(names ...string) geminisim.Reply {
	list := make([]geminisim.Call, len(names))
	for i, n := range names {
		list[i] = geminisim.Call{Name: n, ID: fmt.Sprintf("call-%d", i+1)}
	}
	return geminisim.Calls(list...)
}

func calculate(expr string) geminisim.Call {
	return geminisim.Call{Name: "calculate", ID: "call-" + expr, Args: map[string]any{"expression": expr}}
}

func spends(input, output int) geminisim.Usage {
	return geminisim.Usage{Prompt: input, Candidates: output}
}

// inNovember is before the prices change.
func inNovember() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func scenarios() []scenario {
	text, one := geminisim.Text, geminisim.Calls
	overloaded := geminisim.Error(503, "", "The model is overloaded.")
	const failedStep = `[{"step":1,"tools_called":["calculate"],"tools_failed":["calculate"]}]`
	const twoSteps = `[{"step":1,"tools_called":["calculate"],"tools_failed":[]},{"step":2,"tools_called":["calculate"],"tools_failed":[]}]`
	const oneStep = `[{"step":1,"tools_called":["calculate"],"tools_failed":[]}]`
	return []scenario{
		{name: "no_tool", reply: []geminisim.Reply{text("Hello.")},
			task:     Task{UserID: "anonymous", Type: "general", SessionID: "session-1"},
			response: "Hello.", finish: "stop", steps: `[]`},
		{name: "one_tool", reply: []geminisim.Reply{one(calculate("6*7")), text("It is 42.")},
			response: "It is 42.", finish: "stop", steps: oneStep},
		{name: "two_parallel_tools", reply: []geminisim.Reply{
			one(calculate("1+1"), geminisim.Call{Name: "current_time", ID: "t",
				Args: map[string]any{"timezone": "Europe/Madrid"}}), text("Done.")},
			response: "Done.", finish: "stop", steps: `[{"step":1,"tools_called":["calculate","current_time"],"tools_failed":[]}]`},
		{name: "two_steps_with_text_and_thoughts", reply: []geminisim.Reply{
			one(calculate("2+2")).WithText("First the sum.").WithThought("I need a sum."),
			one(calculate("4*4")), text("16").WithThought("Now I know.")},
			response: "16", finish: "stop",
			steps: `[{"step":1,"tools_called":["calculate"],"tools_failed":[]},{"step":2,"tools_called":["calculate"],"tools_failed":[]}]`},
		{name: "tool_error", reply: []geminisim.Reply{one(calculate("1/0")), text("That cannot be divided.")},
			response: "That cannot be divided.", finish: "stop", steps: failedStep},
		{name: "unknown_tool", reply: []geminisim.Reply{calls("teleport"), text("I cannot do that.")},
			response: "I cannot do that.", finish: "stop", steps: `[{"step":1,"tools_called":["teleport"],"tools_failed":["teleport"]}]`},
		{name: "invalid_arguments", reply: []geminisim.Reply{
			one(geminisim.Call{Name: "calculate", ID: "c", Args: map[string]any{"expression": 7, "api_key": "hunter2"}}),
			text("Sorry.")},
			response: "Sorry.", finish: "stop", steps: failedStep},
		{name: "tool_panic", reply: []geminisim.Reply{calls("panics"), text("The tool broke.")},
			response: "The tool broke.", finish: "stop", steps: `[{"step":1,"tools_called":["panics"],"tools_failed":["panics"]}]`},
		{name: "tool_timeout", reply: []geminisim.Reply{calls("deaf"), text("Too slow.")},
			response: "Too slow.", finish: "stop", steps: `[{"step":1,"tools_called":["deaf"],"tools_failed":["deaf"]}]`},
		{name: "oversize_result", reply: []geminisim.Reply{calls("big"), text("A lot.")},
			cfg: Config{MaxResultBytes: 1000}, response: "A lot.", finish: "stop", steps: `[{"step":1,"tools_called":["big"],"tools_failed":[]}]`},
		{name: "quota_then_success", reply: []geminisim.Reply{geminisim.QuotaExceeded(3 * time.Second), text("Hello.")},
			response: "Hello.", finish: "stop", steps: `[]`},
		{name: "unavailable", reply: []geminisim.Reply{overloaded, overloaded, overloaded, overloaded},
			kind: KindModel, reason: "503"},
		{name: "quota_spent", reply: []geminisim.Reply{one(calculate("1+1")), geminisim.QuotaExceeded(2 * time.Minute)},
			kind: KindQuota, reason: "429"},
		{name: "bad_key", reply: []geminisim.Reply{geminisim.Error(403, "", "The key is not allowed.")},
			kind: KindModel, reason: "403"},
		{name: "blocked_prompt", reply: []geminisim.Reply{geminisim.Blocked("PROHIBITED_CONTENT")},
			response: "The task was blocked by the model's service (PROHIBITED_CONTENT). Put the task differently.",
			finish:   "blocked", steps: `[]`},
		{name: "blocked_answer", reply: []geminisim.Reply{one(calculate("1+1")),
			geminisim.Finish("SAFETY", "half of someth")},
			response: "The answer was blocked by the model's service (SAFETY). Put the task differently.", finish: "blocked",
			steps: oneStep},
		{name: "malformed_then_repaired", reply: []geminisim.Reply{
			geminisim.MalformedCall("Malformed function call: print(calculate("), one(calculate("6*7")), text("It is 42.")},
			response: "It is 42.", finish: "stop", steps: oneStep},
		{name: "malformed_twice", reply: []geminisim.Reply{
			one(calculate("1+1")), geminisim.MalformedCall("a"), geminisim.MalformedCall("b")},
			kind: KindModel, reason: "malformed"},
		{name: "unexpected_call_repaired", reply: []geminisim.Reply{geminisim.Finish("UNEXPECTED_TOOL_CALL", ""),
			text("Fine.")},
			response: "Fine.", finish: "stop", steps: `[]`},
		{name: "thought_only_then_answer", reply: []geminisim.Reply{geminisim.ThoughtOnly("Hm."), text("Hello.")},
			response: "Hello.", finish: "stop", steps: `[]`},
		{name: "thought_only_twice", reply: []geminisim.Reply{geminisim.ThoughtOnly("Hm."), geminisim.ThoughtOnly("Hm.")},
			kind: KindModel, reason: "thought_only"},
		{name: "no_candidates", reply: []geminisim.Reply{geminisim.NoCandidates()},
			kind: KindModel, reason: "no_candidates"},
		{name: "max_tokens", reply: []geminisim.Reply{geminisim.MaxTokens("Once upon a")},
			response: "Once upon a", finish: "max_tokens", steps: `[]`},
		{name: "max_tokens_without_text", reply: []geminisim.Reply{geminisim.MaxTokens("")},
			response: "The model reached its output limit before it had written an answer. Ask for less at a time.",
			finish:   "max_tokens", steps: `[]`},
		{name: "stopped_for_other_reasons", reply: []geminisim.Reply{geminisim.Finish("OTHER", "So far")},
			response: "So far", finish: "other", steps: `[]`},
		{name: "stopped_without_text", reply: []geminisim.Reply{geminisim.Finish("OTHER", "")}, kind: KindModel,
			reason: "other"},
		{name: "max_steps", reply: []geminisim.Reply{one(calculate("1+1")), one(calculate("2+2"))}, task: Task{MaxSteps: 1},
			response: "The task was not finished at its step limit of 1. Allow more with max_steps, or make it smaller.",
			finish:   "max_steps", steps: oneStep},
		{name: "max_steps_with_text", reply: []geminisim.Reply{one(calculate("1+1")),
			one(calculate("2+2")).WithText("So far it is 2.")},
			task: Task{MaxSteps: 1}, response: "So far it is 2.", finish: "max_steps", steps: oneStep},
		{name: "budget_last_turn", reply: []geminisim.Reply{one(calculate("1+1")).WithUsage(spends(1000, 20)),
			one(calculate("2+2")).WithUsage(spends(1100, 20)), text("It is 2 and 4.").WithUsage(spends(1200, 20))},
			task: Task{Budget: Budget{Tokens: 4000}}, response: "It is 2 and 4.", finish: "budget", steps: twoSteps},
		{name: "budget_partial_answer", reply: []geminisim.Reply{
			one(calculate("1+1")).WithText("First the sum.").WithUsage(spends(1000, 20)), one(calculate("2+2")).WithUsage(spends(1100, 20))},
			task: Task{Budget: Budget{Tokens: 3000}}, response: "First the sum.", finish: "budget", steps: oneStep},
		{name: "budget_of_money", reply: []geminisim.Reply{one(calculate("1+1")).WithUsage(spends(1000, 20))},
			task: Task{Budget: Budget{CostUSD: 0.001}}, cfg: Config{Now: inNovember}, finish: "budget", steps: `[]`,
			response: "The task was not finished within its budget of 0.001 US dollars. Allow more with max_cost_usd, as far as the " +
				"deployment allows it, or make the task smaller."},
		{name: "budget_blocked_last_turn", reply: []geminisim.Reply{one(calculate("1+1")).WithUsage(spends(1000, 20)),
			geminisim.Blocked("SAFETY").WithUsage(spends(1100, 0))}, task: Task{Budget: Budget{Tokens: 2500}},
			response: "The task was blocked by the model's service (SAFETY). Put the task differently.",
			finish:   "blocked", steps: oneStep},
		{name: "budget_not_reached", reply: []geminisim.Reply{one(calculate("1+1")).WithUsage(spends(1000, 20)),
			text("It is 2.").WithUsage(spends(1100, 20))},
			task: Task{Budget: Budget{Tokens: 9000, CostUSD: 1}}, cfg: Config{Now: inNovember}, response: "It is 2.", finish: "stop", steps: oneStep},
		{name: "another_model", reply: []geminisim.Reply{text("Hello.").ServedBy("gemini-3.5-flash-lite")},
			response: "Hello.", finish: "stop", steps: `[]`},
		{name: "deadline_in_the_model", reply: []geminisim.Reply{one(calculate("1+1")), geminisim.Hang()},
			timeout: 5 * time.Second, kind: KindTimeout, reason: "timeout"},
		{name: "deadline_in_a_tool", reply: []geminisim.Reply{calls("minds", "deaf")},
			timeout: 5 * time.Second, kind: KindTimeout, reason: "timeout"},
		{name: "caller_gone_in_the_model", reply: []geminisim.Reply{geminisim.Hang()},
			cancel: time.Second, kind: KindCanceled, reason: "canceled"},
		{name: "caller_gone_in_a_tool", reply: []geminisim.Reply{calls("minds")},
			cancel: time.Second, kind: KindCanceled, reason: "canceled"},
	}
}

func TestScenarios(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) { synctest.Test(t, sc.run) })
		sc.task.Listener = new(heard)
		t.Run(sc.name+"_streamed", func(t *testing.T) { synctest.Test(t, sc.run) })
	}
}

func (sc scenario) run(t *testing.T) {
	rec := tracingtest.NewRecorder()
	g, sim := newGemini(t, nil, sc.reply...)
	g.endpoint.client.Transport = spanTransport{g.endpoint.client.Transport, rec.Tracer("test")}

	release := make(chan struct{})
	defer close(release) // lets go of the tools that were left behind
	sc.cfg.Tools = []Tool{
		Calculate(),
		CurrentTime(func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }),
		tool("big", func(context.Context) (any, error) { return strings.Repeat("big ", 1000), nil }),
		tool("deaf", func(context.Context) (any, error) { <-release; return nil, nil }),
		tool("minds", func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }),
		tool("panics", func(context.Context) (any, error) { panic("hunter2") }),
	}
	for i := range sc.cfg.Tools { // everything takes its time, so that the order of the spans is seen
		call := sc.cfg.Tools[i].Call
		sc.cfg.Tools[i].Call = func(ctx context.Context, args map[string]any) (any, error) {
			time.Sleep(10 * time.Millisecond)
			return call(ctx, args)
		}
	}
	sc.cfg.Tracer = agenttrace.New(rec, agenttrace.Config{})
	if sc.task.Text == "" {
		sc.task.Text = "Do the thing."
	}
	if sc.timeout == 0 {
		sc.timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), sc.timeout)
	defer cancel()
	if sc.cancel > 0 {
		time.AfterFunc(sc.cancel, cancel)
	}
	res, err := New(g, sc.cfg).Run(ctx, sc.task)

	if sc.kind != "" {
		wantError(t, err, sc.kind, sc.reason)
	} else if err != nil {
		t.Errorf("got error %v", err)
	} else {
		steps, _ := json.Marshal(res.Steps)
		if res.Response != sc.response || res.FinishReason != sc.finish || string(steps) != sc.steps {
			t.Errorf("got %q, %s, %s\nwant %q, %s, %s", res.Response, res.FinishReason, steps, sc.response, sc.finish, sc.steps)
		}
		var wantModel = g.Info().Name
		if sc.name == "another_model" {
			wantModel = "gemini-3.5-flash-lite"
		}
		if res.Model != wantModel {
			t.Errorf("model %q", res.Model)
		}
	}
	for i, req := range sim.Requests() {
		if req.Refused {
			t.Errorf("request %d was refused: %s", i, req.Raw)
		}
	}
	if n := sim.Pending(); n > 0 {
		t.Errorf("%d replies were not asked for", n)
	}
	tree := spanTree(rec)
	if h, ok := sc.task.Listener.(*heard); ok {
		h.check(t, res, err)
		tree = plainTree(tree)
	}
	if strings.Contains(tree, "hunter2") {
		t.Error("a secret is in the spans")
	}
	tracingtest.Golden(t, "testdata/"+sc.name+".golden", tree)
	for _, v := range tracingtest.Conformance(rec.Spans()) {
		t.Error(v)
	}
}

var sourceLine = regexp.MustCompile(`\(\w+\.go:\d+\)`)

// spanTree renders the spans without what changes with a word in a prompt or a line of code.
func spanTree(rec *tracingtest.Recorder) string {
	return sourceLine.ReplaceAllString(tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{
		Omit: []string{"gen_ai.tool.description"},
		Present: []string{"gen_ai.response.id", "gen_ai.usage.*", "llm.input_tokens", "llm.output_tokens",
			"tool.result_size"},
	}), "(FILE:LINE)")
}

// spanTransport makes the client span of each attempt, as the application's transport does.
type spanTransport struct {
	base   http.RoundTripper
	tracer trace.Tracer
}

func (t spanTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(req.Context(), req.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", req.Method),
		attribute.String("server.address", req.URL.Hostname()),
		attribute.Int("server.port", 443),
		attribute.String("url.full", req.URL.String()),
	))
	defer span.End()
	time.Sleep(100 * time.Millisecond)
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	switch {
	case err != nil:
		span.SetAttributes(attribute.String("error.type", semconv.ErrorType(err)))
		span.SetStatus(codes.Error, "")
	default:
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		if resp.StatusCode >= 400 {
			span.SetAttributes(attribute.String("error.type", fmt.Sprint(resp.StatusCode)))
			span.SetStatus(codes.Error, "")
		}
	}
	return resp, err
}
