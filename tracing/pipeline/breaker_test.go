package pipeline

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export"
)

// The pauses between the tries of a long outage must not outlive it.
func TestCallersDoNotPayForALongOutageOnceItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		dead.Store(true)
		b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			if dead.Load() {
				return errDown
			}
			return sleep(ctx, 5*time.Millisecond)
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 1, false)
		time.Sleep(time.Hour) // some 700 probes
		dead.Store(false)
		for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
			if wait := invoke(p, 1, false); wait > 20*time.Millisecond {
				t.Fatalf("%v after the outage a caller waited %v", time.Since(start), wait)
			}
		}
		if wait := invoke(p, 1, false); wait != 5*time.Millisecond {
			t.Errorf("wait = %v, want the backend's 5ms again", wait)
		}
		if st := p.Stats(); st.Dropped != 0 || st.Exported != st.Kept {
			t.Errorf("stats = %+v, want all exported", st)
		}
	})
}

// A backend that refuses whatever it is sent (a wrong project, a proxy in between) answers, but it is as dead as one
// that does not.
func TestABackendThatRefusesEverythingTaxesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var well atomic.Bool
		b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			if err := sleep(ctx, 50*time.Millisecond); err != nil || well.Load() {
				return err
			}
			return permanentFault()
		}}
		p := newTestProvider(t, testConfig{}, b)
		load(16, 10, func() time.Duration { return invoke(p, 15, false) })
		if worst := percentile(load(16, 10, func() time.Duration { return invoke(p, 15, false) }), 1); worst != 0 {
			t.Errorf("worst wait = %v, want none", worst)
		}
		well.Store(true)
		time.Sleep(2 * longestProbe)
		if wait := invoke(p, 15, false); wait != 50*time.Millisecond {
			t.Errorf("wait after it takes spans again = %v, want 50ms", wait)
		}
	})
}

// A poisoned span that is first in the queue of a backend that comes back must not hold up the others.
func TestAPoisonedSpanDoesNotHoldUpTheEndOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		dead.Store(true)
		b := &backend{answer: func(_ context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
			if dead.Load() {
				return errDown
			}
			for _, s := range spans {
				if s.Name() == "poison" {
					return permanentFault()
				}
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		_, s := start(p, ctx, "poison")
		s.End()
		for range 40 {
			_, s := start(p, ctx, "fine")
			s.End()
		}
		inv.End()
		invoke(p, 3, false)
		time.Sleep(time.Minute)
		dead.Store(false)
		time.Sleep(longestProbe + time.Second)
		synctest.Wait()
		if len(b.seen) != 44 || p.Stats().Dropped != 1 {
			t.Errorf("arrived %d, dropped %d; want 44 and 1", len(b.seen), p.Stats().Dropped)
		}
	})
}

// One backend of a list that hangs says nothing about another that was done before anybody waited.
func TestATimedOutWaitBlamesOnlyTheBackendThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := &backend{}
		dead := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		p := newTestProvider(t, testConfig{}, good, dead)
		if wait := invoke(p, 3, false); wait != 2*time.Second {
			t.Fatalf("first wait = %v, want the flush timeout", wait)
		}
		good.answer = takes(10 * time.Millisecond)
		if wait := invoke(p, 3, false); wait != 10*time.Millisecond {
			t.Errorf("wait = %v, want the good backend's 10ms", wait)
		}
	})
}

// A backend that is over its quota says when to come back. Nobody waits for that, and nothing is sent before.
func TestAskedForPauseIsKeptAndNobodyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		b := &backend{}
		b.answer = func(_ context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if time.Since(begin) >= 10*time.Second {
				return nil
			}
			if n > 0 {
				t.Errorf("export after %v, want none before 10s", time.Since(begin))
			}
			return &export.Error{Fault: export.Retryable, RetryAfter: 10 * time.Second, Err: errDown}
		}
		p := newTestProvider(t, testConfig{}, b)
		for range 5 {
			if wait := invoke(p, 3, false); wait != 0 {
				t.Errorf("wait = %v, want none", wait)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if len(b.seen) != 20 {
			t.Errorf("spans at the backend = %d, want 20", len(b.seen))
		}
	})
}

// No pause that a backend asks for is longer than a minute, and Flush heeds none.
func TestAskedForPauseHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(_ context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if n < 2 {
				return &export.Error{Fault: export.Retryable, RetryAfter: 24 * time.Hour, Err: errDown}
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 3, false)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := p.Flush(ctx)
		if _, exports := b.arrived(); err == nil || exports != 2 {
			t.Errorf("Flush = %v after %d exports, want an error after a second one", err, exports)
		}
		time.Sleep(longestPause)
		synctest.Wait()
		if len(b.seen) != 4 {
			t.Errorf("spans at the backend a minute later = %d, want 4", len(b.seen))
		}
	})
}

// A plain failure does not cut the pause short that the backend asked for beside it; a delivery does.
func TestAskedForPauseEndsWithADeliveryOnly(t *testing.T) {
	for _, delivered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := &backend{answer: func(ctx context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
				switch {
				case n == 0:
					_ = sleep(ctx, 10*time.Millisecond)
					return &export.Error{Fault: export.Retryable, RetryAfter: 5 * time.Second, Err: errDown}
				case n == 1 && !delivered:
					_ = sleep(ctx, 20*time.Millisecond)
					return errDown
				}
				return sleep(ctx, 20*time.Millisecond)
			}}
			p := newTestProvider(t, testConfig{}, b)
			go invoke(p, 3, false)
			time.Sleep(5 * time.Millisecond)
			go invoke(p, 3, false)
			time.Sleep(time.Second)
			synctest.Wait()
			want := 0
			if delivered {
				want = 8
			}
			if spans, _ := b.arrived(); spans != want {
				t.Errorf("delivered=%t: spans at the backend after a second = %d, want %d", delivered, spans, want)
			}
			time.Sleep(5 * time.Second)
		})
	}
}

// Failures with deliveries between them are no outage.
func TestBreakerCountsFailuresInARowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(_ context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if n%3 != 2 {
				return errDown
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		for i := range 20 {
			if wait := invoke(p, 3, false); wait == 0 || len(b.seen) != 4*(i+1) {
				t.Fatalf("invocation %d waited %v, arrived %d; want all after two tries", i, wait, len(b.seen))
			}
		}
	})
}

// A backend slower than anybody waits is not waited for, but it is sent to as fast as it takes.
func TestASlowBackendGetsEverythingWithoutWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(3 * time.Second)}
		p := newTestProvider(t, testConfig{Pipeline: Config{BatchSpans: 4}}, b)
		invoke(p, 3, false)
		for range 30 {
			if wait := invoke(p, 3, false); wait != 0 {
				t.Errorf("wait = %v, want none", wait)
			}
		}
		time.Sleep(10 * time.Second)
		if wait := invoke(p, 3, false); wait != 0 {
			t.Errorf("wait after deliveries = %v, want none: they were too slow", wait)
		}
		time.Sleep(80 * time.Second)
		synctest.Wait()
		if len(b.seen) != 32*4 {
			t.Errorf("spans at the backend = %d, want %d", len(b.seen), 32*4)
		}
	})
}
