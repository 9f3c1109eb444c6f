package agenttrace_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/tracingtest"
)

// wrapped is a tracer provider whose spans are of a type of its own, as the wrappers of vendors and of tests have it.
type wrapped struct{ trace.TracerProvider }

func (w wrapped) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return wrappedTracer{w.TracerProvider.Tracer(name, opts...)}
}

type wrappedTracer struct{ trace.Tracer }

func (w wrappedTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	ctx, span := w.Tracer.Start(ctx, name, opts...)
	span = wrappedSpan{Span: span}
	return trace.ContextWithSpan(ctx, span), span
}

type wrappedSpan struct {
	trace.Span
	_ []byte // not comparable
}

func TestAnyTracerProviderGetsAllSpans(t *testing.T) {
	for name, tc := range scenarios {
		t.Run(name, func(t *testing.T) {
			alone, inside := tracingtest.NewRecorder(), tracingtest.NewRecorder()
			tc.run(t.Context(), agenttrace.New(alone, tc.cfg))
			tc.run(t.Context(), agenttrace.New(wrapped{inside}, tc.cfg))
			got := tracingtest.Tree(inside.Spans(), tracingtest.TreeConfig{})
			if want := tracingtest.Tree(alone.Spans(), tracingtest.TreeConfig{}); got != want {
				t.Errorf("wrapped, the spans are\n%swant\n%s", got, want)
			}
		})
	}
}

// Ours, wrapped, records what its sampler leaves open.
func TestAWrappedProviderKeepsWhatFails(t *testing.T) {
	rec := tracingtest.NewRecorder()
	p := setup(t, tracing.Config{
		Sampler:   sampling.Config{Name: sampling.SamplerTraceIDRatio, Ratio: 0},
		Exporters: []sdktrace.SpanExporter{rec.Exporter()},
	})
	ctx, inv := p.Begin(t.Context())
	scenarios["task_failed"].run(ctx, agenttrace.New(wrapped{p.TracerProvider()}, agenttrace.Config{}))
	inv.End()
	if n := len(rec.Spans()); n != 3 {
		t.Errorf("%d spans, want task, step and model call", n)
	}
}

func TestLateSpansOfAnUndecidedTraceFollowTheirEndedParent(t *testing.T) {
	rec := tracingtest.NewRecorder()
	p := setup(t, tracing.Config{
		Sampler:   sampling.Config{Name: sampling.SamplerTraceIDRatio, Ratio: 0},
		Exporters: []sdktrace.SpanExporter{rec.Exporter()},
	})
	ctx, inv := p.Begin(t.Context())
	ctx, span := p.TracerProvider().Tracer("test").Start(ctx, "parent")
	span.SetStatus(codes.Error, "")
	span.End()
	_, late := p.AgentTracer().StartStep(ctx, 1, "")
	late.End(nil)
	inv.End()
	if n := len(rec.Spans()); n != 2 {
		t.Errorf("%d spans, want the parent and the late one", n)
	}
}

func setup(t *testing.T, cfg tracing.Config) *tracing.Provider {
	t.Helper()
	p, err := tracing.Setup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}
