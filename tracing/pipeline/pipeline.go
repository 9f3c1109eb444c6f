package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/redact"
)

// maxStuck times the parallel exports is the hard limit on exports under way, the stuck ones included.
const maxStuck = 4

// minSpacing is the least time between the starts of two exports while invocations end at the same time: a fast backend
// would get them one by one, and an export costs more than a wait of at most this. Somebody alone never waits for it.
const minSpacing = 2 * time.Millisecond

// chunk is what one invocation hands over at once. It is the unit of queueing, retrying and dropping, so that a
// full buffer loses whole traces rather than a span of each.
type chunk struct {
	spans []sdktrace.ReadOnlySpan
	bytes int
	wait  *waiter // nil: nobody waits (late spans)
	// alone is set after the backend refused a batch for good: the chunk is sent by itself and halved until the
	// span that spoils it is found.
	alone bool
	era   int // flushes that had begun when it was submitted
}

// settle ends the wait for this chunk: it is delivered, dropped, or safe in the buffer of a backend that is not
// worth waiting for. Further calls do nothing.
func (c *chunk) settle() {
	c.wait.done()
	c.wait = nil
}

// pipeline takes the kept spans of all invocations to one backend.
//
//	End ─┐
//	End ─┼─▶ queue ─▶ up to 4 exports at once, evenly spaced ─▶ backend
//	End ─┘     ▲            │ failed: back to the front
//	           └────────────┘
//
// An export takes everything that waits, so waiting invocations share exports (group commit). Starts are spaced by
// the backend's own round trip divided by the number of parallel exports: without it the first arrivals of a burst
// take all slots with one invocation each and the rest wait for two round trips.
//
// Giving up a wait never gives up spans: the export goes on, and what fails returns to the queue until it is
// delivered or the buffer is full. After failures the breaker opens: nobody waits any more, and single exports
// probe until one succeeds.
type pipeline struct {
	cfg      Config
	name     string // of the backend, for the log
	exporter sdktrace.SpanExporter
	logger   *slog.Logger
	stats    *stats

	mu        sync.Mutex
	queue     []*chunk // oldest first
	spans     int      // queued and being exported
	bytes     int
	running   []time.Time   // starts of the exports under way, oldest first
	lastStart time.Time     // of an export
	shared    bool          // that export carried several invocations
	roundTrip time.Duration // moving average of successful exports
	notBefore time.Time     // no export starts before: pause after a failure
	timer     *time.Timer   // runs dispatch at the next moment an export may start
	brk       breaker
	lastLog   time.Time
	closed    bool
	jobs      chan job        // to idle workers; never more than exports at once
	ctx       context.Context // of all exports and workers; cancelled at the end of shutdown
	cancel    context.CancelFunc
	era       int           // flushes begun so far
	eras      map[int]int   // chunks queued or being exported, by era
	eraDone   chan struct{} // closed when an era has no chunks any more; nil: nobody asks
}

func newPipeline(name string, exp sdktrace.SpanExporter, cfg Config, stats *stats,
	logger *slog.Logger,
) *pipeline {
	p := &pipeline{cfg: cfg.WithDefaults(), name: name, exporter: exp, logger: logger, stats: stats,
		eras: make(map[int]int)}
	p.jobs = make(chan job)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// submit queues the spans of one invocation and starts an export when one may start. It never blocks on the backend;
// while the breaker is open the chunk's wait is over at once.
func (p *pipeline) submit(c *chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.dropLocked(c)
		return
	}
	p.queue = append(p.queue, c)
	p.spans += len(c.spans)
	p.bytes += c.bytes
	c.era = p.era
	p.eras[c.era]++
	if p.brk.open {
		c.settle()
	}
	p.dispatchLocked(time.Now())
	p.trimLocked() // of what could not start: the buffer is for a backend that is down or slow
}

// leaveLocked takes a chunk out of the accounts: it is delivered or dropped.
func (p *pipeline) leaveLocked(c *chunk) {
	p.spans -= len(c.spans)
	p.bytes -= c.bytes
	if p.eras[c.era]--; p.eras[c.era] == 0 {
		delete(p.eras, c.era)
		if p.eraDone != nil {
			close(p.eraDone)
			p.eraDone = nil
		}
	}
	c.settle()
}

