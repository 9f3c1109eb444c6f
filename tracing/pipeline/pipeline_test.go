package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// backend is a trace backend at the exporter's seam: it notes every span it accepted.
type backend struct {
	// answer is asked for each export, with its number from 0; it may sleep and fail. nil accepts at once.
	answer func(ctx context.Context, n int, spans []sdktrace.ReadOnlySpan) error

	mu       sync.Mutex
	exports  int
	seen     map[trace.SpanID]int
	spans    []sdktrace.ReadOnlySpan
	shutdown int
}

func (b *backend) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	b.mu.Lock()
	n := b.exports
	b.exports++
	b.mu.Unlock()
	if b.answer != nil {
		if err := b.answer(ctx, n, spans); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = make(map[trace.SpanID]int)
	}
	for _, s := range spans {
		b.seen[s.SpanContext().SpanID()]++
		b.spans = append(b.spans, s)
	}
	return nil
}

func (b *backend) Shutdown(context.Context) error { b.shutdown++; return nil }

// arrived returns the number of different spans accepted and that of exports tried so far.
func (b *backend) arrived() (spans, exports int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.seen), b.exports
}

func (b *backend) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, s := range b.spans {
		names = append(names, s.Name())
	}
	slices.Sort(names)
	return names
}

func takes(d time.Duration) func(context.Context, int, []sdktrace.ReadOnlySpan) error {
	return func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error { return sleep(ctx, d) }
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errDown = errors.New("connection refused")

func newTestProvider(t testing.TB, cfg testConfig, backends ...*backend) *testProvider {
	t.Helper()
	for _, b := range backends {
		cfg.Exporters = append(cfg.Exporters, b)
	}
	p := setup(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = p.Shutdown(ctx) // a dead backend of a test does not answer this either
	})
	return p
}

// invoke runs one invocation with a server span and n spans below it, and returns how long its end waited.
func invoke(p *testProvider, n int, fail bool) time.Duration {
	ctx, inv := p.Begin(context.Background())
	tracer := p.TracerProvider().Tracer("test")
	ctx, root := tracer.Start(ctx, "root", trace.WithSpanKind(trace.SpanKindServer))
	for range n {
		_, s := tracer.Start(ctx, "child")
		if fail {
			s.SetStatus(1, "broken")
		}
		s.End()
	}
	root.End()
	start := time.Now()
	inv.End()
	return time.Since(start)
}

func percentile(waits []time.Duration, p float64) time.Duration {
	slices.Sort(waits)
	return waits[int(p*float64(len(waits)-1))]
}

// load runs invocations at the given concurrency, with a random think time of at most 100 ms before each, and
// returns their waits.
func load(concurrency, each int, run func() time.Duration) []time.Duration {
	var (
		mu    sync.Mutex
		waits []time.Duration
		wg    sync.WaitGroup
	)
	for w := range concurrency {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(w)))
			for range each {
				time.Sleep(time.Duration(rnd.IntN(100_000)) * time.Microsecond)
				d := run()
				mu.Lock()
				waits = append(waits, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return waits
}

// The clock of these tests is synthetic: the waits are exact and no load of the machine can change them.

func TestFlushWaitsAboutOneRoundTrip(t *testing.T) {
	const roundTrip = 50 * time.Millisecond
	for _, tc := range []struct {
		concurrency int
		p50         time.Duration
	}{
		{1, 55 * time.Millisecond},
		{8, 65 * time.Millisecond},
		{64, 80 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newTestProvider(t, testConfig{}, &backend{answer: takes(roundTrip)})
			ours := percentile(load(tc.concurrency, 40, func() time.Duration { return invoke(p, 16, false) }), 0.5)
			t.Logf("%2d concurrent, backend %v: p50 wait %v", tc.concurrency, roundTrip, ours)
			if ours > tc.p50 {
				t.Errorf("%d concurrent: p50 wait = %v, want at most %v", tc.concurrency, ours, tc.p50)
			}
		})
	}
}

// All at the same instant is the worst case of group commit: nobody may wait for a second full round trip.
func TestFlushOfABurstWaitsLessThanTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProvider(t, testConfig{}, &backend{answer: takes(50 * time.Millisecond)})
		invoke(p, 1, false) // the round trip is known from here on
		var waits []time.Duration
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				d := invoke(p, 16, false)
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, d)
			})
		}
		wg.Wait()
		if worst := percentile(waits, 1); worst >= 90*time.Millisecond {
			t.Errorf("slowest of a burst of 64 waited %v, want less than 90ms", worst)
		}
	})
}

