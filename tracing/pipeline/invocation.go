package pipeline

import (
	"cmp"
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/semconv"
)

// earlyAfter is how long kept spans of a running invocation stay before they are sent ahead, at the next start of a
// client call: the model is thinking then, and the last export stays small. Shorter invocations send once.
const earlyAfter = 250 * time.Millisecond

// Invocation is one request. The spans started from its context belong to it and share its fate: all of them reach
// the backend, or none. A nil Invocation works. Its methods are safe for concurrent use.
type Invocation struct {
	c      *Collector
	onEach []attribute.KeyValue // set on every span at its start, such as the correlation id

	mu       sync.Mutex
	spans    []*finishedSpan // ended and not handed over yet
	bytes    int
	kept     bool   // will be exported, whatever comes
	reason   string // why
	failed   bool   // a span ended with status Error
	callees  callees
	ended    bool         // the decision is taken
	lean     bool         // too many are open: it holds its roots only
	implicit trace.SpanID // set when there was no Begin: it ends with this span
	lost     int          // spans dropped because the bound on held spans was reached
	since    time.Time
	wait     *waiter
	ancestry *ancestry // nil unless the duration filter is on
}

// Outcome is what became of an invocation's trace.
type Outcome struct {
	Kept   bool
	Reason string // why it was kept, as sampling.reason has it; "" when it was not, or a foreign sampler did not say
}

// invocationKey is one for each Provider: a context may pass through several.
type invocationKey struct{ c *Collector }

// Begin opens an invocation. Spans started from the returned context belong to it, and stay with it until End has
// decided what becomes of them. It is cheap, touches no network, and works on a nil collector.
func (c *Collector) Begin(ctx context.Context) (context.Context, *Invocation) {
	if c == nil {
		return ctx, nil
	}
	inv := c.newInvocation(ctx)
	c.Warm()
	return context.WithValue(ctx, invocationKey{c}, inv), inv
}

func (c *Collector) invocationFrom(ctx context.Context) *Invocation {
	inv, _ := ctx.Value(invocationKey{c}).(*Invocation)
	return inv
}

// joined is told of each span that starts.
func (i *Invocation) joined(s sdktrace.ReadWriteSpan) {
	sc := s.SpanContext()
	i.mu.Lock()
	defer i.mu.Unlock()
	if sc.IsSampled() && !i.ended {
		i.kept = true
		i.reason = cmp.Or(i.reason, samplersReason(s))
	}
	if i.ancestry != nil {
		i.ancestry.started(sc.SpanID(), s.Parent().SpanID())
	}
	if i.kept && !i.ended && len(i.spans) > 0 && s.SpanKind() == trace.SpanKindClient {
		if now := s.StartTime(); now.Sub(i.since) >= earlyAfter {
			i.since = now
			i.handOverLocked()
		}
	}
}

// samplersReason is why the sampler keeps a local root, "" for other spans.
func samplersReason(s sdktrace.ReadWriteSpan) string {
	if !export.LocalRoot(s) {
		return ""
	}
	for _, kv := range s.Attributes() {
		if kv.Key == semconv.KeySamplingReason {
			return kv.Value.AsString()
		}
	}
	return ""
}

