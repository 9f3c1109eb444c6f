package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Two apps in one process, the one called with the other's context: a span belongs to the invocation of its own
// provider, however deep the context.
func TestProvidersThatShareAContextAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outerBackend, innerBackend := &backend{answer: takes(10 * time.Millisecond)}, &backend{}
		outer := newTestProvider(t, testConfig{}, outerBackend)
		inner := newTestProvider(t, testConfig{}, innerBackend)
		ctx, outerInv := outer.Begin(context.Background())
		ctx, root := start(outer, ctx, "outer root")
		ctx, innerInv := inner.Begin(ctx)
		ctx, innerRoot := start(inner, ctx, "inner root")
		_, back := start(outer, ctx, "outer again")
		back.End()
		innerRoot.End()
		innerInv.End()
		if len(innerBackend.seen) != 1 || len(outerBackend.seen) != 0 {
			t.Errorf("after the inner end: %v and %v", innerBackend.names(), outerBackend.names())
		}
		root.End()
		outerInv.End()
		if len(innerBackend.seen) != 1 || len(outerBackend.seen) != 2 {
			t.Errorf("after the outer end: %v and %v", innerBackend.names(), outerBackend.names())
		}
		if outerBackend.exports != 1 {
			t.Errorf("exports of the outer = %d, want 1: its spans are one invocation", outerBackend.exports)
		}
	})
}

// An app that calls itself with a derived context opens an invocation inside of another: each decides for itself.
func TestInnerInvocationOfTheSameProviderEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(10 * time.Millisecond)}
		p := newTestProvider(t, testConfig{}, b)
		ctx, outer := p.Begin(context.Background())
		ctx, root := start(p, ctx, "outer")
		innerCtx, inner := p.Begin(ctx)
		_, s := start(p, innerCtx, "inner")
		s.End()
		inner.End()
		if got := b.names(); len(got) != 1 || got[0] != "inner" {
			t.Errorf("spans after the inner end = %v, want the inner one", got)
		}
		root.End()
		outer.End()
		if len(b.seen) != 2 || len(b.spans) != 2 {
			t.Errorf("spans at the end = %v, want both, once", b.names())
		}
	})
}
