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

// renewer is an exporter that can make a fresh connection for its next exports. Those under way go on on the old one.
type renewer interface{ Renew() }

// work exports until shutdown.
func (p *pipeline) work(r *run) {
	for {
		p.export(r)
		select {
		case r = <-p.jobs:
		case <-p.ctx.Done():
			return
		}
	}
}

// export sends one batch. Its context is detached from every request and carries no span, so neither a cancelled
// client nor the exporter's own instrumentation can spoil it.
func (p *pipeline) export(r *run) {
	spans := r.batch[0].spans
	if len(r.batch) > 1 {
		n, _ := sizeOf(r.batch)
		spans = make([]sdktrace.ReadOnlySpan, 0, n)
		for _, c := range r.batch {
			spans = append(spans, c.spans...)
		}
	}
	err := p.exportSpans(spans, r.renew)
	p.finish(r, export.Unsent(err, spans), err)
}

func (p *pipeline) exportSpans(spans []sdktrace.ReadOnlySpan, renew bool) (err error) {
	// The exporter has a timeout of its own; this one is for those that have none.
	ctx, cancel := context.WithTimeout(p.ctx, p.cfg.ExportTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil { // an exporter's fault must not take the process down
			err = fmt.Errorf("exporter panicked: %T", v)
		}
	}()
	if x, ok := p.exporter.(renewer); ok && renew {
		x.Renew()
	}
	return p.exporter.ExportSpans(ctx, spans)
}

// finish settles a batch of which unsent is still with us: delivered, refused for good, or back to a queue.
func (p *pipeline) finish(r *run, unsent []sdktrace.ReadOnlySpan, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.running, r)
	if i < 0 {
		return // given up at shutdown
	}
	p.running = slices.Delete(p.running, i, i+1)
	if p.idle != nil && len(p.running) == 0 {
		close(p.idle)
		p.idle = nil
	}
	now := time.Now()
	fault := export.Classify(err)
	if e, ok := errors.AsType[*export.Error](err); ok && e.Rejected > 0 {
		p.stats.exported.Add(-e.Rejected)
		p.stats.dropped.Add(e.Rejected)
	}
	if fault != export.Retryable {
		p.lastAnswer = now
	}
	switch fault {
	case export.None, export.PartlyRefused:
		if err != nil {
			p.logLocked("trace backend refused a part of the spans", err)
		}
		p.deliveredLocked(r, now.Sub(r.start), now)
	case export.Refused, export.Oversized:
		p.refusedLocked(p.remainderLocked(r.batch, unsent), fault, err, now)
	default:
		p.failedLocked(p.remainderLocked(r.batch, unsent), err, now)
	}
	p.dispatchLocked(now)
}

func (p *pipeline) deliveredLocked(r *run, took time.Duration, now time.Time) {
	if took >= p.cfg.FlushTimeout {
		p.brk.slow(now) // delivered, but too slow to wait for
	} else {
		if p.brk.success(now) {
			p.notBefore = time.Time{} // pauses of the outage
			p.lastLog = time.Time{}
			p.logLocked("trace backend answers again", nil)
		}
		if !r.backlog { // whose requests are larger
			if p.roundTrip == 0 {
				p.roundTrip = took
			}
			p.roundTrip += (took - p.roundTrip) / 4
		}
	}
	for _, c := range r.batch {
		p.stats.exported.Add(int64(len(c.spans)))
		p.leaveLocked(c)
	}
}

// againLocked puts a group back: to the front while somebody may wait for it, else into the backlog.
func (p *pipeline) againLocked(group []*chunk, last bool) {
	waited := slices.ContainsFunc(group, func(c *chunk) bool { return c.wait != nil })
	switch {
	case waited && !p.brk.open && !last:
		p.fresh.front(group...)
	case last:
		p.backlog.back(group...)
	default:
		p.backlog.front(group...)
	}
}

func (p *pipeline) failedLocked(batch []*chunk, err error, now time.Time) {
	if len(batch) == 0 {
		return
	}
	spans, _ := sizeOf(batch)
	p.stats.retried.Add(int64(spans))
	p.groupLocked(batch)
	opened := p.brk.failure(now)
	asked := min(export.RetryAfter(err), longestPause)
	if asked >= p.cfg.FlushTimeout && p.brk.trip(now, now) {
		opened = true
	}
	switch {
	case p.brk.open:
		// Another one next: if these spans are what the backend chokes on, they must not be all that it is asked to take.
		p.againLocked(batch, true)
	default:
		suspect := false
		for _, c := range batch {
			c.failures++
			suspect = suspect || c.failures > suspectAfter
		}
		if suspect && spans > 1 {
			batch = p.halveLocked(batch)
		}
		p.againLocked(batch, suspect)
	}
	if opened {
		p.openedLocked()
	}
	p.trimLocked()
	p.notBefore = later(p.notBefore, now.Add(max(p.brk.pause(), asked)))
	p.logLocked("exporting spans failed, they are kept and sent again", err)
}

// suspectAfter is how often a batch may fail between deliveries of others before it is halved and sent last: one of its
// spans may be what makes the backend fail.
const suspectAfter = 4

// remainderLocked takes out of a batch what the backend accepted before the export failed.
func (p *pipeline) remainderLocked(batch []*chunk, unsent []sdktrace.ReadOnlySpan) []*chunk {
	if total, _ := sizeOf(batch); len(unsent) == total {
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
	now := time.Now()
	if idle := len(p.fresh) == 0 && len(p.backlog) == 0 && len(p.running) == 0; !idle && p.brk.trip(since, now) {
		p.openedLocked()
		p.dispatchLocked(now)
	}
}

// openedLocked ends all waits when the breaker has opened: nobody waits for a dead backend.
func (p *pipeline) openedLocked() {
	for _, q := range []queue{p.fresh, p.backlog} {
		for _, c := range q {
			c.settle()
		}
	}
	p.backlog.back(p.fresh...)
	p.fresh = nil
	p.renewDue = true
}
