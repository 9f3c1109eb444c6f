package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/semconv"
)

// undecided is a sampler that keeps nothing by itself.
var undecided = sampling.Config{Name: sampling.SamplerTraceIDRatio, Ratio: 0}

func start(p *testProvider, ctx context.Context, name string) (context.Context, trace.Span) {
	return p.TracerProvider().Tracer("test").Start(ctx, name)
}

func (b *backend) attribute(span string, key attribute.Key) attribute.Value {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.spans {
		if s.Name() != span {
			continue
		}
		for _, kv := range s.Attributes() {
			if kv.Key == key {
				return kv.Value
			}
		}
	}
	return attribute.Value{}
}

func TestErrorKeepsTheWholeTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: undecided}, b)
		ctx, inv := p.Begin(correlation.ContextWithID(context.Background(), "corr-1"))
		ctx, root := start(p, ctx, "root")
		_, ok := start(p, ctx, "fine")
		ok.End()
		_, bad := start(p, ctx, "broken")
		bad.SetStatus(codes.Error, "no")
		bad.End()
		_, after := start(p, ctx, "after")
		after.End()
		root.End()
		inv.End()
		if got, want := b.names(), []string{"after", "broken", "fine", "root"}; !slices.Equal(got, want) {
			t.Fatalf("spans at the backend = %v, want %v", got, want)
		}
		for _, s := range b.spans {
			if !s.SpanContext().IsSampled() {
				t.Errorf("%s arrived without the sampled flag", s.Name())
			}
			if got := b.attribute(s.Name(), semconv.KeyCorrelationID).AsString(); got != "corr-1" {
				t.Errorf("%s has correlation id %q", s.Name(), got)
			}
		}
		if got := b.attribute("root", semconv.KeySamplingReason).AsString(); got != sampling.ReasonError {
			t.Errorf("sampling.reason = %q, want %q", got, sampling.ReasonError)
		}
	})
}

func TestNothingKeptNothingSentNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(time.Second)}
		p := newTestProvider(t, testConfig{Sampler: undecided}, b)
		if wait := invoke(p, 5, false); wait != 0 {
			t.Errorf("wait = %v, want none", wait)
		}
		if b.exports != 0 {
			t.Errorf("exports = %d, want 0", b.exports)
		}
		if n := p.collector.undecided.Load(); n != 0 {
			t.Errorf("bytes still held = %d, want 0", n)
		}
	})
}

func TestSlowTraceIsKeptOnRequest(t *testing.T) {
	for _, tc := range []struct {
		took time.Duration
		want int
	}{{999 * time.Millisecond, 0}, {time.Second, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := &backend{}
			p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: Config{KeepSlowerThan: time.Second}}, b)
			ctx, inv := p.Begin(context.Background())
			_, root := start(p, ctx, "root")
			time.Sleep(tc.took)
			root.End()
			inv.End()
			if len(b.spans) != tc.want {
				t.Errorf("spans after %v = %d, want %d", tc.took, len(b.spans), tc.want)
			}
			if tc.want == 1 && b.attribute("root", semconv.KeySamplingReason).AsString() != sampling.ReasonSlow {
				t.Error("sampling.reason is not slow")
			}
		})
	}
}

func TestLateSpansFollowTheDecision(t *testing.T) {
	for _, failed := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := &backend{}
			p := newTestProvider(t, testConfig{Sampler: undecided}, b)
			ctx, inv := p.Begin(context.Background())
			ctx, root := start(p, ctx, "root")
			_, open := start(p, ctx, "open at the end")
			if failed {
				root.SetStatus(codes.Error, "")
			}
			root.End()
			inv.End()
			_, late := start(p, ctx, "started after the end")
			late.SetStatus(codes.Error, "too late to change anything")
			late.End()
			open.End()
			time.Sleep(10 * time.Millisecond) // nobody waits for late spans
			want := []string(nil)
			if failed {
				want = []string{"open at the end", "root", "started after the end"}
			}
			if got := b.names(); !slices.Equal(got, want) {
				t.Errorf("failed=%t: spans at the backend = %v, want %v", failed, got, want)
			}
		})
	}
}

func TestSpansOutsideAnInvocationEndWithTheirLocalRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, root := start(p, context.Background(), "root")
		_, child := start(p, ctx, "child")
		child.End()
		synctest.Wait()
		if len(b.spans) != 0 {
			t.Errorf("spans before the root's end = %d, want 0", len(b.spans))
		}
		root.End()
		if err := p.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		_, orphan := start(p, ctx, "child of an ended root")
		orphan.End()
		if err := p.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, want := b.names(), []string{"child", "child of an ended root", "root"}; !slices.Equal(got, want) {
			t.Errorf("spans at the backend = %v, want %v", got, want)
		}
		for i := range p.collector.shards {
			if n := len(p.collector.shards[i].live); n != 0 {
				t.Errorf("spans still remembered = %d, want 0", n)
			}
		}
	})
}

