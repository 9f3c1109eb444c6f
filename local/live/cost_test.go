package live_test

import (
	"context"
	"runtime"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/local/live"
)

// invoke makes the 11 spans of a usual invocation.
func invoke(ctx context.Context, tp *sdktrace.TracerProvider) {
	tracer := tp.Tracer("test")
	ctx, root := tracer.Start(ctx, "request")
	for range 10 {
		_, s := tracer.Start(ctx, "llm.generate")
		s.SetAttributes(attribute.String("gen_ai.operation.name", "generate_content"), attribute.String("gen_ai.request.model", "gemini-3.8-flash"),
			attribute.Int("gen_ai.usage.input_tokens", 697), attribute.Int("gen_ai.usage.output_tokens", 34),
			attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"}), attribute.String("correlation.id", "c"))
		s.End()
	}
	root.End()
}

// BenchmarkInvocation is what a hub adds to the spans of an invocation, without and with 20 readers of its stream.
func BenchmarkInvocation(b *testing.B) {
	for name, readers := range map[string]int{"without": -1, "with": 0, "with 20 readers": 20} {
		b.Run(name, func(b *testing.B) {
			hub, server := startHub(b, live.Config{})
			var options []sdktrace.TracerProviderOption
			if readers >= 0 {
				options = append(options, sdktrace.WithSpanProcessor(hub))
			} else {
				options = append(options, sdktrace.WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(nowhere{})))
			}
			tp := sdktrace.NewTracerProvider(options...)
			for range readers {
				l := listen(b, server, "")
				go func() {
					for l.lines.Scan() {
					}
				}()
			}
			b.ReportAllocs()
			for b.Loop() {
				invoke(b.Context(), tp)
			}
		})
	}
}

type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }

// TestMemoryIsBounded: after 10,000 invocations the hub holds what its bounds allow.
func TestMemoryIsBounded(t *testing.T) {
	hub := live.NewHub(live.Config{})
	tp := provider(t, hub)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 10_000 {
		invoke(t.Context(), tp)
	}
	after := heap()
	s := hub.Stats()
	t.Logf("after 10,000 invocations: %d traces, %d spans, %d kB by its own count, %d kB of heap", s.Traces, s.Spans, s.Bytes/1000, (int64(after)-int64(before))/1000)
	if s.Traces != 50 || s.Spans != 550 || s.Open != 0 {
		t.Errorf("holds %+v", s)
	}
	runtime.KeepAlive(hub)
}
