package pipeline

import (
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export"
)

// limitMemory is how long the size that a backend found too large is heeded beforehand.
const limitMemory = 10 * time.Minute

// refusedLocked handles a batch that the backend will never take as it is: it is halved until the span that spoils it is
// alone, or until the requests are small enough. A span refused alone is dropped, one too large alone is cut first.
func (p *pipeline) refusedLocked(batch []*chunk, fault export.Fault, err error, now time.Time) {
	if len(batch) == 0 {
		return
	}
	spans, bytes := sizeOf(batch)
	if fault == export.Oversized && spans > 1 {
		p.sizeLimit, p.limitedAt = max(1, bytes/2), now
	}
	switch {
	case spans > 1:
		p.stats.retried.Add(int64(spans))
		p.againLocked(p.halveLocked(batch), false)
	case fault == export.Oversized && p.cutLocked(batch[0]):
		p.logLocked("trace backend refused a span for its size, it is cut and sent again", err)
		p.groupLocked(batch)
		p.againLocked(batch, false)
	default:
		c := batch[0]
		p.stats.dropped.Add(int64(len(c.spans)))
		p.leaveLocked(c)
		p.logLocked("trace backend refused a span for good", err)
	}
	if fault == export.Oversized && spans > 1 {
		p.brk.answered(now)
	} else if p.brk.refused(now) {
		p.openedLocked()
	}
}

// cutLocked halves the texts of a chunk's only span and reports whether there was something to cut.
func (p *pipeline) cutLocked(c *chunk) bool {
	smaller, ok := export.Cut(c.spans[0], c.bytes/2)
	if !ok {
		return false
	}
	size := min(export.Size(smaller), c.bytes/2)
	p.bytes -= c.bytes - size
	c.bytes, c.spans = size, []sdktrace.ReadOnlySpan{smaller}
	return true
}
