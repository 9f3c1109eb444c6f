package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/redact"
)

// pipeline takes the kept spans of all invocations to one backend.
//
//	End ─┐
//	End ─┼─▶ fresh ──▶ up to 4 exports at once, evenly spaced ─▶ backend
//	End ─┘   backlog ─▶ up to 2, when nothing is fresh      │
//	            ▲       failed: kept apart from what is new │
//	            └───────────────────────────────────────────┘
//
// An export takes everything that waits, so waiting invocations share exports (group commit). Starts are spaced by
// the backend's own round trip divided by the number of parallel exports: without it the first arrivals of a burst
// take all slots with one invocation each and the rest wait for two round trips.
//
// Giving up a wait never gives up spans: the export goes on, and what fails returns to a queue until it is
// delivered or the buffer is full. After failures the breaker opens: nobody waits any more, and single exports
// probe until one succeeds, the first of them over a fresh connection.
type pipeline struct {
	cfg      Config
	name     string // of the backend, for the log
	exporter sdktrace.SpanExporter
	logger   *slog.Logger
	stats    *stats

	mu         sync.Mutex
	fresh      queue // somebody may wait
	backlog    queue // nobody does
	spans      int   // queued and being exported
	bytes      int
	groups     int           // made so far
	running    []*run        // exports under way, oldest first
	lastStart  time.Time     // of an export of the fresh queue
	shared     bool          // that export carried several invocations
	roundTrip  time.Duration // moving average of successful exports
	notBefore  time.Time     // no export starts before: pause after a failure
	timer      *time.Timer   // runs dispatch at the next moment an export may start
	brk        breaker
	lastAnswer time.Time // of the backend
	renewDue   bool      // the breaker has opened: the next probe wants a fresh connection
	renewedAt  time.Time
	sizeLimit  int // bytes of a request that the backend did not find too large; 0: none known
	limitedAt  time.Time
	lastLog    time.Time
	closed     bool
	jobs       chan *run       // to idle workers; never more than exports at once
	ctx        context.Context // of all exports and workers; cancelled at the end of shutdown
	cancel     context.CancelFunc
	era        int           // flushes begun so far
	eras       map[int]int   // chunks queued or being exported, by era
	eraDone    chan struct{} // closed when an era has no chunks any more; nil: nobody asks
	idle       chan struct{} // closed when no export is under way any more; nil: nobody asks
}

func newPipeline(name string, exp sdktrace.SpanExporter, cfg Config, stats *stats,
	logger *slog.Logger,
) *pipeline {
	p := &pipeline{cfg: cfg.WithDefaults(), name: name, exporter: exp, logger: logger, stats: stats,
		eras: make(map[int]int)}
	p.jobs = make(chan *run)
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
	p.spans += len(c.spans)
	p.bytes += c.bytes
	c.era = p.era
	p.eras[c.era]++
	if p.brk.open {
		c.settle()
		p.backlog.back(c)
	} else {
		p.fresh.back(c)
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
	for p.bytes > p.cfg.BufferBytes || p.cfg.BufferSpans > 0 && p.spans > p.cfg.BufferSpans {
		q := &p.backlog
		if len(*q) == 0 {
			q = &p.fresh
		}
		if len(*q) == 0 {
			return
		}
		c := q.pop(1)[0]
		p.dropLocked(c)
		p.leaveLocked(c)
	}
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
