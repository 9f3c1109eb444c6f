package pipeline

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// limited is a backend that takes requests up to limit bytes, as the pipeline counts them.
func limited(limit int) *backend {
	return &backend{answer: func(ctx context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
		_ = sleep(ctx, 5*time.Millisecond)
		total := 0
		for _, s := range spans {
			total += export.Size(s)
		}
		if total > limit {
			return export.TooLarge(errDown)
		}
		return nil
	}}
}

// However small the requests are that a backend takes, everything that fits one arrives, before the invocation ends.
func TestRequestsShrinkToWhatTheBackendTakes(t *testing.T) {
	for _, limit := range []int{1_500, 4_000, 20_000, 64 << 10} {
		synctest.Test(t, func(t *testing.T) {
			b := limited(limit)
			p := newTestProvider(t, testConfig{}, b)
			load(8, 10, func() time.Duration { return invoke(p, 30, false) })
			if st := p.Stats(); len(b.seen) != 8*10*31 || st.Dropped != 0 || st.TimedOut != 0 {
				t.Errorf("limit %d: arrived %d of %d, stats %+v", limit, len(b.seen), 8*10*31, st)
			}
		})
	}
}

// A span that is too large by itself is cut, largest text first, and says so. One that has nothing to cut is dropped and
// counted; both leave the others alone.
func TestASpanTooLargeAloneIsCutThenDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limited(20_000)
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		ctx, root := start(p, ctx, "root")
		_, huge := start(p, ctx, "huge")
		huge.SetAttributes(attribute.String("small", "stays"), attribute.String("big", strings.Repeat("x", 6<<20)))
		huge.SetStatus(codes.Error, "boom")
		huge.End()
		_, wide := start(p, ctx, "wide")
		for i := range 128 {
			wide.SetAttributes(attribute.Int(strings.Repeat("k", i+1), i))
		}
		for range 128 {
			wide.AddEvent("event", trace.WithAttributes(attribute.Bool("a", true), attribute.Bool("b", true)))
		}
		wide.End()
		root.End()
		inv.End()
		synctest.Wait()
		got := map[string]sdktrace.ReadOnlySpan{}
		for _, s := range b.spans {
			got[s.Name()] = s
		}
		if got["root"] == nil || got["huge"] == nil || got["wide"] != nil || p.Stats().Dropped != 1 {
			t.Fatalf("arrived %v, stats %+v; want root and huge", b.names(), p.Stats())
		}
		attrs := map[attribute.Key]attribute.Value{}
		for _, kv := range got["huge"].Attributes() {
			attrs[kv.Key] = kv.Value
		}
		if attrs["small"].AsString() != "stays" || !strings.HasSuffix(attrs["big"].AsString(), "…[cut]") ||
			attrs["trace.cut_bytes"].AsInt64() < 6<<20-20_000 {
			t.Errorf("small %v, big of %d bytes, cut %v", attrs["small"], len(attrs["big"].AsString()), attrs["trace.cut_bytes"])
		}
		pl := p.collector.pipelines[0]
		if pl.spans != 0 || pl.bytes != 0 {
			t.Errorf("%d spans and %d bytes are left in the accounts", pl.spans, pl.bytes)
		}
	})
}

// What failed is not mixed with what is new: a batch that the backend cannot stand stays alone, whatever it says about it.
func TestWhatFailedIsNeverMergedWithWhatIsNew(t *testing.T) {
	for name, fault := range map[string]func() error{
		"too large": func() error { return export.TooLarge(errDown) },
		"refused":   permanentFault,
		"failed":    func() error { return errDown }, // a backend that breaks on it and does not know why
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				failed := map[trace.SpanID]int{} // spans that were in a failed request
				b := &backend{answer: func(ctx context.Context, n int, spans []sdktrace.ReadOnlySpan) error {
					_ = sleep(ctx, 10*time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					poison, old := false, 0
					for _, s := range spans {
						poison = poison || s.Name() == "poison"
						if _, ok := failed[s.SpanContext().SpanID()]; ok {
							old++
						}
					}
					if old != 0 && old != len(spans) {
						t.Errorf("request %d has %d spans that failed before among %d", n, old, len(spans))
					}
					if !poison {
						return nil
					}
					for _, s := range spans {
						failed[s.SpanContext().SpanID()]++
					}
					return fault()
				}}
				p := newTestProvider(t, testConfig{}, b)
				var wg sync.WaitGroup
				for i := range 20 {
					wg.Go(func() {
						if i != 7 {
							invoke(p, 3, false)
							return
						}
						ctx, inv := p.Begin(context.Background())
						_, s := start(p, ctx, "poison")
						s.End()
						inv.End()
					})
				}
				wg.Wait()
				for range 200 {
					invoke(p, 3, false)
					time.Sleep(100 * time.Millisecond)
				}
				synctest.Wait()
				want := 219 * 4
				if len(b.seen) != want {
					t.Errorf("arrived %d spans, want %d: all but the bad one", len(b.seen), want)
				}
			})
		})
	}
}

