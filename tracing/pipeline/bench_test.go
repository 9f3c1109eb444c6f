package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// BenchmarkFlushWait measures how long the end of an invocation waits for a backend that takes 50 ms, beside the
// SDK's batch processor with ForceFlush, on the real clock.
func BenchmarkFlushWait(b *testing.B) {
	for _, concurrency := range []int{1, 8, 64} {
		for _, peer := range []bool{false, true} {
			name := "pipeline"
			if peer {
				name = "sdk-batch-processor"
			}
			b.Run(fmt.Sprintf("%s/concurrent=%d", name, concurrency), func(b *testing.B) {
				slow := &backend{answer: takes(50 * time.Millisecond)}
				var run func() time.Duration
				if peer {
					tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(slow))
					defer func() { _ = tp.Shutdown(context.Background()) }()
					run = func() time.Duration { return invokeBatchProcessor(tp, 16) }
				} else {
					p := newTestProvider(b, testConfig{}, slow)
					run = func() time.Duration { return invoke(p, 16, false) }
				}
				var waits []time.Duration
				for b.Loop() {
					waits = append(waits, load(concurrency, 10, run)...)
				}
				slices.Sort(waits)
				b.ReportMetric(float64(percentile(waits, 0.50).Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(percentile(waits, 0.99).Microseconds())/1000, "p99-ms")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func invokeBatchProcessor(tp *sdktrace.TracerProvider, n int) time.Duration {
	tracer := tp.Tracer("test")
	ctx, root := tracer.Start(context.Background(), "root", trace.WithSpanKind(trace.SpanKindServer))
	for range n {
		_, s := tracer.Start(ctx, "child")
		s.End()
	}
	root.End()
	start := time.Now()
	_ = tp.ForceFlush(context.Background())
	return time.Since(start)
}

// BenchmarkSpan is the cost of a span from its start until the exporter has it, beside the SDK's batch processor.
func BenchmarkSpan(b *testing.B) {
	const perInvocation = 16
	attrs := benchAttributes()
	spans := func(ctx context.Context, tracer trace.Tracer) {
		ctx, root := tracer.Start(ctx, "root", trace.WithSpanKind(trace.SpanKindServer))
		for range perInvocation - 1 {
			_, s := tracer.Start(ctx, "child", trace.WithAttributes(attrs...))
			s.End()
		}
		root.End()
	}
	b.Run("pipeline", func(b *testing.B) {
		sink := &countingExporter{}
		p := setup(testConfig{Exporters: []sdktrace.SpanExporter{sink}})
		tracer := p.TracerProvider().Tracer("bench")
		b.ReportAllocs()
		for b.Loop() {
			ctx, inv := p.Begin(context.Background())
			spans(ctx, tracer)
			inv.End()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*perInvocation), "ns/span")
		sink.check(b, b.N*perInvocation)
	})
	b.Run("sdk-batch-processor", func(b *testing.B) {
		sink := &countingExporter{}
		tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(sink))
		tracer := tp.Tracer("bench")
		b.ReportAllocs()
		for b.Loop() {
			spans(context.Background(), tracer)
			_ = tp.ForceFlush(context.Background())
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*perInvocation), "ns/span")
		sink.check(b, b.N*perInvocation)
	})
}

type countingExporter struct {
	mu sync.Mutex
	n  int
}

func (e *countingExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n += len(spans)
	return nil
}

func (e *countingExporter) Shutdown(context.Context) error { return nil }

func (e *countingExporter) check(b *testing.B, want int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.n != want {
		b.Errorf("spans exported = %d, want %d", e.n, want)
	}
}

// benchAttributes are as many as a span of ours has on average.
func benchAttributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 12)
	for i := range attrs {
		attrs[i] = attribute.String(fmt.Sprintf("bench.attribute_%d", i), "a value of usual length")
	}
	return attrs
}
