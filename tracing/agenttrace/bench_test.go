package agenttrace_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/redact"
)

// One invocation's worth of agent spans: a task, 3 steps, 4 model calls, 3 tool calls.
func runOnce(ctx context.Context, tr *agenttrace.AgentTracer) {
	ctx, t := tr.StartTask(ctx, task)
	_, m := tr.StartModelCall(ctx, benchCall)
	m.End(benchAnswer, nil)
	for i := range 3 {
		step, s := tr.StartStep(ctx, i+1, "reasoning")
		_, c := tr.StartToolCall(step, benchTool)
		c.End(agenttrace.ToolCallResult{Size: 42}, nil)
		_, m := tr.StartModelCall(step, benchCall)
		m.End(benchAnswer, nil)
		s.End(nil)
	}
	t.End(agenttrace.TaskResult{
		TotalSteps: 3, Reason: "stop", ResponseLength: 11, FinishReasons: benchAnswer.FinishReasons,
		Usage: benchAnswer.Usage,
	}, nil)
}

var (
	benchCall   = call(0)
	benchAnswer = answer("stop")
	benchTool   = agenttrace.ToolCallStart{
		Name: "current_time", CallID: "c-1", Description: "Tells the time.", AgentName: "gemini-agent",
		Args: map[string]any{"zone": "Europe/Madrid", "format": "15:04"},
	}
)

func BenchmarkRun(b *testing.B) {
	for name, tp := range map[string]trace.TracerProvider{
		"recorded":  sdktrace.NewTracerProvider(),
		"unsampled": sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		"disabled":  noop.NewTracerProvider(),
	} {
		b.Run(name, func(b *testing.B) {
			tr := agenttrace.New(tp, agenttrace.Config{})
			b.ReportAllocs()
			for b.Loop() {
				runOnce(b.Context(), tr)
			}
		})
	}
}

func BenchmarkModelCall(b *testing.B) {
	tr := agenttrace.New(sdktrace.NewTracerProvider(), agenttrace.Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, m := tr.StartModelCall(b.Context(), benchCall)
		m.End(benchAnswer, nil)
	}
}

func BenchmarkToolCall(b *testing.B) {
	tr := agenttrace.New(sdktrace.NewTracerProvider(), agenttrace.Config{})
	b.ReportAllocs()
	for b.Loop() {
		_, c := tr.StartToolCall(b.Context(), benchTool)
		c.End(agenttrace.ToolCallResult{Size: 42}, nil)
	}
}

// The least a span can cost: no attributes.
func BenchmarkBareSpan(b *testing.B) {
	tracer := sdktrace.NewTracerProvider().Tracer("bench")
	b.ReportAllocs()
	for b.Loop() {
		_, span := tracer.Start(b.Context(), "bare")
		span.End()
	}
}

func BenchmarkRedactArgs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		redact.Args(benchTool.Args)
	}
}

func BenchmarkRedactText(b *testing.B) {
	for name, text := range map[string]string{
		"clean":  "Explica qué es machine learning y sus aplicaciones, con un ejemplo para cada una de ellas",
		"secret": `asking the model: 401 {"api_key":"abc"} for https://host/path?key=abc`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				redact.Text(text)
			}
		})
	}
}
