package function

import "context"

// DrainOnSignal waits for SIGTERM, which the framework ignores, and ends the process without losing a trace: see
// tracing.Drain. It returns only if exit does.
func (a *App) DrainOnSignal(exit func(code int)) { a.drain.OnSignal(exit) }

// Shutdown ends the app as tracing.Drain does: running requests finish or are cut short with 503, all spans are flushed.
// It returns an error when spans could not be delivered until ctx was done.
func (a *App) Shutdown(ctx context.Context) error { return a.drain.Shutdown(ctx) }
