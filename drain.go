package function

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"example.com/gemini-agent/tracing"
)

// The platform allows 10 s from SIGTERM to SIGKILL. Requests get the first part of it, the trace backend the rest.
const (
	drainRequests = 5 * time.Second
	drainUnwind   = time.Second // for requests to answer after they were told to stop
	drainTotal    = 9 * time.Second
)

// DrainOnSignal waits for SIGTERM, which the framework ignores, and ends the process without losing a trace: see
// Shutdown. It returns only if exit does.
func (a *App) DrainOnSignal(exit func(code int)) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	<-signals
	ctx, cancel := context.WithTimeout(context.Background(), drainTotal)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		a.logger.Error("spans were lost at shutdown", "error", tracing.RedactText(err.Error()))
		exit(1)
		return
	}
	exit(0)
}

// Shutdown lets running requests finish for 5 s, cuts the others short (they answer 503, with their trace; so do those
// that still come), flushes all spans and closes the exporters. When ctx leaves less than 9 s, each part gets its share
// of that. It returns an error when spans could not be delivered until ctx was done.
func (a *App) Shutdown(ctx context.Context) error {
	requests, unwind := drainRequests, drainUnwind
	if end, ok := ctx.Deadline(); ok {
		share := min(1, float64(time.Until(end))/float64(drainTotal))
		requests = time.Duration(share * float64(requests))
		unwind = time.Duration(share * float64(unwind))
	}
	idle := a.inFlight.idle()
	done := waitFor(ctx, idle, requests)
	a.stop()
	if !done && !waitFor(ctx, idle, unwind) {
		a.logger.Error("requests were still running at shutdown, their traces are not whole")
	}
	closed := make(chan struct{})
	go func() { // beside the flush: a tool service that hangs must not take its time
		defer close(closed)
		_ = a.mcp.Close() // has no errors
	}()
	err := a.provider.Shutdown(ctx)
	waitFor(ctx, closed, drainUnwind)
	return err
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

// inFlight counts running requests. The zero value is ready.
type inFlight struct {
	mu      sync.Mutex
	n       int
	waiting chan struct{} // closed when n reaches 0; nil: nobody waits
}

func (f *inFlight) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
}

func (f *inFlight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.waiting != nil {
		close(f.waiting)
		f.waiting = nil
	}
}

// idle returns a channel that is closed once no request runs.
func (f *inFlight) idle() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		none := make(chan struct{})
		close(none)
		return none
	}
	if f.waiting == nil {
		f.waiting = make(chan struct{})
	}
	return f.waiting
}