// finished is told of each span that ended.
func (i *Invocation) finished(snap sdktrace.ReadOnlySpan) {
	f := &finishedSpan{
		ReadOnlySpan: snap, resource: i.c.resource,
		size: export.Size(snap), failed: snap.Status().Code == codes.Error,
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ancestry != nil {
		i.ancestry.finished(snap.SpanContext().SpanID())
	}
	if f.failed {
		i.failed = true
	}
	if i.ended {
		i.lateLocked(f)
		return
	}
	if !i.c.holdLocked(i, f) {
		i.loseLocked(f)
		return
	}
	if i.spans == nil {
		i.spans = make([]*finishedSpan, 0, 16) // a usual invocation in one go
	}
	i.spans = append(i.spans, f)
	i.bytes += f.size
	if i.implicit == snap.SpanContext().SpanID() {
		i.endLocked()
	}
}

// End takes the decision on the invocation's spans, hands the kept ones over and waits, at most the flush timeout,
// until they are at the backend. It needs no live context, so cancelled clients and timed out requests keep their
// traces. It is called once, after the server span has ended; further calls do nothing.
//
// It says what became of the trace.
func (i *Invocation) End() Outcome {
	if i == nil {
		return Outcome{}
	}
	i.mu.Lock()
	if i.ended {
		defer i.mu.Unlock()
		return Outcome{i.kept, i.reason}
	}
	start := time.Now()
	i.awaitCalleesLocked(i.c.cfg.FlushTimeout)
	spans, bytes := len(i.spans), i.bytes
	i.endLocked()
	out := Outcome{i.kept, i.reason}
	w := i.wait
	i.mu.Unlock()
	if w == nil {
		return out
	}
	if !w.wait(i.c.cfg.FlushTimeout - time.Since(start)) {
		i.c.stats.timedOut.Add(1)
		for _, p := range i.c.pipelines {
			p.gaveUp(start)
		}
	}
	i.c.logFlush(spans, bytes, time.Since(start))
	return out
}

// endLocked decides and hands over.
func (i *Invocation) endLocked() {
	i.ended = true
	i.c.open.Add(-1)
	i.c.undecided.Add(-int64(i.bytes))
	reason := "" // to be told on the root; the sampler has told its own
	if !i.kept {
		reason = i.reasonToKeepLocked()
		i.kept, i.reason = reason != "", reason
	}
	if !i.kept {
		i.spans = nil
		return
	}
	for _, f := range i.spans {
		if f.isLocalRoot() {
			i.c.describeRoot(f, reason, i.lost)
		}
	}
	if i.lost > 0 && i.ancestry == nil {
		i.adoptLocked()
	}
	i.handOverLocked()
}

// loseLocked counts a span that there was no room for.
func (i *Invocation) loseLocked(f *finishedSpan) {
	i.lost++
	i.c.stats.dropped.Add(1)
	if i.ancestry != nil {
		i.ancestry.dropped[f.ReadOnlySpan.SpanContext().SpanID()] = struct{}{}
	}
}

// adoptLocked hangs the spans whose parents are not among the held ones on their local root: outer spans end last, so
// these are the ones there was no room for.
func (i *Invocation) adoptLocked() {
	held := make(map[trace.SpanID]struct{}, len(i.spans))
	roots := make(map[trace.TraceID]trace.SpanID, 1)
	for _, f := range i.spans {
		sc := f.ReadOnlySpan.SpanContext()
		held[sc.SpanID()] = struct{}{}
		if f.isLocalRoot() {
			roots[sc.TraceID()] = sc.SpanID()
		}
	}
	for _, f := range i.spans {
		p := f.ReadOnlySpan.Parent()
		if _, ok := held[p.SpanID()]; !ok && !f.isLocalRoot() {
			f.reparent = roots[p.TraceID()]
		}
	}
}

// reasonToKeepLocked says why an invocation that the sampler left open is kept; "" means it is not.
func (i *Invocation) reasonToKeepLocked() string {
	if i.failed {
		return sampling.ReasonError
	}
	if slower := i.c.cfg.KeepSlowerThan; slower > 0 {
		for _, f := range i.spans {
			if f.isLocalRoot() && f.duration() >= slower {
				return sampling.ReasonSlow
			}
		}
	}
	if i.callees.kept {
		return sampling.ReasonDownstream
	}
	return ""
}

// handOverLocked gives the finished spans that pass the filter to the pipelines.
func (i *Invocation) handOverLocked() {
	if !i.ended {
		i.c.undecided.Add(-int64(i.bytes))
	}
	spans := i.spans
	i.spans, i.bytes = nil, 0
	if i.ancestry != nil {
		spans, i.spans = i.ancestry.filter(spans, i.ended)
		for _, f := range i.spans {
			i.bytes += f.size
		}
		if !i.ended {
			i.c.undecided.Add(int64(i.bytes))
		}
	}
	if len(spans) == 0 {
		return
	}
	if i.wait == nil && !i.implicit.IsValid() {
		i.wait = newWaiter()
	}
	i.c.submit(spans, i.wait)
}

// lateLocked handles a span that ended after the invocation: it follows the decision taken.
func (i *Invocation) lateLocked(f *finishedSpan) {
	if !i.kept {
		return
	}
	if i.ancestry != nil {
		spans, _ := i.ancestry.filter([]*finishedSpan{f}, true)
		if len(spans) == 0 {
			return
		}
	}
	i.c.submit([]*finishedSpan{f}, nil)
}
