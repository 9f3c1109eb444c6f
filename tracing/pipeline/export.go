package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export"
)

// job is a batch and when its export starts.
type job struct {
	batch []*chunk
	start time.Time
}

// work exports until shutdown.
func (p *pipeline) work(j job) {
	for {
		p.export(j.batch, j.start)
		select {
		case j = <-p.jobs:
		case <-p.ctx.Done():
			return
		}
	}
}

// export sends one batch. Its context is detached from every request and carries no span, so neither a cancelled
// client nor the exporter's own instrumentation can spoil it.
func (p *pipeline) export(batch []*chunk, start time.Time) {
	spans := batch[0].spans
	if len(batch) > 1 {
		n := 0
		for _, c := range batch {
			n += len(c.spans)
		}
		spans = make([]sdktrace.ReadOnlySpan, 0, n)
		for _, c := range batch {
			spans = append(spans, c.spans...)
		}
	}
	err := p.exportSpans(spans)
	p.finish(batch, export.Unsent(err, spans), err, start)
}

func (p *pipeline) exportSpans(spans []sdktrace.ReadOnlySpan) (err error) {
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.ExportTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil { // an exporter's fault must not take the process down
			err = fmt.Errorf("exporter panicked: %T", v)
		}
	}()
	return p.exporter.ExportSpans(ctx, spans)
}

// finish settles a batch of which unsent is still with us: delivered, refused for good, or back to the queue.
func (p *pipeline) finish(batch []*chunk, unsent []sdktrace.ReadOnlySpan, err error, start time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.running, start.Equal)
	p.running = slices.Delete(p.running, i, i+1)
	now := time.Now()
	switch fault := export.Classify(err); {
	case err == nil || fault == export.Partial:
		if e, ok := errors.AsType[*export.Error](err); ok {
			p.stats.exported.Add(-e.Rejected)
			p.stats.dropped.Add(e.Rejected)
			p.logLocked("trace backend refused a part of the spans", err)
		}
		p.deliveredLocked(batch, now.Sub(start), now)
	case fault == export.PermanentFault:
		p.refusedLocked(batch, err, now)
	default:
		p.failedLocked(batch, unsent, err, now)
	}
	p.dispatchLocked(now)
}

func (p *pipeline) deliveredLocked(batch []*chunk, took time.Duration, now time.Time) {
	if took >= p.cfg.FlushTimeout {
		p.brk.slow(now) // delivered, but too slow to wait for
	} else {
		if p.brk.success(now) {
			p.notBefore = time.Time{} // pauses of the outage
			p.lastLog = time.Time{}
			p.logLocked("trace backend answers again", nil)
		}
		if p.roundTrip == 0 {
			p.roundTrip = took
		}
		p.roundTrip += (took - p.roundTrip) / 4
	}
	for _, c := range batch {
		p.stats.exported.Add(int64(len(c.spans)))
		p.leaveLocked(c)
	}
}

// refusedLocked handles a batch that the backend will never take: it is split until the span that spoils it is
// alone; that one is dropped, the others arrive.
func (p *pipeline) refusedLocked(batch []*chunk, err error, now time.Time) {
	var again []*chunk
	for _, c := range batch {
		switch {
		case len(batch) > 1:
			c.alone = true
			again = append(again, c)
		case len(c.spans) > 1:
			half := len(c.spans) / 2
			rest := &chunk{spans: c.spans[half:], bytes: c.bytes / 2, wait: c.wait, alone: true, era: c.era}
			p.eras[c.era]++
			c.spans, c.bytes, c.alone = c.spans[:half:half], c.bytes-rest.bytes, true
			c.wait.add()
			again = append(again, c, rest)
		default:
			p.stats.dropped.Add(int64(len(c.spans)))
			p.leaveLocked(c)
			p.logLocked("trace backend refused a span for good", err)
		}
	}
	p.queue = append(again, p.queue...)
	if p.brk.refused(now) {
		p.releaseLocked()
	}
}

func (p *pipeline) failedLocked(batch []*chunk, unsent []sdktrace.ReadOnlySpan, err error, now time.Time) {
	p.stats.retried.Add(int64(len(unsent)))
	p.queue = append(p.remainderLocked(batch, unsent), p.queue...)
	if p.closed {
		p.dropAllLocked()
		return
	}
	p.trimLocked()
	asked := min(export.RetryAfter(err), longestPause)
	if p.brk.failure(now) || asked >= p.cfg.FlushTimeout && p.brk.trip(now, now) {
		p.releaseLocked()
	}
	p.notBefore = later(p.notBefore, now.Add(max(p.brk.pause(), asked)))
	p.logLocked("exporting spans failed, they are kept and sent again", err)
}

// remainderLocked takes out of a batch what the backend accepted before the export failed.
func (p *pipeline) remainderLocked(batch []*chunk, unsent []sdktrace.ReadOnlySpan) []*chunk {
	total := 0
	for _, c := range batch {
		total += len(c.spans)
	}
	if len(unsent) == total {
		return batch
	}
	left := make(map[sdktrace.ReadOnlySpan]struct{}, len(unsent))
	for _, s := range unsent {
		left[s] = struct{}{}
	}
	return slices.DeleteFunc(batch, func(c *chunk) bool {
		before := len(c.spans)
		c.spans = slices.DeleteFunc(slices.Clone(c.spans), func(s sdktrace.ReadOnlySpan) bool {
			_, ok := left[s]
			return !ok
		})
		p.spans -= before - len(c.spans)
		p.stats.exported.Add(int64(before - len(c.spans)))
		if len(c.spans) > 0 {
			return false
		}
		p.leaveLocked(c)
		return true
	})
}

// gaveUp is told when a wait timed out that began at since. With not one delivery in that time, and something to
// deliver, the backend counts as dead: the next callers do not wait.
func (p *pipeline) gaveUp(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if idle := len(p.queue) == 0 && len(p.running) == 0; !idle && p.brk.trip(since, time.Now()) {
		p.releaseLocked()
	}
}

// releaseLocked ends all waits for queued chunks: nobody waits for a dead backend.
func (p *pipeline) releaseLocked() {
	for _, c := range p.queue {
		c.settle()
	}
}