// 10,000 invocations at 64 concurrent; 5 % of exports fail, 1 % take longer than anybody waits; some answers of
// successful exports are lost on the way back.
func TestNoSpanIsLostOnABadBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		rnd := rand.New(rand.NewPCG(7, 7))
		draw := func() float64 { mu.Lock(); defer mu.Unlock(); return rnd.Float64() }
		lostAnswers := make(map[trace.SpanID]bool)
		b := &backend{}
		b.answer = func(ctx context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
			switch x := draw(); {
			case x < 0.01:
				return sleep(ctx, 3*time.Second) // beyond the flush timeout, within the export's
			case x < 0.06:
				return errDown
			case x < 0.07:
				b.mu.Lock()
				defer b.mu.Unlock()
				for _, s := range spans {
					id := s.SpanContext().SpanID()
					lostAnswers[id] = true
					b.seen[id]++
				}
				return errDown
			}
			return sleep(ctx, 5*time.Millisecond)
		}
		b.seen = make(map[trace.SpanID]int)
		p := newTestProvider(t, testConfig{}, b)
		load(64, 10_000/64+1, func() time.Duration { return invoke(p, 15, false) })
		if err := p.Flush(context.Background()); err != nil {
			t.Fatalf("Flush: %v", err)
		}
		const want = 64 * (10_000/64 + 1) * 16
		if len(b.seen) != want {
			t.Errorf("spans at the backend = %d, want %d", len(b.seen), want)
		}
		twice := 0
		for id, n := range b.seen {
			if n > 1 && !lostAnswers[id] {
				twice++
			}
		}
		if twice > 0 {
			t.Errorf("%d spans arrived more than once although no answer was lost", twice)
		}
		st := p.Stats()
		t.Logf("%d spans, %d sent again, %d waits given up, %d dropped", want, st.Retried, st.TimedOut, st.Dropped)
		if st.Dropped != 0 || st.Retried == 0 || st.TimedOut == 0 {
			t.Errorf("stats = %+v, want no drops, some retries, some waits given up", st)
		}
	})
}

func TestOutageTaxesNobodyAndLosesNothing(t *testing.T) {
	for name, outage := range map[string]func(context.Context) error{
		"refused": func(context.Context) error { return errDown },
		"hanging": func(ctx context.Context) error { return errors.Join(sleep(ctx, 10*time.Second), errDown) }, // its own timeout
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				down := func() bool { d := time.Since(start); return d > 10*time.Second && d < 40*time.Second }
				b := &backend{}
				b.answer = func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
					if down() {
						return outage(ctx)
					}
					return sleep(ctx, 5*time.Millisecond)
				}
				p := newTestProvider(t, testConfig{Pipeline: Config{BufferBytes: 1 << 30, BufferSpans: 1 << 20}}, b)
				var (
					mu          sync.Mutex
					during      []time.Duration
					invocations int
					callers     sync.WaitGroup
				)
				for range 4 {
					callers.Go(func() {
						for time.Since(start) < 60*time.Second {
							wait := invoke(p, 15, false)
							mu.Lock()
							if down() {
								during = append(during, wait)
							}
							invocations++
							mu.Unlock()
							time.Sleep(80 * time.Millisecond)
						}
					})
				}
				callers.Wait()
				if got, want := len(b.seen), invocations*16; got != want {
					t.Errorf("spans at the backend 20 s after the outage = %d, want %d", got, want)
				}
				if st := p.Stats(); st.Dropped != 0 {
					t.Errorf("dropped = %d, want 0", st.Dropped)
				}
				late := during[min(12, len(during)):] // three each
				if worst := percentile(late, 1); worst > 5*time.Millisecond {
					t.Errorf("worst wait after the first failures = %v, want at most 5ms", worst)
				}
				t.Logf("%d invocations, %d during the outage; their waits: first %v, then at most %v",
					invocations, len(during), during[0], percentile(late, 1))
			})
		})
	}
}

func TestDeadBackendOfAListDoesNotHoldTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := &backend{answer: takes(10 * time.Millisecond)}
		dead := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error { return errDown }}
		p := newTestProvider(t, testConfig{}, good, dead)
		for range 10 {
			invoke(p, 3, false)
		}
		if wait := invoke(p, 3, false); wait != 10*time.Millisecond {
			t.Errorf("wait = %v, want the good backend's 10ms", wait)
		}
		if len(good.seen) != 11*4 {
			t.Errorf("spans at the good backend = %d, want %d", len(good.seen), 11*4)
		}
	})
}

func TestASpanTheBackendRefusesTakesNoOtherWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(ctx context.Context, _ int, spans []sdktrace.ReadOnlySpan) error {
			_ = sleep(ctx, 10*time.Millisecond)
			for _, s := range spans {
				if s.Name() == "poison" {
					return &export.Error{Fault: export.Refused, Err: errDown}
				}
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		for _, name := range []string{"a", "b", "poison", "c", "d", "e", "f"} {
			_, s := p.TracerProvider().Tracer("test").Start(ctx, name)
			s.End()
		}
		inv.End()
		if got, want := b.names(), []string{"a", "b", "c", "d", "e", "f"}; !slices.Equal(got, want) {
			t.Errorf("spans at the backend = %v, want %v", got, want)
		}
		if st := p.Stats(); st.Dropped != 1 {
			t.Errorf("dropped = %d, want 1", st.Dropped)
		}
	})
}

