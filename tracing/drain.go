package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// Cloud Run allows 10 s from SIGTERM to SIGKILL. Requests get the first part of it, the trace backend the rest.
const (
	drainRequests = 5 * time.Second
	drainUnwind   = time.Second // for requests to answer after they were told to stop
	drainTotal    = 9 * time.Second
)

// ErrDraining is the cause (context.Cause) of a request context that a Drain has ended.
var ErrDraining = errors.New("the process is shutting down")

// Drain ends a server's process without losing a trace:
//
//	SIGTERM ──▶ requests may finish (5 s) ──▶ their contexts end, they answer (1 s) ──▶ flush ──▶ exit
//	                                                                    what no backend took ──▶ the log
//
// Only requests that had begun before count; those that still come find their context ended, so they answer at once
// and hold up nothing. It works with any server. Its methods are safe for concurrent use.
type Drain struct {
	provider *Provider
	cfg      DrainConfig
	stopping context.Context // done when running requests must end
	stop     context.CancelCauseFunc

	mu       sync.Mutex
	n        int           // requests that count
	idle     chan struct{} // closed when n is 0 after draining has begun
	draining bool
}

// DrainConfig is what a Drain ends beside requests and spans. The zero value is nothing.
type DrainConfig struct {
	// Close is called beside the flush, which does not wait for it longer than a second: connections to other services.
	Close func()
}

// NewDrain makes the Drain of a server whose spans are p's.
func NewDrain(p *Provider, cfg DrainConfig) *Drain {
	d := &Drain{provider: p, cfg: cfg, idle: make(chan struct{})}
	d.stopping, d.stop = context.WithCancelCause(context.Background())
	return d
}

// Handler counts the requests that next serves. It belongs outside of the tracing middleware: a request is over with
// its flush. The request's context ends with ErrDraining as its cause when the process has to go.
func (d *Drain) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		if d.enter() {
			defer d.leave()
		} else {
			cancel(ErrDraining)
		}
		defer context.AfterFunc(d.stopping, func() { cancel(ErrDraining) })()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// OnSignal waits for SIGTERM and ends the process by way of Shutdown, with code 1 when spans were lost. The last log line
// says how many those are, 0 included, and how many are in the log (Config.DeadLetters). It returns only if exit does.
func (d *Drain) OnSignal(exit func(code int)) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), drainTotal)
	defer cancel()
	err := d.Shutdown(ctx)
	stats, level, code := d.provider.Stats(), slog.LevelInfo, 0
	attrs := []slog.Attr{
		slog.Int64("spans_lost", stats.Lost), slog.Int64("spans_in_log", stats.Lettered),
		slog.Int64("spans_dropped_before", stats.Dropped-stats.Lost),
		slog.Float64("duration_ms", semconv.Milliseconds(time.Since(begin))),
	}
	if stats.Lettered > 0 || err != nil {
		level = slog.LevelWarn
	}
	if stats.Lost > 0 {
		level, code = slog.LevelError, 1
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", redact.Text(err.Error())))
	}
	d.provider.logger.LogAttrs(context.Background(), level, "shut down", attrs...)
	exit(code)
}

// Shutdown lets running requests finish for 5 s, ends the contexts of the others and of those that still come, flushes
// all spans and closes the exporters. When ctx leaves less than 9 s, each part gets its share of that. It returns an
// error when spans were neither delivered nor written to the log until ctx was done.
func (d *Drain) Shutdown(ctx context.Context) error {
	requests, unwind := drainRequests, drainUnwind
	if end, ok := ctx.Deadline(); ok {
		share := min(1, float64(time.Until(end))/float64(drainTotal))
		requests = time.Duration(share * float64(requests))
		unwind = time.Duration(share * float64(unwind))
	}
	d.begin()
	done := waitFor(ctx, d.idle, requests)
	d.stop(ErrDraining)
	if !done && !waitFor(ctx, d.idle, unwind) {
		d.provider.logger.Error("requests were still running at shutdown, their traces are not whole")
	}
	closed := make(chan struct{})
	go func() { // beside the flush: a service that hangs must not take its time
		defer close(closed)
		if d.cfg.Close != nil {
			d.cfg.Close()
		}
	}()
	err := d.provider.Shutdown(ctx)
	waitFor(ctx, closed, drainUnwind)
	return err
}

// enter reports whether the request counts.
func (d *Drain) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return false
	}
	d.n++
	return true
}

func (d *Drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n--; d.n == 0 && d.draining {
		close(d.idle)
	}
}

// begin closes the count.
func (d *Drain) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining {
		return
	}
	d.draining = true
	if d.n == 0 {
		close(d.idle)
	}
}

// waitFor waits for done, at most d, and reports whether it came.
func waitFor(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}