func TestKeptSpansLeaveWhileTheModelIsThinking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		for i := range 3 {
			_, call := p.TracerProvider().Tracer("test").Start(ctx, fmt.Sprint("model ", i),
				trace.WithSpanKind(trace.SpanKindClient))
			time.Sleep(time.Second)
			call.End()
		}
		synctest.Wait()
		if got, want := b.names(), []string{"model 0", "model 1"}; !slices.Equal(got, want) {
			t.Errorf("spans at the backend before the end = %v, want %v", got, want)
		}
		root.End()
		inv.End()
		if len(b.spans) != 4 || b.exports != 3 {
			t.Errorf("spans = %d in %d exports, want 4 in 3", len(b.spans), b.exports)
		}
	})
}

func TestUndecidedSpansAreNeverSentEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: undecided}, b)
		ctx, inv := p.Begin(context.Background())
		for range 3 {
			_, call := p.TracerProvider().Tracer("test").Start(ctx, "model", trace.WithSpanKind(trace.SpanKindClient))
			time.Sleep(time.Second)
			call.End()
		}
		inv.End()
		if b.exports != 0 {
			t.Errorf("exports = %d, want 0", b.exports)
		}
	})
}

func TestHeldSpansAreBoundedAndTheRootTellsTheLoss(t *testing.T) {
	for name, cfg := range map[string]Config{
		"spans": {HeldSpans: 10},
		"bytes": {HeldBytes: 10 * 700},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{}
				p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: cfg}, b)
				invoke(p, 25, true)
				lost := b.attribute("root", semconv.KeySamplingDroppedSpans).AsInt64()
				if int(lost)+len(b.spans) != 26 || lost < 10 {
					t.Errorf("arrived %d, root tells of %d lost, want 26 together", len(b.spans), lost)
				}
				if st := p.Stats(); st.Dropped != lost {
					t.Errorf("dropped = %d, want %d", st.Dropped, lost)
				}
				if n := p.collector.undecided.Load(); n != 0 {
					t.Errorf("bytes still held = %d, want 0", n)
				}
			})
		})
	}
}

func TestEndWaitsAtMostTheFlushTimeoutAndKeepsTheSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(3 * time.Second)}
		p := newTestProvider(t, testConfig{Pipeline: Config{FlushTimeout: 500 * time.Millisecond}}, b)
		if wait := invoke(p, 1, false); wait != 500*time.Millisecond {
			t.Errorf("wait = %v, want 500ms", wait)
		}
		if wait := invoke(p, 1, false); wait != 0 {
			t.Errorf("second wait = %v, want none: the backend is known to be slow", wait)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(b.seen) != 4 {
			t.Errorf("spans at the backend = %d, want 4", len(b.seen))
		}
	})
}

func TestEndWithoutBeginAndTwice(t *testing.T) {
	var none *Invocation
	none.End()
	var off *testProvider
	_, inv := off.Begin(context.Background())
	inv.End()
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		_, s := start(p, ctx, "root")
		s.End()
		inv.End()
		inv.End()
		if len(b.spans) != 1 {
			t.Errorf("spans = %d, want 1", len(b.spans))
		}
	})
}

// The filter drops short spans; whatever tree it meets, each span that arrives has its parent there too.
func TestDurationFilterNeverMakesAnOrphan(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, seed))
			b := &backend{}
			p := newTestProvider(t, testConfig{Pipeline: Config{MinDuration: 10 * time.Millisecond}}, b)
			ctx, inv := p.Begin(context.Background())
			ctx, root := start(p, ctx, "root")
			type open struct {
				ctx  context.Context
				span trace.Span
			}
			running, ended := []open{{ctx, root}}, []open{}
			for range 60 {
				switch pick := rnd.IntN(10); {
				case pick < 5: // below a running or an ended span
					from := running[rnd.IntN(len(running))]
					if len(ended) > 0 && pick == 0 {
						from = ended[rnd.IntN(len(ended))]
					}
					kind := trace.SpanKindInternal
					if rnd.IntN(3) == 0 {
						kind = trace.SpanKindClient
					}
					c, s := p.TracerProvider().Tracer("test").Start(from.ctx, "span", trace.WithSpanKind(kind))
					if rnd.IntN(20) == 0 {
						s.SetStatus(codes.Error, "")
					}
					running = append(running, open{c, s})
				case pick < 8 && len(running) > 1:
					i := 1 + rnd.IntN(len(running)-1)
					running[i].span.End()
					ended = append(ended, running[i])
					running = slices.Delete(running, i, i+1)
				default:
					time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond / 10)
				}
			}
			root.End()
			inv.End()
			for _, o := range running[1:] { // late ones
				time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
				o.span.End()
			}
			synctest.Wait()
			if err := p.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			for _, s := range b.spans {
				if parent := s.Parent().SpanID(); parent.IsValid() && b.seen[parent] == 0 {
					t.Fatalf("seed %d: %s (%v) is an orphan", seed, s.SpanContext().SpanID(), s.EndTime().Sub(s.StartTime()))
				}
			}
		})
	}
}

func TestDurationFilterDropsShortSpansOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Pipeline: Config{MinDuration: 10 * time.Millisecond}}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		_, s := start(p, ctx, "short")
		s.End()
		_, s = start(p, ctx, "short error")
		s.SetStatus(codes.Error, "")
		s.End()
		c, s := start(p, ctx, "short ancestor")
		_, long := start(p, c, "long")
		s.End()
		time.Sleep(10 * time.Millisecond)
		long.End()
		root.End()
		inv.End()
		if got, want := b.names(), []string{"long", "root", "short ancestor", "short error"}; !slices.Equal(got, want) {
			t.Errorf("spans at the backend = %v, want %v", got, want)
		}
	})
}

// 100,000 invocations with a dead backend end within the configured buffer.
func TestMemoryIsFlatWithADeadBackend(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	const bound = 4 << 20
	dead := func(context.Context, int, []sdktrace.ReadOnlySpan) error { return errDown }
	p := newTestProvider(t, testConfig{Pipeline: Config{BufferBytes: bound, BufferSpans: 1 << 20}}, &backend{answer: dead})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for range 100 {
		invoke(p, 15, false)
	}
	before := heap()
	for range 100_000 {
		invoke(p, 15, false)
	}
	grown := heap() - before
	t.Logf("heap after 100,000 invocations with a dead backend: %+d KiB, buffer %d KiB", grown>>10, bound>>10)
	if grown > bound {
		t.Errorf("heap grew by %d KiB, want at most %d", grown>>10, bound>>10)
	}
	if st := p.Stats(); st.Dropped == 0 {
		t.Error("nothing was dropped: the buffer is not what bounded it")
	}
}

// OTLP wants the keys of a span to be unique, and most attributes do not pass the SDK, which would see to it.
func TestAttributesSetTwiceArriveOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		tracer := p.AgentTracer()
		ctx, task := tracer.StartTask(ctx, agenttrace.TaskStart{Type: "general"})
		callCtx, call := tracer.StartModelCall(ctx, agenttrace.ModelCallStart{Model: "asked"})
		tracer.SetAttribute(callCtx, semconv.KeyLLMModel.String("set by hand"))
		call.End(agenttrace.ModelCallResult{}, nil)
		task.End(agenttrace.TaskResult{}, nil)
		inv.End()
		for _, s := range b.spans {
			seen := make(map[attribute.Key]bool)
			for _, kv := range s.Attributes() {
				if seen[kv.Key] {
					t.Errorf("%s has %s twice", s.Name(), kv.Key)
				}
				seen[kv.Key] = true
			}
		}
		if got := b.attribute("llm.generate", semconv.KeyLLMModel).AsString(); got != "set by hand" {
			t.Errorf("llm.model = %q, want what was set by hand", got)
		}
	})
}

// Two apps of one process have one process environment; the SDK reads the resource's part of it by itself.
func TestSpansCarryTheResourceOfTheirOwnConfig(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "foreign=yes")
	b := &backend{}
	p := newTestProvider(t, testConfig{ServiceName: "mine"}, b)
	invoke(p, 1, false)
	for _, s := range b.spans {
		if _, ok := s.Resource().Set().Value("foreign"); ok {
			t.Errorf("%s has the other app's resource attribute", s.Name())
		}
		if name, _ := s.Resource().Set().Value("service.name"); name.AsString() != "mine" {
			t.Errorf("%s has service.name %q, want mine", s.Name(), name.AsString())
		}
	}
	if len(b.spans) != 2 {
		t.Errorf("spans = %d, want 2", len(b.spans))
	}
}

// More invocations than Cloud Run gives an instance cannot be: what leaks them must not take the memory.
func TestInvocationsThatHoldSpansAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: Config{HeldTraces: 3}}, b)
		var open []*Invocation
		for range 5 {
			ctx, inv := p.Begin(context.Background())
			open = append(open, inv)
			ctx, root := start(p, ctx, "root")
			_, child := start(p, ctx, "child")
			child.SetStatus(codes.Error, "")
			child.End()
			root.End()
		}
		for _, inv := range open {
			inv.End()
		}
		roots, children := 0, 0
		for _, name := range b.names() {
			if name == "root" {
				roots++
			} else {
				children++
			}
		}
		if roots != 5 || children != 3 || p.Stats().Dropped != 2 {
			t.Errorf("%d roots and %d children arrived, %d dropped; want 5, 3 and 2", roots, children, p.Stats().Dropped)
		}
		if n := p.collector.open.Load(); n != 0 {
			t.Errorf("invocations still counted as open = %d, want 0", n)
		}
	})
}
