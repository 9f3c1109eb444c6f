package pipeline

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
)

// The traces of cancelled clients and of requests out of time are those one wants most.
func TestEndNeedsNoLiveContext(t *testing.T) {
	type key struct{}
	for name, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		},
		"out of time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{}
				b.answer = func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
					if sc := trace.SpanContextFromContext(ctx); sc.IsValid() || trace.SpanFromContext(ctx).IsRecording() {
						t.Errorf("the export's context carries span %s", sc.SpanID())
					}
					if ctx.Value(key{}) != nil || correlation.ID(ctx) != "" {
						t.Error("the export's context carries values of the request")
					}
					deadline, ok := ctx.Deadline()
					if left := time.Until(deadline); !ok || left != 3*time.Second {
						t.Errorf("the export has %v (deadline %t), want its own 3s", left, ok)
					}
					return sleep(ctx, 100*time.Millisecond)
				}
				p := newTestProvider(t, testConfig{Pipeline: Config{ExportTimeout: 3 * time.Second}}, b)
				request := correlation.ContextWithID(context.WithValue(context.Background(), key{}, 1), "id")
				request, cancel := end(request)
				defer cancel()
				ctx, inv := p.Begin(request)
				_, root := start(p, ctx, "root")
				time.Sleep(2 * time.Millisecond)
				root.End()
				begin := time.Now()
				inv.End()
				if wait := time.Since(begin); wait != 100*time.Millisecond || len(b.spans) != 1 {
					t.Errorf("waited %v for %d spans, want 100ms for 1", wait, len(b.spans))
				}
			})
		})
	}
}

// An exporter that is instrumented itself finds no span in its context, and what it records by mistake under the same
// provider is not a part of the trace it exports.
func TestExporterIsNeverPartOfTheTraceItSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		var p *testProvider
		once := sync.OnceFunc(func() {
			_, s := start(p, context.Background(), "stands for another service")
			s.End()
		})
		b.answer = func(ctx context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if n == 0 {
				_, s := start(p, ctx, "the exporter's own")
				s.End()
				once()
			}
			return nil
		}
		p = newTestProvider(t, testConfig{}, b)
		invoke(p, 1, false)
		if err := p.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		var request trace.TraceID
		for _, s := range b.spans {
			if s.Name() == "root" {
				request = s.SpanContext().TraceID()
			}
		}
		for _, s := range b.spans {
			if in := s.SpanContext().TraceID() == request; in != (s.Name() == "root" || s.Name() == "child") {
				t.Errorf("%q in the request's trace: %t", s.Name(), in)
			}
		}
	})
}

// A span that ends twice, and an invocation that does, count once.
func TestEverySpanArrivesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(5 * time.Millisecond)}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		var wg sync.WaitGroup
		for range 8 {
			callCtx, call := p.TracerProvider().Tracer("test").Start(ctx, "call", trace.WithSpanKind(trace.SpanKindClient))
			_, inner := start(p, callCtx, "inner")
			time.Sleep(300 * time.Millisecond) // the next call sends ahead what has ended
			inner.End()
			for range 3 {
				wg.Go(func() { call.End() })
			}
			wg.Wait()
		}
		root.End()
		root.End()
		for range 3 {
			wg.Go(func() { inv.End() })
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(b.spans) != 17 || len(b.seen) != 17 || b.exports < 3 {
			t.Errorf("arrived %d spans, %d different, in %d exports; want 17 once, in some parts",
				len(b.spans), len(b.seen), b.exports)
		}
		if st := p.Stats(); st.Kept != 17 || st.Exported != 17 {
			t.Errorf("stats = %+v, want 17 kept and exported", st)
		}
	})
}