// While the backlog of an outage drains, whoever ends an invocation waits as long as ever.
func TestNewInvocationsGoBeforeABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(30 * time.Second)
		b := &backend{answer: func(ctx context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
			if time.Now().Before(up) {
				return errDown
			}
			return sleep(ctx, 5*time.Millisecond+time.Duration(len(spans))*time.Millisecond)
		}}
		p := newTestProvider(t, testConfig{}, b)
		for time.Now().Before(up.Add(-5 * time.Second)) {
			invoke(p, 10, false)
			time.Sleep(17 * time.Millisecond)
		}
		time.Sleep(time.Until(up))
		for len(p.collector.pipelines[0].backlogNow()) > 0 && p.Stats().Exported == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		var worst time.Duration
		drained := false
		for range 2000 {
			worst = max(worst, invoke(p, 10, false))
			time.Sleep(time.Duration(rand.IntN(int(10 * time.Millisecond))))
			if drained = len(p.collector.pipelines[0].backlogNow()) == 0; drained {
				break
			}
		}
		if !drained || worst > 20*time.Millisecond {
			t.Errorf("drained: %t; worst wait %v, want the 16ms of a request of one's own", drained, worst)
		}
		time.Sleep(10 * time.Second)
		if st := p.Stats(); st.Dropped != 0 || st.Exported != st.Kept {
			t.Errorf("stats = %+v, want everything exported", st)
		}
	})
}

func (p *pipeline) backlogNow() queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.backlog
}

// renewing is a backend behind a connection that can die without a word.
type renewing struct {
	*backend
	mu         sync.Mutex
	connection int
	dead       int // connections up to this number swallow everything
}

func (r *renewing) Renew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connection++
}

func (r *renewing) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.mu.Lock()
	dead := r.connection <= r.dead
	r.mu.Unlock()
	if dead {
		_ = sleep(ctx, 10*time.Second) // the exporter's timeout
		return errDown
	}
	_ = sleep(ctx, 5*time.Millisecond)
	return r.backend.ExportSpans(ctx, spans)
}

// A connection that dies without a word costs one flush timeout; the next export has a fresh one.
func TestASilentDeadConnectionIsReplacedWhenTheBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &renewing{backend: &backend{}, dead: -1}
		p := setup(testConfig{Exporters: []sdktrace.SpanExporter{b}})
		defer func() { _ = p.Shutdown(context.Background()) }()
		invoke(p, 3, false)
		b.mu.Lock()
		b.dead = b.connection
		b.mu.Unlock()
		if wait := invoke(p, 3, false); wait != 2*time.Second {
			t.Errorf("first wait = %v, want the flush timeout", wait)
		}
		time.Sleep(time.Second)
		invoke(p, 3, false) // waits for nothing, and is the probe
		time.Sleep(time.Second)
		if wait := invoke(p, 3, false); wait != 5*time.Millisecond {
			t.Errorf("wait two seconds later = %v, want the backend's 5ms", wait)
		}
		time.Sleep(15 * time.Second)
		if st := p.Stats(); st.Exported != st.Kept || st.Dropped != 0 {
			t.Errorf("stats = %+v, want everything exported", st)
		}
		if b.connection > 3 {
			t.Errorf("%d fresh connections, want one or two", b.connection)
		}
	})
}