// trimLocked drops the oldest queued chunks until the buffer is within its bounds.
func (p *pipeline) trimLocked() {
	for len(p.queue) > 0 && (p.spans > p.cfg.BufferSpans || p.bytes > p.cfg.BufferBytes) {
		p.dropOldestLocked()
	}
}

func (p *pipeline) dropAllLocked() {
	for len(p.queue) > 0 {
		p.dropOldestLocked()
	}
}

func (p *pipeline) dropOldestLocked() {
	c := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	p.dropLocked(c)
	p.leaveLocked(c)
}

func (p *pipeline) dropLocked(c *chunk) {
	p.stats.dropped.Add(int64(len(c.spans)))
	c.settle()
	p.logLocked("spans dropped: the trace buffer is full or closed", nil)
}

// logLocked writes a warning at most every 10 s: a dead backend must not flood the log.
func (p *pipeline) logLocked(msg string, err error) {
	if now := time.Now(); now.Sub(p.lastLog) >= 10*time.Second {
		p.lastLog = now
		attrs := append([]slog.Attr{slog.String("backend", p.name), slog.Int("spans_waiting", p.spans)},
			p.stats.unreported()...)
		if err != nil {
			attrs = append(attrs, slog.String("error", redact.Text(err.Error())))
		}
		// The log may be slow, and the lock is everybody's.
		go p.logger.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
	}
}

// dispatch is the timer's entry.
func (p *pipeline) dispatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatchLocked(time.Now())
}

// dispatchLocked starts exports while there is something to send and an export may start; else it sets the timer.
func (p *pipeline) dispatchLocked(now time.Time) {
	for len(p.queue) > 0 && len(p.running) < maxStuck*p.cfg.ParallelExports {
		if at := p.nextStartLocked(now); at.After(now) {
			p.armLocked(at.Sub(now))
			return
		}
		batch := p.takeLocked()
		p.running = append(p.running, now)
		p.lastStart, p.shared = now, len(batch) > 1
		if p.brk.open {
			p.brk.probing(now)
		}
		select {
		case p.jobs <- job{batch, now}: // a worker whose stack has grown already
		default:
			go p.work(job{batch, now})
		}
	}
}

// nextStartLocked is the earliest moment the next export may start. An export that runs far longer than usual no
// longer counts against the parallel ones: a few hanging connections must not hold up everybody.
func (p *pipeline) nextStartLocked(now time.Time) time.Time {
	slots, earliest := p.cfg.ParallelExports, p.notBefore
	if p.brk.open {
		slots, earliest = 1, later(p.notBefore, p.brk.probeAt) // one probe at a time
	}
	stuckAfter := max(p.cfg.FlushTimeout/8, 4*p.roundTrip)
	active := p.running
	for len(active) > 0 && now.Sub(active[0]) >= stuckAfter {
		active = active[1:]
	}
	if len(active) >= slots {
		return later(earliest, active[len(active)-slots].Add(stuckAfter))
	}
	switch {
	case len(active) > 0:
		return later(earliest, p.lastStart.Add(max(minSpacing, p.roundTrip/time.Duration(p.cfg.ParallelExports))))
	case p.shared:
		return later(earliest, p.lastStart.Add(minSpacing))
	}
	return earliest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *pipeline) armLocked(d time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.dispatch)
		return
	}
	p.timer.Reset(d)
}

// takeLocked takes as many of the oldest chunks as one export may carry, at least one.
func (p *pipeline) takeLocked() []*chunk {
	n, spans, bytes := 0, 0, 0
	for _, c := range p.queue {
		if n > 0 && (c.alone || spans+len(c.spans) > p.cfg.BatchSpans || bytes+c.bytes > p.cfg.BatchBytes) {
			break
		}
		n, spans, bytes = n+1, spans+len(c.spans), bytes+c.bytes
		if c.alone {
			break
		}
	}
	batch := make([]*chunk, n)
	copy(batch, p.queue)
	clear(p.queue[:n])
	if p.queue = p.queue[n:]; len(p.queue) == 0 {
		p.queue = nil // let the backing array of a past outage go
	}
	return batch
}
