package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/semconv"
)

// Target is one destination of spans. Each wants a queue of its own: a dead one must neither hold up the
// others nor make them see spans twice.
type Target struct {
	Name     string
	Exporter sdktrace.SpanExporter
}

// warmer is an exporter that can open its connection early. Warm returns at once.
type warmer interface{ Warm(ctx context.Context) }

// Collector is the SDK's span processor of a Provider: it finds the invocation of each span and gives the span to
// it. A processor is shown no context at the end of a span, so the invocation is remembered from the start, by span id,
// in a map that is split to keep concurrent invocations out of each other's way.
type Collector struct {
	cfg       Config
	pipelines []*pipeline // one a backend
	facts     *processFacts
	stats     stats
	logger    *slog.Logger
	resource  func() *resource.Resource // of all spans; asked at export
	undecided atomic.Int64              // bytes held by all invocations
	open      atomic.Int64              // invocations that have not ended

	downstream *sampling.Budget // of invocations kept because a callee kept its part
	shards     [64]shard
	warmOnce   sync.Once
}

type shard struct {
	mu   sync.Mutex
	live map[trace.SpanID]*Invocation // of the spans that have not ended
	_    [40]byte                     // a cache line each
}

var _ sdktrace.SpanProcessor = (*Collector)(nil)

// New makes a collector that sends to targets. res is the resource of all spans; it is asked when they are
// exported and may take its time.
func New(cfg Config, targets []Target, res func() *resource.Resource, logger *slog.Logger) *Collector {
	c := &Collector{cfg: cfg.WithDefaults(), facts: newProcessFacts(), resource: res, logger: logger}
	for i := range c.shards {
		c.shards[i].live = make(map[trace.SpanID]*Invocation)
	}
	c.downstream = sampling.NewBudget(c.cfg.DownstreamPerSecond, time.Now)
	for _, t := range targets {
		c.pipelines = append(c.pipelines, newPipeline(t.Name, t.Exporter, c.cfg, &c.stats, logger))
	}
	return c
}

func (c *Collector) newInvocation(ctx context.Context) *Invocation {
	inv := &Invocation{c: c, since: time.Now(), lean: c.open.Add(1) > int64(c.cfg.HeldTraces)}
	if id := correlation.ID(ctx); id != "" {
		inv.onEach = []attribute.KeyValue{semconv.KeyCorrelationID.String(id)}
	}
	if c.cfg.MinDuration > 0 {
		inv.ancestry = newAncestry(c.cfg.MinDuration)
	}
	return inv
}

func (c *Collector) shard(id trace.SpanID) *shard { return &c.shards[id[7]%64] }

// OnStart finds the invocation: the one of the context, else that of a running parent, else a new one of its own
// that ends with the span. It sets what all spans of the invocation have.
func (c *Collector) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	inv := c.invocationFrom(parent)
	if inv == nil {
		inv = c.invocationOf(parent, s)
	}
	id := s.SpanContext().SpanID()
	sh := c.shard(id)
	sh.mu.Lock()
	sh.live[id] = inv
	sh.mu.Unlock()
	s.SetAttributes(inv.onEach...)
	inv.joined(s)
}

func (c *Collector) invocationOf(ctx context.Context, s sdktrace.ReadWriteSpan) *Invocation {
	if p := s.Parent(); p.SpanID().IsValid() && !p.IsRemote() {
		sh := c.shard(p.SpanID())
		sh.mu.Lock()
		inv := sh.live[p.SpanID()]
		sh.mu.Unlock()
		if inv != nil {
			return inv
		}
	}
	inv := c.newInvocation(ctx)
	inv.implicit = s.SpanContext().SpanID()
	return inv
}

// OnEnd gives the span to its invocation.
func (c *Collector) OnEnd(s sdktrace.ReadOnlySpan) {
	id := s.SpanContext().SpanID()
	sh := c.shard(id)
	sh.mu.Lock()
	inv := sh.live[id]
	delete(sh.live, id)
	sh.mu.Unlock()
	if inv != nil {
		inv.finished(s)
	}
}

// holdLocked counts the bytes of one more span of inv, whose lock is held, and reports whether it may be held. Roots
// always may: local ones tell what was lost, and an implicit invocation ends with its own.
func (c *Collector) holdLocked(inv *Invocation, f *finishedSpan) bool {
	full := c.undecided.Add(int64(f.size)) > int64(c.cfg.HeldBytes) || len(inv.spans) >= c.cfg.HeldSpans || inv.lean
	if inv.kept && (full || len(inv.spans) >= c.cfg.BatchSpans) {
		inv.handOverLocked() // what is kept need not be held
		full = full && len(inv.spans) > 0
	}
	if full && !f.isLocalRoot() && f.ReadOnlySpan.SpanContext().SpanID() != inv.implicit {
		c.undecided.Add(-int64(f.size))
		return false
	}
	return true
}

// describeRoot says on a kept local root why it was kept and in which state the process was.
func (c *Collector) describeRoot(f *finishedSpan, reason string, lost int) {
	f.verdict = c.facts.attributes()
	if reason != "" {
		f.verdict = append(f.verdict, semconv.KeySamplingReason.String(reason), semconv.KeySamplingRatio.Float64(1))
	}
	if lost > 0 {
		f.verdict = append(f.verdict, semconv.KeySamplingDroppedSpans.Int(lost))
	}
}

// submit gives finished spans to every backend.
func (c *Collector) submit(spans []*finishedSpan, w *waiter) {
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	bytes := 0
	for i, f := range spans {
		out[i] = f
		bytes += f.size
	}
	c.stats.kept.Add(int64(len(spans)))
	for _, p := range c.pipelines {
		w.add()
		p.submit(&chunk{spans: out, bytes: bytes, wait: w})
	}
}

func (c *Collector) logFlush(spans, bytes int, waited time.Duration) {
	ctx := context.Background()
	if !c.logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	c.logger.LogAttrs(ctx, slog.LevelDebug, "flush", append([]slog.Attr{
		slog.Int("spans", spans), slog.Int("bytes", bytes), slog.Float64("wait_ms", semconv.Milliseconds(waited)),
	}, c.stats.unreported()...)...)
}

// ForceFlush sends what waits, also while the breaker is open.
func (c *Collector) ForceFlush(ctx context.Context) error {
	return c.each(func(p *pipeline) error { return p.flush(ctx) })
}

// Shutdown flushes and closes the exporters.
func (c *Collector) Shutdown(ctx context.Context) error {
	return c.each(func(p *pipeline) error { return p.shutdown(ctx) })
}

// each runs f on all pipelines at once: a dead backend must not use up the time of the others.
func (c *Collector) each(f func(*pipeline) error) error {
	errs := make([]error, len(c.pipelines))
	var wg sync.WaitGroup
	for i, p := range c.pipelines {
		wg.Go(func() { errs[i] = f(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Warm opens the backends' connections in the background, once, when the first request comes in: they are ready when
// its flush needs them.
func (c *Collector) Warm() {
	c.warmOnce.Do(func() {
		for _, p := range c.pipelines {
			if w, ok := p.exporter.(warmer); ok {
				w.Warm(context.Background())
			}
		}
	})
}

// Stats returns the counts so far; a nil collector has none.
func (c *Collector) Stats() Stats {
	if c == nil {
		return Stats{}
	}
	s := &c.stats
	return Stats{
		Kept: s.kept.Load(), Exported: s.exported.Load(), Retried: s.retried.Load(),
		Dropped: s.dropped.Load(), TimedOut: s.timedOut.Load(), Lettered: s.lettered.Load(), Lost: s.lost.Load(),
	}
}
