package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
)

// The trace of the README's request by a system that has just started: both agents still ask the search service what
// tools it has.
const readmeTrace = `
gemini-agent: POST /api/v1/agent/execute
  agent.task
    agent.step.reasoning
      llm.generate
        POST /v1beta/models/{model}:generateContent
      tool.calculate
      tool.delegate_to_subagent
        invoke_agent sub-agent
          POST /api/v1/agent/execute
            gemini-sub-agent: POST /api/v1/agent/execute
              agent.task
                agent.step.reasoning
                  llm.generate
                    POST /v1beta/models/{model}:generateContent
                  tool.search
                    tools/call search
                      search-service: POST /mcp
                        tools/call search
                llm.generate
                  POST /v1beta/models/{model}:generateContent
                server/discover
                  search-service: POST /mcp
                tools/list
                  search-service: POST /mcp
    llm.generate
      POST /v1beta/models/{model}:generateContent
    server/discover
      search-service: POST /mcp
    tools/list
      search-service: POST /mcp
`

// checkJaeger asks Jaeger once, right after the answer was read.
func checkJaeger(tb testing.TB, backend *jaeger, traceID, parent, want string) []span {
	tb.Helper()
	spans := backend.trace(tb, traceID)
	checkWhole(tb, spans, parent)
	if got := outline(spans); got != strings.TrimPrefix(want, "\n") {
		tb.Errorf("Jaeger has\n%swant%s", got, want)
	}
	return spans
}

// TestJaegerHasTheTraceOnceCurlReturns: the README's two commands, and a Jaeger.
func TestJaegerHasTheTraceOnceCurlReturns(t *testing.T) {
	backend := startJaeger(t)
	l := startLocal(t, process.Build(t, localMain), "OTEL_EXPORTER_OTLP_ENDPOINT="+backend.otlp,
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
	spans := checkJaeger(t, backend, l.curl(t).traceID, "", readmeTrace)
	if t.Failed() {
		return
	}
	t.Run("attributes", func(t *testing.T) { checkAttributes(t, spans) })
	t.Run("every time", func(t *testing.T) {
		const lookups = 8 // of tools, which are remembered: four requests, a span on either side
		for range 8 {
			again := backend.trace(t, l.curl(t).traceID)
			checkWhole(t, again, "")
			if want := len(spans) - lookups; len(again) != want {
				t.Errorf("Jaeger has %d spans, want %d:\n%s", len(again), want, outline(again))
			}
		}
	})
	want := []string{"gemini-agent", "gemini-sub-agent", "search-service"}
	if got := backend.services(t); !slices.Equal(got, want) {
		t.Errorf("Jaeger knows the services %v, want %v", got, want)
	}
}

// positive stands for any value above 0 of its type.
type positive[T int64 | float64] struct{}

func (positive[T]) holds(v any) bool {
	n, ok := v.(T)
	return ok && n > 0
}

// filled stands for any string that is not empty.
type filled struct{}

func (filled) holds(v any) bool {
	s, ok := v.(string)
	return ok && s != ""
}

// checkAttributes: what was recorded is read back with its type. Jaeger shows lists as JSON.
func checkAttributes(t *testing.T, spans []span) {
	for _, tt := range []struct {
		service, name string
		want          map[string]any
	}{
		{"gemini-agent", "POST /api/v1/agent/execute", map[string]any{
			"span.kind": "server", "http.request.method": "POST", "http.route": "/api/v1/agent/execute",
			"http.response.status_code": int64(200), "url.path": "/api/v1/agent/execute", "faas.trigger": "http",
			"faas.coldstart": true, "correlation.id": filled{}, "sampling.reason": "always_on", "sampling.ratio": float64(1),
		}},
		{"gemini-agent", "agent.task", map[string]any{
			"span.kind": "internal", "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "gemini-agent",
			"agent.user.id": "anonymous", "agent.total_steps": int64(1), "agent.final_response_length": positive[int64]{},
			"gen_ai.usage.input_tokens": positive[int64]{}, "gen_ai.usage.output_tokens": positive[int64]{},
			"otel.status_code": "OK",
		}},
		{"gemini-agent", "agent.step.reasoning", map[string]any{
			"agent.step.number": int64(1), "agent.step.type": "reasoning", "gen_ai.operation.name": nil,
		}},
		{"gemini-sub-agent", "llm.generate", map[string]any{
			"span.kind": "client", "gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gcp.gemini",
			"gen_ai.request.model": "gemini-3.8-flash", "gen_ai.response.model": "gemini-3.8-flash-simulated",
			"gen_ai.response.id": filled{}, "gen_ai.response.finish_reasons": `["stop"]`,
			"gen_ai.usage.input_tokens": positive[int64]{}, "gen_ai.usage.output_tokens": positive[int64]{},
			"llm.duration_ms": positive[float64]{}, "llm.step_number": int64(0), "llm.model": "gemini-3.8-flash",
		}},
		{"gemini-sub-agent", "tool.search", map[string]any{
			"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.type": "extension",
			"gen_ai.tool.call.id": filled{}, "gen_ai.tool.description": filled{}, "mcp.method.name": "tools/call",
			"tool.name": "search", "tool.args": `{"query":"machine learning"}`, "tool.success": true,
			"tool.result_size": positive[int64]{}, "tool.duration_ms": positive[float64]{}, "error.type": nil,
		}},
		{"gemini-agent", "invoke_agent sub-agent", map[string]any{
			"span.kind": "client", "gen_ai.operation.name": "invoke_agent", "server.port": positive[int64]{},
		}},
		{"search-service", "tools/call search", map[string]any{
			"span.kind": "server", "mcp.method.name": "tools/call", "gen_ai.tool.name": "search",
		}},
	} {
		got := first(t, spans, tt.service, tt.name).attrs
		for key, want := range tt.want {
			if kind, ok := want.(interface{ holds(any) bool }); ok && kind.holds(got[key]) {
				continue
			}
			if got[key] != want {
				t.Errorf("%s: %s has %s = %T %v, want %T %v", tt.service, tt.name, key, got[key], got[key], want, want)
			}
		}
	}
}

// TestJaegerInProduction: what is not sampled does not come, unless it failed; then all of it comes.
func TestJaegerInProduction(t *testing.T) {
	backend := startJaeger(t)
	d := deploy(t, process.Build(t, functionMain), "OTEL_EXPORTER_OTLP_ENDPOINT="+backend.otlp,
		"ENVIRONMENT=production", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	for range 3 {
		if spans := backend.trace(t, ask(t, d.url, "Hello", http.StatusOK).traceID); len(spans) > 0 {
			t.Errorf("Jaeger has\n%salthough nothing is sampled", outline(spans))
		}
		calculate := geminisim.Call{Name: "calculate", Args: map[string]any{"expression": "12 * 7"}}
		d.gemini.Script(geminisim.Calls(calculate), geminisim.Error(http.StatusBadRequest, "", "no"))
		res := ask(t, d.url, "Hello", http.StatusBadGateway)
		spans := checkJaeger(t, backend, res.traceID, "", `
gemini-agent: POST /api/v1/agent/execute !502
  agent.task !400
    agent.step.reasoning !400
      llm.generate !400
        POST /v1beta/models/{model}:generateContent !400
      tool.calculate
    llm.generate
      POST /v1beta/models/{model}:generateContent
`)
		root := first(t, spans, "gemini-agent", "POST /api/v1/agent/execute").attrs
		if root["sampling.reason"] != "error" || root["otel.status_code"] != "ERROR" {
			t.Errorf("the root was kept for %v, with the status %v", root["sampling.reason"], root["otel.status_code"])
		}
	}
}
