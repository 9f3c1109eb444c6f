package pipeline

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/sampling"
)

// remoteSampled is the context of a caller that sampled its trace.
func remoteSampled() context.Context {
	return trace.ContextWithRemoteSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true,
	}))
}

// What undecided invocations hold must not cost one that is kept a span.
func TestKeptSpansAreNotHeldToTheBoundsOfUndecidedOnes(t *testing.T) {
	for name, cfg := range map[string]Config{
		"bytes":                   {HeldBytes: 20_000},
		"spans":                   {HeldSpans: 10},
		"bytes and min. duration": {HeldBytes: 20_000, MinDuration: time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{}
				sampler := sampling.Config{Name: sampling.SamplerParentBasedTraceIDRatio, Ratio: 0}
				p := newTestProvider(t, testConfig{Sampler: sampler, Pipeline: cfg}, b)
				hogs, hog := p.Begin(context.Background())
				for range 100 {
					_, s := start(p, hogs, "hog")
					s.End()
				}
				lost := p.Stats().Dropped
				ctx, inv := p.Begin(remoteSampled())
				ctx, root := start(p, ctx, "root")
				for range 30 {
					_, s := start(p, ctx, "child")
					time.Sleep(time.Millisecond)
					s.End()
				}
				root.End()
				inv.End()
				if len(b.seen) != 31 || p.Stats().Dropped != lost {
					t.Errorf("arrived %d, %d lost; want 31 and none", len(b.seen), p.Stats().Dropped-lost)
				}
				hog.End()
				if n := p.collector.undecided.Load(); n != 0 {
					t.Errorf("bytes still held = %d, want 0", n)
				}
			})
		})
	}
}

// A piece of work outside of any invocation ends with its first span, also when the bound on held spans is reached.
func TestBoundedImplicitInvocationStillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: Config{HeldSpans: 5}}, b)
		ctx, gone := start(p, context.Background(), "gone")
		gone.End()
		ctx, root := start(p, ctx, "below an ended span")
		for range 10 {
			_, s := start(p, ctx, "child")
			s.SetStatus(codes.Error, "")
			s.End()
		}
		root.End()
		if err := p.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(b.seen) != 6 {
			t.Errorf("spans at the backend = %d, want the 5 held ones and the first", len(b.seen))
		}
		if n := p.collector.undecided.Load(); n != 0 {
			t.Errorf("bytes still held = %d, want 0", n)
		}
	})
}

// Inner spans end last, so a bound that is reached hits the parents of what is held.
func TestSpansLostToABoundLeaveNoOrphan(t *testing.T) {
	for _, filter := range []time.Duration{0, time.Nanosecond} {
		t.Run(fmt.Sprint("min duration ", filter), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{}
				cfg := Config{HeldSpans: 10, MinDuration: filter}
				p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: cfg}, b)
				ctx, inv := p.Begin(context.Background())
				ctx, root := start(p, ctx, "root")
				taskCtx, task := start(p, ctx, "task")
				for range 5 {
					stepCtx, step := start(p, taskCtx, "step")
					for range 4 {
						_, tool := start(p, stepCtx, "tool")
						time.Sleep(time.Millisecond)
						tool.End()
					}
					step.End()
				}
				task.SetStatus(codes.Error, "")
				task.End()
				root.End()
				inv.End()
				if len(b.seen) != 11 {
					t.Errorf("spans at the backend = %d, want 10 and the root", len(b.seen))
				}
				for _, s := range b.spans {
					if parent := s.Parent().SpanID(); parent.IsValid() && b.seen[parent] == 0 {
						t.Errorf("%s is an orphan", s.Name())
					}
				}
			})
		})
	}
}

// What is not held must not be kept alive by what is.
func TestLostAndSentSpansAreNotKeptAlive(t *testing.T) {
	const size = 1 << 20
	big := func(p *testProvider, ctx context.Context, n int) {
		for i := range n {
			_, s := p.TracerProvider().Tracer("test").Start(ctx, "child",
				trace.WithAttributes(attribute.String("big", strings.Repeat(string(rune('a'+i)), size))))
			s.End()
		}
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, tc := range map[string]struct {
		cfg   Config
		spans func(p *testProvider, ctx context.Context, inv *Invocation)
	}{
		"lost for want of room": {
			Config{HeldBytes: 1},
			func(p *testProvider, ctx context.Context, _ *Invocation) { big(p, ctx, 15) },
		},
		"late and not kept": {
			Config{},
			func(p *testProvider, ctx context.Context, inv *Invocation) { inv.End(); big(p, ctx, 15) },
		},
		"handed over before": {
			Config{},
			func(p *testProvider, ctx context.Context, inv *Invocation) {
				big(p, ctx, 14)
				inv.mu.Lock()
				inv.kept = true
				inv.handOverLocked()
				inv.mu.Unlock()
				if err := p.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				_, s := start(p, ctx, "held")
				s.End()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := setup(testConfig{
				Sampler: undecided, Pipeline: tc.cfg, Exporters: []sdktrace.SpanExporter{&countingExporter{}},
			})
			defer func() { _ = p.Shutdown(context.Background()) }()
			ctx, inv := p.Begin(context.Background())
			ctx, root := start(p, ctx, "root") // stays open: roots are always held
			before := heap()
			tc.spans(p, ctx, inv)
			if grown := heap() - before; grown > 3*size {
				t.Errorf("%d KiB stay in memory, want less than three spans' %d", grown>>10, 3*size>>10)
			}
			root.End()
			runtime.KeepAlive(inv)
		})
	}
}
