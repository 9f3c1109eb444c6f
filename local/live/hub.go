package live

import (
	"cmp"
	"context"
	"crypto/rand"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config is what a Hub keeps. The zero value is a good one.
type Config struct {
	Traces int // most that are kept; default 50
	Spans  int // most of one trace; later ones are counted only; default 4096
	Bytes  int // most that all ended spans hold, estimated; default 64 MiB
}

func (c Config) withDefaults() Config {
	return Config{cmp.Or(c.Traces, 50), cmp.Or(c.Spans, 4096), cmp.Or(c.Bytes, 64<<20)}
}

// Hub is a span processor that keeps the newest traces for the page. It may be registered with several tracer providers
// and ends with none of them: Shutdown does nothing. All its methods may be called at any time from any goroutine, and
// none of them waits for a reader.
type Hub struct {
	cfg Config
	run string // names this hub in event ids, so that a restart is noticed

	mu      sync.Mutex
	seq     uint64
	traces  map[trace.TraceID]*traceRecord
	order   []*traceRecord // by the time their first span came
	ringSeq uint64         // of the last change of which traces there are
	bytes   int            // of ended spans
	changes list           // spans by their last change, with a mark for each reader
	open    map[*spanRecord]struct{}
	turns   []*turnRecord // by the time they began

	readers int
	changed chan struct{} // closed at the next change; nil: nobody waits
	looked  time.Time     // when open spans were looked at
}

// traceRecord is one trace of the ring.
type traceRecord struct {
	id      trace.TraceID
	spans   map[trace.SpanID]*spanRecord
	open    int
	bytes   int
	dropped int // spans that found no room
}

// spanRecord is a span as it is now. A reader's mark is one without a span.
type spanRecord struct {
	in         *traceRecord
	span       sdktrace.ReadOnlySpan // live while it is open, which its methods allow; then the final copy
	seq        uint64
	seen       int // attributes and events at the last look at an open span
	prev, next *spanRecord
}

// NewHub returns an empty hub.
func NewHub(cfg Config) *Hub {
	h := &Hub{
		cfg: cfg.withDefaults(), run: rand.Text()[:8],
		traces: map[trace.TraceID]*traceRecord{}, open: map[*spanRecord]struct{}{},
	}
	h.changes.init()
	return h
}

// OnStart keeps an open span.
func (h *Hub) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	sc := s.SpanContext()
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.traces[sc.TraceID()]
	if t == nil {
		t = h.addTraceLocked(sc.TraceID())
	}
	if t.spans[sc.SpanID()] != nil {
		return // an id given out twice
	}
	if len(t.spans) >= h.cfg.Spans {
		t.dropped++
		h.ringChangedLocked()
		return
	}
	r := &spanRecord{in: t, span: s}
	t.spans[sc.SpanID()] = r
	t.open++
	h.open[r] = struct{}{}
	h.touchLocked(r)
}

// OnEnd replaces the open span by what it has become.
func (h *Hub) OnEnd(s sdktrace.ReadOnlySpan) {
	sc, size := s.SpanContext(), sizeOf(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.traces[sc.TraceID()]
	if t == nil {
		return // forgotten meanwhile
	}
	r := t.spans[sc.SpanID()]
	if r == nil {
		return // found no room, or its trace was forgotten and has begun anew
	}
	if _, open := h.open[r]; !open {
		return
	}
	delete(h.open, r)
	t.open--
	r.span = s
	t.bytes += size
	h.bytes += size
	h.touchLocked(r)
	for h.bytes > h.cfg.Bytes && len(h.order) > 1 {
		h.forgetLocked()
	}
}

// Shutdown does nothing: other providers go on.
func (h *Hub) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing: nothing is held back.
func (h *Hub) ForceFlush(context.Context) error { return nil }

// touchLocked makes r the newest change.
func (h *Hub) touchLocked(r *spanRecord) {
	h.changes.remove(r)
	r.seq = h.nextLocked()
	h.changes.pushBack(r)
}

// nextLocked numbers a change and wakes who waits for one.
func (h *Hub) nextLocked() uint64 {
	h.seq++
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
	return h.seq
}

func (h *Hub) ringChangedLocked() { h.ringSeq = h.nextLocked() }

func (h *Hub) addTraceLocked(id trace.TraceID) *traceRecord {
	for len(h.order) >= h.cfg.Traces {
		h.forgetLocked()
	}
	t := &traceRecord{id: id, spans: map[trace.SpanID]*spanRecord{}}
	h.traces[id] = t
	h.order = append(h.order, t)
	h.ringChangedLocked()
	return t
}

// forgetLocked forgets the oldest trace that is done, or else the oldest.
func (h *Hub) forgetLocked() {
	oldest := 0
	for i, t := range h.order[:len(h.order)-1] { // not the newest, whose first span may just have ended
		if t.open == 0 {
			oldest = i
			break
		}
	}
	t := h.order[oldest]
	h.order = append(h.order[:oldest:oldest], h.order[oldest+1:]...)
	delete(h.traces, t.id)
	for _, r := range t.spans {
		h.changes.remove(r)
		delete(h.open, r)
	}
	h.bytes -= t.bytes
	h.ringChangedLocked()
}

// Stats is what a hub holds.
type Stats struct {
	Traces, Spans, Open int
	Bytes               int // of ended spans, estimated
	Readers             int // of the stream
}

// Stats returns what the hub holds now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Traces: len(h.traces), Open: len(h.open), Bytes: h.bytes, Readers: h.readers}
	for _, t := range h.order {
		s.Spans += len(t.spans)
	}
	return s
}

// bareSpan is about what a span takes without attributes.
const bareSpan = 512

// sizeOf estimates the bytes that s holds: texts are what makes spans large.
func sizeOf(s sdktrace.ReadOnlySpan) int {
	n := bareSpan + sizeOfAttributes(s.Attributes())
	for _, e := range s.Events() {
		n += bareSpan/4 + sizeOfAttributes(e.Attributes)
	}
	return n
}

func sizeOfAttributes(attrs []attribute.KeyValue) (n int) {
	for i := range attrs {
		n += 64
		switch v := attrs[i].Value; v.Type() {
		case attribute.STRING:
			n += len(v.AsString())
		case attribute.STRINGSLICE:
			for _, s := range v.AsStringSlice() {
				n += 16 + len(s)
			}
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		default:
			n += len(v.String())
		}
	}
	return n
}
