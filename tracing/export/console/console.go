package console

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// Config says how traces look on a terminal. The zero value is plain ASCII, 80 columns.
type Config struct {
	Color   bool                        // ANSI colours
	Unicode bool                        // line-drawing characters
	Width   func() int                  // columns, asked for before each picture; nil or 0: 80; less than 40: 40
	Link    func(traceID string) string // where to look at a trace, printed below it; nil or "": nothing
	Hold    time.Duration               // how long a called service's spans wait for the caller's; default 15s
}

// columns is the width of the next picture.
func (c Config) columns() int {
	if c.Width != nil {
		if n := c.Width(); n > 0 {
			return max(40, n)
		}
	}
	return 80
}

func (c Config) withDefaults() Config {
	if c.Hold <= 0 {
		c.Hold = 15 * time.Second
	}
	return c
}

const (
	maxConsoleSpans   = 4096 // held in all; the oldest trace is printed as it is when there are more
	maxConsolePrinted = 64   // traces remembered as printed
)

// Console prints each finished trace once, as a tree with bars, by one Write. Several providers of one
// process may share it, so a trace through several services is one picture. Safe for concurrent use.
//
// A trace is finished when the main service's first span of it has arrived. A called service hands its
// spans over before its caller does: they are held until then, and printed alone when the caller's do
// not come within Hold. At the last Shutdown everything held is printed.
type Console struct {
	w   io.Writer
	cfg Config

	mu      sync.Mutex
	open    int // exporters not shut down
	held    int // spans in traces
	traces  map[trace.TraceID]*heldTrace
	seq     int
	printed [maxConsolePrinted]trace.TraceID // a ring
	next    int
	timer   *time.Timer
}

// heldTrace is what has arrived of a trace that is not printed yet.
type heldTrace struct {
	spans    []sdktrace.ReadOnlySpan
	primary  bool      // the main service has begun to hand its part over: the rest will come
	seq      int       // order of arrival
	deadline time.Time // print by then; zero: wait for the rest
}

// New returns a Console that prints to w.
func New(w io.Writer, cfg Config) *Console {
	return &Console{w: w, cfg: cfg.withDefaults(), traces: map[trace.TraceID]*heldTrace{}}
}

// Exporter returns an exporter for one service. The main service, the one the user calls, is primary: its
// traces are printed when they are done. Another service's wait for the primary's part, unless nobody
// called it. The exporter must be shut down. It never fails: there is nothing to try again.
func (c *Console) Exporter(primary bool) sdktrace.SpanExporter {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	return &exporter{console: c, primary: primary}
}

type exporter struct {
	console *Console
	primary bool
	closed  atomic.Bool
}

// ExportSpans hands spans to the console.
func (x *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	x.console.add(spans, x.primary, time.Now())
	return nil
}

// Shutdown prints what is held, if this was the console's last exporter.
func (x *exporter) Shutdown(context.Context) error {
	if x.closed.Swap(true) {
		return nil
	}
	c := x.console
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open--; c.open > 0 {
		return nil
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	for len(c.traces) > 0 {
		c.printLocked(c.oldestLocked())
	}
	return nil
}

func (c *Console) add(spans []sdktrace.ReadOnlySpan, primary bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var finished []trace.TraceID
	for _, s := range spans {
		if s == nil {
			continue
		}
		id := s.SpanContext().TraceID()
		t := c.traces[id]
		if t == nil {
			c.seq++
			t = &heldTrace{seq: c.seq}
			c.traces[id] = t
		}
		t.spans = append(t.spans, s)
		c.held++
		t.primary = t.primary || primary
		if t.deadline = (time.Time{}); !t.primary || c.wasPrintedLocked(id) {
			t.deadline = now.Add(c.cfg.Hold)
		}
		if export.LocalRoot(s) && (primary || !s.Parent().IsValid()) {
			finished = append(finished, id)
		}
	}
	for _, id := range finished {
		c.printLocked(id)
	}
	for c.held > maxConsoleSpans {
		c.printLocked(c.oldestLocked())
	}
	c.scheduleLocked(now)
}

func (c *Console) oldestLocked() trace.TraceID {
	var oldest trace.TraceID
	first := -1
	for id, t := range c.traces {
		if first < 0 || t.seq < first {
			oldest, first = id, t.seq
		}
	}
	return oldest
}

func (c *Console) printLocked(id trace.TraceID) {
	t := c.traces[id]
	if t == nil { // two local roots in one batch
		return
	}
	delete(c.traces, id)
	c.held -= len(t.spans)
	if !c.wasPrintedLocked(id) {
		c.printed[c.next] = id
		c.next = (c.next + 1) % len(c.printed)
	}
	_, _ = c.w.Write(renderTrace(id, t.spans, c.cfg))
}

func (c *Console) wasPrintedLocked(id trace.TraceID) bool {
	for _, p := range c.printed {
		if p == id {
			return true
		}
	}
	return false
}

// scheduleLocked sets the timer to the nearest deadline.
func (c *Console) scheduleLocked(now time.Time) {
	var nearest time.Time
	for _, t := range c.traces {
		if !t.deadline.IsZero() && (nearest.IsZero() || t.deadline.Before(nearest)) {
			nearest = t.deadline
		}
	}
	switch {
	case nearest.IsZero() || c.open == 0:
		if c.timer != nil {
			c.timer.Stop()
		}
	case c.timer == nil:
		c.timer = time.AfterFunc(nearest.Sub(now), c.expire)
	default:
		c.timer.Reset(nearest.Sub(now))
	}
}

// expire prints the traces whose time is over.
func (c *Console) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for {
		var due trace.TraceID
		first := -1
		for id, t := range c.traces {
			if !t.deadline.IsZero() && !t.deadline.After(now) && (first < 0 || t.seq < first) {
				due, first = id, t.seq
			}
		}
		if first < 0 {
			break
		}
		c.printLocked(due)
	}
	c.scheduleLocked(now)
}
