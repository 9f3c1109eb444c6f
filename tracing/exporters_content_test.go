package tracing_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
)

// TestWithoutContent: a processor sees what was said; no exporter does, and loses nothing else.
func TestWithoutContent(t *testing.T) {
	seen := tracetest.NewSpanRecorder()
	sent := tracetest.NewInMemoryExporter()
	run := func(mode agenttrace.ContentMode, without bool) {
		p, err := tracing.Setup(t.Context(), tracing.Config{
			Agent: agenttrace.Config{Content: mode}, Processors: []sdktrace.SpanProcessor{seen},
			Exporters: []sdktrace.SpanExporter{sent}, Exporter: tracing.ExporterConfig{WithoutContent: without},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, tool := p.AgentTracer().StartToolCall(t.Context(), agenttrace.ToolCallStart{
			Name: "search", Args: map[string]any{"query": "a secret plan"},
		})
		tool.End(agenttrace.ToolCallResult{Size: 3, Result: func() any { return "the plan" }}, nil)
		if err := p.Flush(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Shutdown(context.WithoutCancel(t.Context())) })
	}
	run(agenttrace.NoContent, false)
	plain := keysOf(sent.GetSpans()[0])
	sent.Reset()
	run(agenttrace.SpanContent, true)
	if got := keysOf(sent.GetSpans()[0]); !reflect.DeepEqual(got, plain) {
		t.Errorf("exported %v, want %v", got, plain)
	}
	found := false
	for _, a := range seen.Ended()[1].Attributes() {
		found = found || strings.HasPrefix(string(a.Key), "gen_ai.tool.call.")
	}
	if !found {
		t.Error("the processor does not see the content")
	}
}

type keys map[string]bool

func keysOf(s tracetest.SpanStub) keys {
	k := keys{}
	for _, a := range s.Attributes {
		k[string(a.Key)] = true
	}
	return k
}