// An exporter that splits a large batch may have half of it accepted before it fails.
func TestOnlyTheUnsentPartOfABatchIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		b.answer = func(_ context.Context, n int, spans []sdktrace.ReadOnlySpan) error {
			if n > 0 {
				return nil
			}
			half := len(spans) / 2
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, s := range spans[:half] {
				b.seen[s.SpanContext().SpanID()]++
			}
			return &export.Error{Fault: export.Retryable, Unsent: spans[half:], Err: errDown}
		}
		b.seen = make(map[trace.SpanID]int)
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 9, false)
		for id, n := range b.seen {
			if n != 1 {
				t.Errorf("span %s arrived %d times", id, n)
			}
		}
		pl := p.collector.pipelines[0]
		if st := p.Stats(); len(b.seen) != 10 || st.Exported != 10 || st.Retried != 5 || pl.spans != 0 || pl.bytes != 0 {
			t.Errorf("arrived %d, stats %+v, left %d spans and %d bytes; want 10, 10 exported, 5 retried, nothing left",
				len(b.seen), st, pl.spans, pl.bytes)
		}
	})
}

func TestBufferIsBoundedAndDropsTheOldestTracesWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := true
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			if dead {
				return errDown
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{Pipeline: Config{BufferSpans: 100}}, b)
		for range 50 {
			invoke(p, 3, false)
		}
		pl := p.collector.pipelines[0]
		if pl.spans > 100 {
			t.Errorf("spans in the buffer = %d, want at most 100", pl.spans)
		}
		dead = false
		if err := p.Flush(context.Background()); err != nil {
			t.Fatalf("Flush: %v", err)
		}
		perTrace := make(map[trace.TraceID]int)
		for _, s := range b.spans {
			perTrace[s.SpanContext().TraceID()]++
		}
		for id, n := range perTrace {
			if n != 4 {
				t.Errorf("trace %s arrived with %d of 4 spans", id, n)
			}
		}
		if got := int64(len(b.spans)) + p.Stats().Dropped; got != 200 || len(b.spans) != 100 {
			t.Errorf("arrived %d, dropped %d; want 100 each", len(b.spans), p.Stats().Dropped)
		}
	})
}

func TestExporterPanicIsAFailedExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(_ context.Context, n int, _ []sdktrace.ReadOnlySpan) error {
			if n == 0 {
				panic("exporter bug")
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 1, false)
		if len(b.seen) != 2 {
			t.Errorf("spans at the backend = %d, want 2", len(b.seen))
		}
	})
}

func TestShutdownSendsWhatTheBreakerHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := true
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			if dead {
				return errDown
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		for range 5 {
			invoke(p, 3, false)
		}
		dead = false
		if err := p.Shutdown(context.Background()); err != nil {
			t.Fatalf("Shutdown: %v", err)
		}
		if len(b.seen) != 20 || b.shutdown != 1 {
			t.Errorf("spans = %d, shutdowns = %d; want 20 and 1", len(b.seen), b.shutdown)
		}
	})
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 3, false)
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		start := time.Now()
		if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v, want deadline exceeded", err)
		}
		if took := time.Since(start); took > 8*time.Second {
			t.Errorf("Shutdown took %v, want at most 8s", took)
		}
	})
}

// The buffer is for what cannot be sent. However small it is, a backend that is well gets everything.
func TestASmallBufferCostsNothingWhileTheBackendIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(10 * time.Millisecond)}
		p := newTestProvider(t, testConfig{Pipeline: Config{BufferSpans: 10}}, b)
		for range 20 {
			if wait := invoke(p, 15, false); wait != 10*time.Millisecond {
				t.Errorf("wait = %v, want 10ms", wait)
			}
		}
		if len(b.seen) != 20*16 || p.Stats().Dropped != 0 {
			t.Errorf("arrived %d, dropped %d; want 320 and 0", len(b.seen), p.Stats().Dropped)
		}
	})
}

// A backend that takes a request but not all of its spans says how many: they are lost, and counted.
func TestSpansRefusedOutOfARequestAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			return &export.Error{Fault: export.PartlyRefused, Rejected: 3, Err: errDown}
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 9, false)
		if st := p.Stats(); st.Kept != 10 || st.Exported != 7 || st.Dropped != 3 || st.Retried != 0 {
			t.Errorf("stats = %+v, want 10 kept, 7 exported, 3 dropped, none sent again", st)
		}
		if b.exports != 1 {
			t.Errorf("exports = %d, want 1", b.exports)
		}
	})
}

// permanentFault is a backend's refusal of the spans themselves.
func permanentFault() error { return &export.Error{Fault: export.Refused, Err: errDown} }
