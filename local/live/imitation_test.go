package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/local/live"
)

// imitation is a system of three services as the page sees it: spans of plain OpenTelemetry providers that share a hub,
// and an agent over HTTP. What it does depends on the task's words and on the fault that is armed.
type imitation struct {
	hub                *live.Hub
	agent, sub, search trace.Tracer
	step               time.Duration // the model's time; other work takes a fraction of it

	mu    sync.Mutex
	fault string
	hold  chan struct{} // not nil: the first model call waits for it
}

func imitate(tb testing.TB, hub *live.Hub) *imitation {
	tb.Helper()
	tracer := func(service string) trace.Tracer {
		tp := sdktrace.NewTracerProvider(
			sdktrace.WithSpanProcessor(hub),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
		tb.Cleanup(func() { _ = tp.Shutdown(context.WithoutCancel(tb.Context())) })
		return tp.Tracer("example.com/gemini-agent/agent")
	}
	return &imitation{
		hub: hub, agent: tracer("gemini-agent"), sub: tracer("gemini-sub-agent"), search: tracer("search-service"),
		step: 20 * time.Millisecond,
	}
}

// faults are the ones the imitation knows.
func (m *imitation) faults() []live.Fault {
	var list []live.Fault
	for _, f := range []struct{ name, label, help string }{
		{"429", "429", "The model's quota is spent once; the call is tried again."},
		{"503", "503", "The model stays overloaded."},
		{"blocked", "blocked", "The model refuses the prompt."},
		{"slow-tool", "slow tool", "The search takes its time."},
		{"sub-agent-down", "sub-agent down", "The sub-agent cannot be reached."},
	} {
		list = append(list, live.Fault{Name: f.name, Label: f.label, Help: f.help, Arm: func() { m.arm(f.name) }})
	}
	return list
}

func (m *imitation) arm(fault string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// holdModel makes model calls wait until the returned function is called.
func (m *imitation) holdModel() (release func()) {
	c := make(chan struct{})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = c
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.hold = nil
		close(c)
	})
}

func (m *imitation) work(share float64) { time.Sleep(time.Duration(share * float64(m.step))) }

// run is one request.
type run struct {
	*imitation
	fault, correlation string
	task               string
}

// failure is what a span ends with, beside its attributes.
type failure struct{ kind, message string }

func (f *failure) Error() string { return f.message }

func (r *run) start(ctx context.Context, t trace.Tracer, name string, kind trace.SpanKind, attrs ...attribute.KeyValue,
) (context.Context, trace.Span) {
	attrs = append(attrs, attribute.String("correlation.id", r.correlation))
	return t.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
}

func end(s trace.Span, f *failure, attrs ...attribute.KeyValue) {
	s.SetAttributes(attrs...)
	if f != nil {
		s.SetAttributes(attribute.String("error.type", f.kind))
		s.AddEvent("exception", trace.WithAttributes(
			attribute.String("exception.type", "*agent.Error"), attribute.String("exception.message", f.message)))
		s.SetStatus(codes.Error, f.message)
	}
	s.End()
}

// transport makes the spans of a request over HTTP on the client's and, with a tracer of its own, the server's side.
func (r *run) transport(ctx context.Context, t, server trace.Tracer, name, route string, inside func(context.Context) int) {
	ctx, client := r.start(ctx, t, "POST "+name, trace.SpanKindClient,
		attribute.String("http.request.method", "POST"), attribute.String("server.address", "127.0.0.1"))
	status := 0
	if server == nil {
		status = inside(ctx)
	} else {
		down, s := r.start(ctx, server, "POST "+route, trace.SpanKindServer,
			attribute.String("http.request.method", "POST"), attribute.String("http.route", route))
		status = inside(down)
		end(s, nil, attribute.Int("http.response.status_code", status))
	}
	var f *failure
	if status >= 400 {
		f = &failure{fmt.Sprint(status), ""}
	}
	end(client, f, attribute.Int("http.response.status_code", status))
}

type said struct {
	Role  string           `json:"role"`
	Parts []map[string]any `json:"parts"`
}

