package pipeline

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// parallel counts the exports under way.
type parallel struct{ now, most atomic.Int64 }

func (c *parallel) enter() func() {
	n := c.now.Add(1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	return func() { c.now.Add(-1) }
}

// backlog makes a provider whose backend was down while n invocations of 4 spans ended, and is well from now on.
func backlog(t *testing.T, cfg Config, b *backend, n int) *testProvider {
	t.Helper()
	answer := b.answer
	var well atomic.Bool
	b.answer = func(ctx context.Context, n int, spans []sdktrace.ReadOnlySpan) error {
		if !well.Load() {
			return errDown
		}
		return answer(ctx, n, spans)
	}
	p := newTestProvider(t, testConfig{Pipeline: cfg}, b)
	for range n {
		invoke(p, 3, false)
	}
	well.Store(true)
	return p
}

func TestExportsStayWithinTheirBounds(t *testing.T) {
	for name, cfg := range map[string]Config{
		"spans": {BatchSpans: 20},
		"bytes": {BatchBytes: 20 * 700},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var under parallel
				b := &backend{answer: func(ctx context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
					defer under.enter()()
					if len(spans) > 20 {
						t.Errorf("export of %d spans, want at most 20", len(spans))
					}
					return sleep(ctx, 10*time.Millisecond)
				}}
				p := backlog(t, cfg, b, 100)
				if err := p.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				if len(b.seen) != 400 || b.exports < 20 {
					t.Errorf("arrived %d in %d exports, want 400 in 20 or more", len(b.seen), b.exports)
				}
				if most := under.most.Load(); most < 2 || most > 4 {
					t.Errorf("exports at once = %d, want 2 to 4", most)
				}
			})
		})
	}
}

func TestBufferIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bound = 20_000
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error { return nil }}
		p := backlog(t, Config{BufferBytes: bound}, b, 50)
		pl := p.collector.pipelines[0]
		pl.mu.Lock()
		defer pl.mu.Unlock()
		if pl.bytes > bound || pl.bytes < bound/2 {
			t.Errorf("bytes in the buffer = %d, want at most %d and not much less", pl.bytes, bound)
		}
	})
}

// What comes back from a failed or refused export is older than what was queued meanwhile: it goes first.
func TestWhatComesBackGoesFirst(t *testing.T) {
	for name, fault := range map[string]error{"failed": errDown, "refused": permanentFault()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				b := &backend{answer: func(ctx context.Context, n int, spans []sdktrace.ReadOnlySpan) error {
					order = append(order, spans[0].Name())
					_ = sleep(ctx, 50*time.Millisecond)
					if n == 0 {
						return fault
					}
					return nil
				}}
				p := newTestProvider(t, testConfig{Pipeline: Config{BatchSpans: 4, ParallelExports: 1}}, b)
				for _, name := range []string{"1", "2", "3"} {
					ctx, inv := p.Begin(context.Background())
					for range 4 {
						_, s := start(p, ctx, name)
						s.End()
					}
					go inv.End()
					time.Sleep(10 * time.Millisecond)
				}
				if err := p.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
				want := "1 1 2 3"
				if name == "refused" {
					want = "1 1 1 2 3" // in halves
				}
				if got := strings.Join(order, " "); got != want {
					t.Errorf("exports in the order %s, want %s", got, want)
				}
			})
		})
	}
}

func TestWhatComesBackIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error { return errDown }}
		p := newTestProvider(t, testConfig{Pipeline: Config{BufferSpans: 3}}, b)
		wait := invoke(p, 3, false)
		synctest.Wait()
		pl := p.collector.pipelines[0]
		pl.mu.Lock()
		defer pl.mu.Unlock()
		if wait != 0 || pl.spans != 0 || p.Stats().Dropped != 4 {
			t.Errorf("after one failure: waited %v, %d spans left, %d dropped; want 0, 0 and 4", wait, pl.spans, p.Stats().Dropped)
		}
	})
}

// Some hanging connections hold up others for a moment only, and the breaker stays closed while anything arrives.
func TestHangingExportsHoldUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(ctx context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if n < 4 {
				return sleep(ctx, 4*time.Second)
			}
			return sleep(ctx, 5*time.Millisecond)
		}}
		p := newTestProvider(t, testConfig{}, b)
		for range 4 {
			go invoke(p, 3, false)
			time.Sleep(3 * time.Millisecond)
		}
		if wait := invoke(p, 3, false); wait > 300*time.Millisecond {
			t.Errorf("wait behind 4 hanging exports = %v, want about an eighth of the flush timeout", wait)
		}
		for begin := time.Now(); time.Since(begin) < 3*time.Second; time.Sleep(100 * time.Millisecond) {
			if wait := invoke(p, 3, false); wait != 5*time.Millisecond {
				t.Errorf("%v later: wait = %v, want 5ms", time.Since(begin), wait)
			}
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(b.seen) != int(p.Stats().Kept) {
			t.Errorf("arrived %d of %d", len(b.seen), p.Stats().Kept)
		}
	})
}

// An exporter that never comes back may cost so many goroutines and no more.
func TestStuckExportsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var under parallel
		release := make(chan struct{})
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			defer under.enter()()
			<-release
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		for range 600 {
			invoke(p, 1, false)
			time.Sleep(time.Second)
		}
		if most := under.most.Load(); most != 16 {
			t.Errorf("exports at once = %d, want 16 at last", most)
		}
		close(release)
		if err := p.Flush(context.Background()); err != nil || len(b.seen) != 1200 {
			t.Errorf("Flush = %v, arrived %d; want 1200", err, len(b.seen))
		}
	})
}

func TestADeadBackendIsProbedRarelyAndLoggedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var under parallel
		b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			defer under.enter()()
			_ = sleep(ctx, 240*time.Millisecond)
			return errDown
		}}
		p := newTestProvider(t, testConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}, b)
		open := false
		for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(10 * time.Millisecond) {
			if wait := invoke(p, 3, false); wait == 0 && !open {
				open = true
				under.most.Store(0)
			}
		}
		synctest.Wait()
		if b.exports < 15 || b.exports > 30 {
			t.Errorf("exports in a minute = %d, want some 20", b.exports)
		}
		if n := strings.Count(log.String(), "\n"); n < 5 || n > 7 {
			t.Errorf("%d log lines in a minute, want one each 10s:\n%s", n, log.String())
		}
		if most := under.most.Load(); most != 1 {
			t.Errorf("probes at once = %d, want 1", most)
		}
	})
}
