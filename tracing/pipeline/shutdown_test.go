package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// stubborn is an exporter that heeds no context.
type stubborn struct{ release chan struct{} }

func (s stubborn) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	<-s.release
	return errDown
}

func (s stubborn) Shutdown(context.Context) error { <-s.release; return nil }

func TestShutdownIsNotHeldUpByAnExporterThatHeedsNoContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exp := stubborn{make(chan struct{})}
		defer close(exp.release)
		good := &backend{answer: takes(10 * time.Millisecond)}
		p := newTestProvider(t, testConfig{Exporters: []sdktrace.SpanExporter{exp}}, good)
		for range 100 { // more than may be stuck at once
			invoke(p, 1, false)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		start := time.Now()
		if err := p.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown = %v, want deadline exceeded", err)
		}
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("Shutdown took %v, want 8s", took)
		}
		if len(good.seen) != 200 {
			t.Errorf("spans at the good backend = %d, want 200", len(good.seen))
		}
	})
}

// Flush is about the spans that waited when it was called: those that come later must not keep it.
func TestFlushReturnsUnderSteadyLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestProvider(t, testConfig{}, &backend{answer: takes(50 * time.Millisecond)})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for range 8 {
			go func() {
				for ctx.Err() == nil {
					invoke(p, 3, false)
					time.Sleep(time.Millisecond)
				}
			}()
		}
		time.Sleep(time.Second)
		deadline, stop := context.WithTimeout(ctx, 5*time.Second)
		defer stop()
		start := time.Now()
		if err := p.Flush(deadline); err != nil {
			t.Errorf("Flush = %v", err)
		}
		if took := time.Since(start); took > 150*time.Millisecond {
			t.Errorf("Flush took %v, want about two round trips", took)
		}
		cancel()
		time.Sleep(time.Second)
	})
}

func TestSpansHandedOverWhileShutdownFlushesAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(50 * time.Millisecond)}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		_, root := start(p, ctx, "root")
		go invoke(p, 3, false)
		synctest.Wait()
		done := make(chan error)
		go func() { done <- p.Shutdown(context.Background()) }()
		time.Sleep(20 * time.Millisecond)
		root.End()
		inv.End()
		if err := <-done; err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if len(b.seen) != 5 || b.shutdown != 1 {
			t.Errorf("spans = %d, shutdowns = %d; want 5 and 1", len(b.seen), b.shutdown)
		}
	})
}

// A shutdown has seconds, not the pauses of a long outage.
func TestShutdownProbesOftenEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := time.Now().Add(time.Hour + 2*time.Second)
		b := &backend{answer: func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			if time.Now().Before(up) {
				return errDown
			}
			return nil
		}}
		p := newTestProvider(t, testConfig{}, b)
		invoke(p, 3, false)
		time.Sleep(time.Until(up) - 2*time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil || len(b.seen) != 4 {
			t.Errorf("Shutdown = %v with %d spans at the backend, want 4", err, len(b.seen))
		}
	})
}

// What is in flight when the time of the shutdown ends is lost, counted, and not tried again.
func TestShutdownCountsWhatItLeavesBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		p := newTestProvider(t, testConfig{Pipeline: Config{BatchSpans: 4}}, b)
		for range 10 {
			invoke(p, 3, false)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := p.Shutdown(ctx); err == nil {
			t.Error("Shutdown = nil, want an error")
		}
		exports := b.exports
		time.Sleep(time.Minute)
		synctest.Wait()
		pl := p.collector.pipelines[0]
		if b.exports != exports || len(pl.fresh)+len(pl.backlog) != 0 || pl.spans != 0 || p.Stats().Dropped != 40 {
			t.Errorf("%d exports later, %d spans left, %d dropped; want 0, 0 and 40", b.exports-exports, pl.spans, p.Stats().Dropped)
		}
	})
}

func TestNothingBreaksAfterShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(10 * time.Millisecond)}
		p := newTestProvider(t, testConfig{}, b)
		ctx, inv := p.Begin(context.Background())
		_, open := start(p, ctx, "open")
		if err := p.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		open.End()
		inv.End()
		if wait := invoke(p, 3, false); wait != 0 {
			t.Errorf("wait = %v, want none", wait)
		}
		if err := errors.Join(p.Flush(context.Background()), p.Shutdown(context.Background())); err != nil {
			t.Errorf("Flush and Shutdown = %v, want nil", err)
		}
		p.collector.pipelines[0].submit(&chunk{spans: make([]sdktrace.ReadOnlySpan, 3)})
		if b.exports != 0 || p.Stats().Dropped != 3 {
			t.Errorf("exports = %d, dropped = %d; want 0 and the 3 that came too late", b.exports, p.Stats().Dropped)
		}
	})
}

// What a dead backend does not take at the end is handed over, whole and in time: what was queued, what was on its way,
// and what an exporter that heeds no context holds.
func TestShutdownHandsOverWhatItCannotDeliver(t *testing.T) {
	for name, answer := range map[string]func(context.Context, int, []sdktrace.ReadOnlySpan) error{
		"refuses": func(context.Context, int, []sdktrace.ReadOnlySpan) error { return errDown },
		"hangs": func(ctx context.Context, _ int, _ []sdktrace.ReadOnlySpan) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"is deaf": func(context.Context, int, []sdktrace.ReadOnlySpan) error {
			time.Sleep(time.Minute)
			return errDown
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handed := map[trace.SpanID]int{}
				take := func(ctx context.Context, backend string, spans []sdktrace.ReadOnlySpan) int {
					if ctx.Err() != nil || backend != "test" {
						t.Errorf("handed over for %s with %v", backend, ctx.Err())
					}
					for _, s := range spans[:len(spans)-1] {
						handed[s.SpanContext().SpanID()]++
					}
					return len(spans) - 1 // one does not fit
				}
				b := &backend{answer: answer}
				p := newTestProvider(t, testConfig{Pipeline: Config{DeadLetter: take}}, b)
				for range 10 {
					invoke(p, 3, false)
				}
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				err := p.Shutdown(ctx)
				if err == nil || !strings.Contains(err.Error(), "1 spans for test are lost") {
					t.Errorf("Shutdown = %v", err)
				}
				if st := p.Stats(); len(handed) != 39 || st.Lettered != 39 || st.Lost != 1 || st.Dropped != 1 {
					t.Errorf("%d handed over, stats %+v; want 39, and 1 lost", len(handed), st)
				}
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// Requests that come while the process ends neither delay the end nor make it a failure.
func TestShutdownEndsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: takes(10 * time.Millisecond)}
		p := newTestProvider(t, testConfig{}, b)
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					go invoke(p, 3, false)
				}
			}
		}()
		time.Sleep(time.Second)
		start := time.Now()
		if err := p.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("Shutdown took %v, want a few round trips", took)
		}
		close(stop)
		<-done
		synctest.Wait()
	})
}