func text(role, s string) said {
	return said{role, []map[string]any{{"type": "text", "content": s}}}
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// model is a call of the model, with its attempts.
func (r *run) model(ctx context.Context, t trace.Tracer, step int, in []said, out said, finish string) *failure {
	ctx, s := r.start(ctx, t, "llm.generate", trace.SpanKindClient,
		attribute.String("gen_ai.operation.name", "generate_content"), attribute.String("gen_ai.provider.name", "gcp.gemini"),
		attribute.String("llm.model", "gemini-3.8-flash"), attribute.String("gen_ai.request.model", "gemini-3.8-flash"),
		attribute.Int("llm.step_number", step), attribute.String("llm.prompt_preview", "…"),
		attribute.String("gen_ai.system_instructions", asJSON([]any{map[string]any{"type": "text", "content": "Be brief."}})),
		attribute.String("gen_ai.input.messages", asJSON(in)))
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		<-hold
	}
	attempts, first := 1, step == 1
	var f *failure
	switch {
	case first && r.fault == "429":
		attempts = 2
	case first && r.fault == "503":
		attempts, f = 3, &failure{"503", "asking gemini-3.8-flash: 503 UNAVAILABLE: The model is overloaded. Please try again later. (3 attempts)"}
	case first && r.fault == "blocked":
		f = &failure{"blocked", "gemini-3.8-flash refused the prompt: SAFETY"}
	}
	for i := range attempts {
		r.transport(ctx, t, nil, "/v1beta/models/{model}:generateContent", "", func(context.Context) int {
			r.work(1)
			switch {
			case i < attempts-1 && r.fault == "429":
				return http.StatusTooManyRequests
			case i < attempts-1 || f != nil && f.kind == "503":
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		if i < attempts-1 {
			wait := r.step * 3
			s.AddEvent("llm.retry", trace.WithAttributes(attribute.Int("attempt", i+2), attribute.String("reason", r.fault),
				attribute.Float64("wait_ms", float64(wait.Microseconds())/1000)))
			time.Sleep(wait)
		}
	}
	attrs := []attribute.KeyValue{
		attribute.Int("gen_ai.usage.input_tokens", 600+97*step), attribute.Int("gen_ai.usage.output_tokens", 34),
		attribute.Int("gen_ai.usage.cache_read.input_tokens", 512), attribute.Int("gen_ai.usage.reasoning.output_tokens", 12),
		attribute.StringSlice("gen_ai.response.finish_reasons", []string{finish}), attribute.Float64("llm.cost_usd", 0.00042),
	}
	if f == nil {
		attrs = append(attrs, attribute.String("gen_ai.output.messages", asJSON([]any{out})))
		s.SetStatus(codes.Ok, "")
	}
	end(s, f, attrs...)
	return f
}

// tool is a tool call.
func (r *run) tool(ctx context.Context, t trace.Tracer, name string, args map[string]any, work func(context.Context) (any, *failure)) (any, *failure) {
	ctx, s := r.start(ctx, t, "tool."+name, trace.SpanKindInternal,
		attribute.String("gen_ai.operation.name", "execute_tool"), attribute.String("tool.name", name),
		attribute.String("gen_ai.tool.name", name), attribute.String("tool.args", asJSON(args)),
		attribute.String("gen_ai.tool.call.arguments", asJSON(args)))
	result, f := work(ctx)
	if f != nil {
		result = map[string]any{"error": f.message}
	} else {
		s.SetStatus(codes.Ok, "")
	}
	raw := asJSON(result)
	end(s, f, attribute.Bool("tool.success", f == nil), attribute.Int("tool.result_size", len(raw)),
		attribute.String("gen_ai.tool.call.result", raw))
	return result, f
}

func call(name string, args map[string]any) map[string]any {
	return map[string]any{"type": "tool_call", "id": "call-" + name, "name": name, "arguments": args}
}

func response(name string, result any) said {
	return said{"tool", []map[string]any{{"type": "tool_call_response", "id": "call-" + name, "response": result}}}
}

// runAgent is a task of one of the two agents.
func (r *run) runAgent(ctx context.Context, t trace.Tracer, task string, delegate bool) (answer string, f *failure) {
	ctx, s := r.start(ctx, t, "agent.task", trace.SpanKindInternal,
		attribute.String("gen_ai.operation.name", "invoke_agent"), attribute.String("gen_ai.agent.name", "gemini-agent"),
		attribute.String("agent.task.description", task), attribute.String("agent.user.id", "ana"))
	defer func() {
		if f == nil {
			s.SetStatus(codes.Ok, "")
		}
		end(s, f, attribute.Int("agent.total_steps", 1), attribute.Float64("llm.cost_usd", 0.00084),
			attribute.String("gen_ai.output.messages", asJSON([]any{text("assistant", answer)})))
	}()
	in := []said{text("user", task)}
	step, stepSpan := r.start(ctx, t, "agent.step.reasoning", trace.SpanKindInternal,
		attribute.Int("agent.step.number", 1), attribute.String("agent.step.type", "reasoning"))
	search, calc := map[string]any{"query": "machine learning"}, map[string]any{"expression": "12 * 7"}
	work := map[string]any{"task": "explain what machine learning is"}
	out := said{"assistant", []map[string]any{call("search", search), call("calculate", calc)}}
	if delegate {
		out.Parts = []map[string]any{call("delegate_to_subagent", work), call("calculate", calc)}
	}
	if f = r.model(step, t, 1, in, out, "tool_calls"); f != nil {
		end(stepSpan, f)
		return "", f
	}
	in = append(in, out)
	var wg sync.WaitGroup
	results := make([]said, 2)
	wg.Go(func() {
		result, _ := r.tool(step, t, "calculate", calc, func(context.Context) (any, *failure) {
			r.work(0.1)
			return map[string]any{"result": 84}, nil
		})
		results[1] = response("calculate", result)
	})
	if delegate {
		result, _ := r.tool(step, t, "delegate_to_subagent", work, func(ctx context.Context) (any, *failure) {
			return r.callSubAgent(ctx, t)
		})
		results[0] = response("delegate_to_subagent", result)
	} else {
		result, _ := r.tool(step, t, "search", search, func(ctx context.Context) (any, *failure) { return r.callSearch(ctx, t) })
		results[0] = response("search", result)
	}
	wg.Wait()
	end(stepSpan, nil)
	in = append(in, results...)
	answer = "Machine learning lets programs find rules in data. 12 * 7 is 84."
	if strings.Contains(task, "hostile") {
		answer = hostile
	}
	return answer, r.model(ctx, t, 2, in, text("assistant", answer), "stop")
}

// hostile is what a model may write.
const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>[x](javascript:window.pwned=1)`

func (r *run) callSearch(ctx context.Context, t trace.Tracer) (any, *failure) {
	r.transport(ctx, t, r.search, "/mcp", "/mcp", func(ctx context.Context) int {
		_, s := r.start(ctx, r.search, "tools/call search", trace.SpanKindServer,
			attribute.String("mcp.method.name", "tools/call"), attribute.String("gen_ai.tool.name", "search"))
		if r.fault == "slow-tool" {
			r.work(20)
		}
		r.work(0.5)
		end(s, nil)
		return http.StatusOK
	})
	return map[string]any{"results": []any{"a", "b", "c"}}, nil
}

func (r *run) callSubAgent(ctx context.Context, t trace.Tracer) (any, *failure) {
	ctx, s := r.start(ctx, t, "invoke_agent sub-agent", trace.SpanKindClient,
		attribute.String("gen_ai.operation.name", "invoke_agent"), attribute.String("gen_ai.agent.name", "sub-agent"))
	if r.fault == "sub-agent-down" {
		f := &failure{"sub_agent_unavailable", "asking the sub-agent: connection refused; is it running?"}
		_, c := r.start(ctx, t, "POST /api/v1/agent/execute", trace.SpanKindClient, attribute.String("http.request.method", "POST"))
		end(c, &failure{"connection_refused", "dial tcp 127.0.0.1:9: connection refused"})
		end(s, f)
		return nil, f
	}
	var answer string
	r.transport(ctx, t, r.sub, "/api/v1/agent/execute", "/api/v1/agent/execute", func(ctx context.Context) int {
		answer, _ = r.runAgent(ctx, r.sub, "explain what machine learning is", false)
		return http.StatusOK
	})
	end(s, nil)
	return map[string]any{"response": answer}, nil
}

// ServeHTTP is the agent's endpoint, without streaming and with it.
func (m *imitation) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body struct{ Task string }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r := &run{imitation: m, correlation: req.Header.Get("X-Correlation-Id"), task: body.Task}
	m.mu.Lock()
	r.fault, m.fault = m.fault, ""
	m.mu.Unlock()
	ctx, s := r.start(context.WithoutCancel(req.Context()), m.agent, "POST /api/v1/agent/execute", trace.SpanKindServer,
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/api/v1/agent/execute"))
	id := s.SpanContext().TraceID().String()
	stream := strings.Contains(req.Header.Get("Accept"), "text/event-stream")
	w.Header().Set("X-Trace-ID", id)
	if stream {
		w.Header().Set("Content-Type", "text/event-stream")
		sse(w, "start", map[string]any{"trace_id": id})
	}
	answer, f := r.runAgent(ctx, m.agent, body.Task, strings.Contains(body.Task, "sub-agent"))
	if stream {
		for word := range strings.SplitAfterSeq(answer, " ") {
			sse(w, "delta", map[string]any{"step": 2, "text": word})
		}
	}
	event, status := "answer", http.StatusOK
	result := map[string]any{
		"response": answer, "finish_reason": "stop", "model": "gemini-3.8-flash-simulated", "total_steps": 1, "trace_id": id,
		"usage": map[string]any{"input_tokens": 1503, "output_tokens": 68, "cost_usd": 0.00084},
	}
	if f != nil {
		event, status = "error", http.StatusServiceUnavailable
		result = map[string]any{"title": "Service Unavailable", "status": status, "detail": f.message, "trace_id": id}
	}
	end(s, f, attribute.Int("http.response.status_code", status))
	if stream {
		sse(w, event, result)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(result)
}

func sse(w http.ResponseWriter, event string, data any) {
	fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, asJSON(data))
	_ = http.NewResponseController(w).Flush()
}

// site is a page's server before an imitated system.
type site struct {
	hub *live.Hub
	sim *imitation
	url string
}

func serve(tb testing.TB, change ...func(*live.HandlerConfig)) *site {
	tb.Helper()
	s := &site{hub: live.NewHub(live.Config{})}
	s.sim = imitate(tb, s.hub)
	agent := httptest.NewServer(s.sim)
	tb.Cleanup(agent.Close)
	at, err := url.Parse(agent.URL)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := live.HandlerConfig{Agent: at, Simulated: true, Content: true, Faults: s.sim.faults()}
	for _, f := range change {
		f(&cfg)
	}
	stop := make(chan struct{})
	server := httptest.NewServer(s.hub.Handler(cfg, stop))
	tb.Cleanup(func() {
		close(stop)
		server.Close()
	})
	s.url = server.URL
	return s
}
