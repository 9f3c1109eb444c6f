package pipeline

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Everything at once on the real clock, for the race detector: kept and undecided invocations, late spans, spans
// without an invocation, flushes, a backend that fails, refuses and stalls. Whatever the order, each span that is to
// be kept arrives, whole traces only, and nothing is left in the accounts.
func TestNothingIsLostWhateverTheOrder(t *testing.T) {
	const workers, each = 16, 40
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(11, 11))
	draw := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
	b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
		switch x := draw(100); {
		case x < 10:
			return errDown
		case x < 15:
			return sleep(ctx, 60*time.Millisecond) // longer than anybody waits
		}
		return sleep(ctx, time.Duration(draw(2000))*time.Microsecond)
	}}
	cfg := Config{FlushTimeout: 20 * time.Millisecond, BatchSpans: 64, BufferSpans: 1 << 20}
	p := newTestProvider(t, testConfig{Sampler: undecided, Pipeline: cfg}, b)
	var want sync.Map // trace.TraceID → spans of it, 0 for those not to be kept
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				fail, late := draw(2) == 0, draw(4) == 0
				ctx, inv := p.Begin(context.Background())
				ctx, root := start(p, ctx, "root")
				n := 1 + draw(20)
				var children sync.WaitGroup
				for range n {
					children.Go(func() {
						_, s := start(p, ctx, "child")
						s.End()
					})
				}
				_, straggler := start(p, ctx, "straggler")
				if !late {
					straggler.End()
				}
				children.Wait()
				if fail {
					root.SetStatus(codes.Error, "")
				}
				root.End()
				if draw(10) == 0 {
					flushCtx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
					_ = p.Flush(flushCtx)
					cancel()
				}
				var both sync.WaitGroup
				both.Go(func() { inv.End() })
				straggler.End() // at the same time as the invocation, or the second time
				both.Wait()
				kept := 0
				if fail {
					kept = n + 2
				}
				want.Store(root.SpanContext().TraceID(), kept)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Flush(ctx); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	got := make(map[trace.TraceID]int)
	for _, s := range b.spans {
		got[s.SpanContext().TraceID()]++
	}
	want.Range(func(id, n any) bool {
		if got[id.(trace.TraceID)] != n {
			t.Errorf("trace %s arrived with %d of %d spans", id, got[id.(trace.TraceID)], n)
		}
		return true
	})
	pl := p.collector.pipelines[0]
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.spans != 0 || pl.bytes != 0 || len(pl.eras) != 0 || len(pl.running) != 0 || p.collector.undecided.Load() != 0 {
		t.Errorf("left: %d spans, %d bytes, %d eras, %d exports, %d bytes undecided; want nothing",
			pl.spans, pl.bytes, len(pl.eras), len(pl.running), p.collector.undecided.Load())
	}
	if st := p.Stats(); st.Dropped != 0 || st.Exported != st.Kept {
		t.Errorf("stats = %+v, want all kept ones exported", st)
	}
}
