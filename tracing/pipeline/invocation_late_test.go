package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/semconv"
)

// An invocation shorter than a model's answer is sent once.
func TestShortInvocationsAreSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		for range 4 {
			_, call := p.TracerProvider().Tracer("test").Start(ctx, "call", trace.WithSpanKind(trace.SpanKindClient))
			time.Sleep(earlyAfter / 5)
			call.End()
		}
		root.End()
		inv.End()
		if b.exports != 1 || len(b.seen) != 5 {
			t.Errorf("%d spans in %d exports, want 5 in 1", len(b.seen), b.exports)
		}
	})
}

// The decision is taken once: a sampled span that starts later does not bring an invocation back that is gone.
func TestALateSampledSpanDoesNotReopenTheDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: sampling.Config{Name: sampling.SamplerParentBasedTraceIDRatio, Ratio: 0}}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		root.End()
		inv.End()
		remote := trace.SpanContextFromContext(remoteSampled())
		_, late := start(p, trace.ContextWithRemoteSpanContext(ctx, remote), "late")
		late.End()
		synctest.Wait()
		if !late.SpanContext().IsSampled() {
			t.Error("the late span is not sampled: the test tests nothing")
		}
		if err := p.Flush(context.Background()); err != nil || len(b.seen) != 0 {
			t.Errorf("Flush = %v, arrived %v; want nothing", err, b.names())
		}
	})
}

// What the duration filter holds back for later stays in the account of held bytes.
func TestHeldBackSpansAreAccountedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProvider(t, testConfig{Pipeline: Config{MinDuration: time.Second}}, &backend{})
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		_, s := start(p, ctx, "short")
		s.End()
		held := p.collector.undecided.Load()
		time.Sleep(earlyAfter)
		_, call := p.TracerProvider().Tracer("test").Start(ctx, "call", trace.WithSpanKind(trace.SpanKindClient))
		if got := p.collector.undecided.Load(); got != held || held == 0 {
			t.Errorf("bytes held after a hand-over that left the span = %d, before %d", got, held)
		}
		call.End()
		root.End()
		inv.End()
		if got := p.collector.undecided.Load(); got != 0 {
			t.Errorf("bytes still held = %d, want 0", got)
		}
	})
}

// A span with a remote parent belongs to the invocation of its context, never to that of a span of the same process
// that happens to be its parent: over HTTP it is a request of its own.
func TestARemoteParentInTheSameProcessIsRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{}, b)
		ctx, outer := p.Begin(context.Background())
		_, root := start(p, ctx, "outer")
		remote := trace.ContextWithRemoteSpanContext(context.Background(), root.SpanContext().WithRemote(true))
		_, s := start(p, remote, "no Begin")
		s.End()
		if err := p.Flush(context.Background()); err != nil || len(b.seen) != 1 {
			t.Errorf("Flush = %v, arrived %v; want the span that ended", err, b.names())
		}
		root.End()
		outer.End()
		if len(b.seen) != 2 {
			t.Errorf("arrived %v, want both", b.names())
		}
	})
}

// The parent of a span that still runs at the end stays, however short: the span may turn out long.
func TestDurationFilterKeepsTheParentsOfRunningSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Pipeline: Config{MinDuration: 10 * time.Millisecond}}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		parentCtx, parent := start(p, ctx, "short parent")
		_, running := start(p, parentCtx, "running")
		parent.End()
		root.End()
		inv.End()
		time.Sleep(time.Second)
		running.End()
		if err := p.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, s := range b.spans {
			if s.Name() == "running" && s.Parent().SpanID() != parent.SpanContext().SpanID() {
				t.Errorf("the running span hangs on %s", s.Parent().SpanID())
			}
		}
		if len(b.seen) != 3 {
			t.Errorf("arrived %v, want all three", b.names())
		}
	})
}

// A span with a remote parent is the root here: it says why the trace was kept, and no bound leaves it out.
func TestARootWithARemoteParentIsALocalRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: Config{HeldSpans: 3}}, b)
		ctx, inv := p.Begin(trace.ContextWithRemoteSpanContext(context.Background(),
			trace.SpanContextFromContext(remoteSampled()).WithTraceFlags(0)))
		ctx, root := start(p, ctx, "root")
		for range 5 {
			_, s := start(p, ctx, "child")
			s.SetStatus(codes.Error, "")
			s.End()
		}
		root.End()
		inv.End()
		if got := b.attribute("root", semconv.KeySamplingReason).AsString(); got != sampling.ReasonError || len(b.seen) != 4 {
			t.Errorf("sampling.reason = %q on %v, want %q and the root beside 3 children", got, b.names(), sampling.ReasonError)
		}
		if got := b.attribute("root", semconv.KeySamplingDroppedSpans).AsInt64(); got != 2 {
			t.Errorf("dropped spans = %d, want 2", got)
		}
	})
}
