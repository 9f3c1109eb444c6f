package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	batchSpans = 256                   // of one event
	gather     = 40 * time.Millisecond // between two looks: changes that come together travel together
	look       = 150 * time.Millisecond
	lookSpans  = 512 // open spans that are looked at for new events
	heartbeat  = 15 * time.Second
	maxReaders = 64
)

// reader is one connection that reads the stream.
type reader struct {
	h     *Hub
	mark  spanRecord
	seen  uint64 // every change up to here is behind the reader
	out   http.ResponseWriter
	conn  *http.ResponseController
	stall time.Duration // longest wait for a reader that takes nothing
}

// event is one event of the stream; the last of a round has the id to come back with.
type event struct {
	name string
	data any
}

// ringState is the data of the event ring.
type ringState struct {
	Traces []ringTrace `json:"traces"`
}

type ringTrace struct {
	ID      string `json:"id"`
	Dropped int    `json:"dropped,omitempty"` // spans that found no room
}

// events streams what happens until the client or the server goes.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	rd := &reader{h: s.hub, out: w, conn: http.NewResponseController(w), stall: s.stall}
	seen, resumed := s.hub.position(r.Header.Get("Last-Event-ID"))
	if !s.hub.enter(rd, seen) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(rd)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	first := []event{}
	if !resumed {
		first = append(first, event{"hello", s.hello()})
	}
	if err := rd.send(first, ""); err != nil {
		return
	}
	rd.run(r.Context(), s.stopped)
}

// run sends rounds of changes until one of the two is done or the connection takes no more.
func (rd *reader) run(ctx context.Context, stopped <-chan struct{}) {
	idle := time.Now()
	for {
		events, id, changed := rd.h.round(rd)
		if len(events) > 0 {
			if rd.send(events, id) != nil {
				return
			}
			idle = time.Now()
		} else if time.Since(idle) > heartbeat {
			if rd.write(": still here\n\n") != nil {
				return
			}
			idle = time.Now()
		}
		wait := time.NewTimer(look)
		select {
		case <-changed:
		case <-wait.C:
		case <-ctx.Done():
		case <-stopped:
		}
		wait.Stop()
		if ctx.Err() != nil || isDone(stopped) {
			return
		}
		rd.h.lookAtOpen()
		time.Sleep(gather)
	}
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// send writes events; the last one carries the id.
func (rd *reader) send(events []event, id string) error {
	var b strings.Builder
	for i, e := range events {
		data, err := json.Marshal(e.data)
		if err != nil {
			return err
		}
		if i == len(events)-1 && id != "" {
			fmt.Fprintf(&b, "id: %s\n", id)
		}
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", e.name, data)
	}
	return rd.write(b.String())
}

// write sends a text, and gives up on a connection that does not take it in time: its client comes back and says what
// it saw last.
func (rd *reader) write(text string) error {
	_ = rd.conn.SetWriteDeadline(time.Now().Add(rd.stall)) // without one, a test's recorder takes it at once
	if _, err := rd.out.Write([]byte(text)); err != nil {
		return err
	}
	return rd.conn.Flush()
}

// position reads a Last-Event-ID. An id of another run, or none, is the beginning.
func (h *Hub) position(lastEventID string) (seq uint64, resumed bool) {
	run, number, ok := strings.Cut(lastEventID, "-")
	seq, err := strconv.ParseUint(number, 10, 64)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ok || err != nil || run != h.run || seq > h.seq {
		return 0, false
	}
	return seq, true
}

// enter places a reader behind the changes up to seen; false: there are too many readers.
func (h *Hub) enter(rd *reader, seen uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.readers >= maxReaders {
		return false
	}
	h.readers++
	rd.seen = seen
	h.changes.markAfter(&rd.mark, seen)
	return true
}

func (h *Hub) leave(rd *reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers--
	h.changes.remove(&rd.mark)
}

// round returns what has changed for a reader, up to batchSpans spans of it, the id to resume behind it, and a channel
// that is closed when there is more. The work under the lock is bounded by a batch, however far behind the reader is.
func (h *Hub) round(rd *reader) (events []event, id string, changed <-chan struct{}) {
	h.mu.Lock()
	from := rd.seen
	if h.ringSeq > from {
		ring := ringState{Traces: make([]ringTrace, 0, len(h.order))}
		for _, t := range h.order {
			ring.Traces = append(ring.Traces, ringTrace{t.id.String(), t.dropped})
		}
		events = append(events, event{"ring", ring})
	}
	var turns []Turn
	for _, t := range h.turns {
		if t.seq > from {
			turns = append(turns, t.Turn)
		}
	}
	records := h.changes.take(&rd.mark, batchSpans)
	spans := make([]sdktrace.ReadOnlySpan, len(records))
	for i, r := range records {
		spans[i] = r.span
	}
	if len(records) == batchSpans {
		rd.seen = records[len(records)-1].seq // there may be more
		more := make(chan struct{})
		close(more)
		changed = more
	} else {
		rd.seen = h.seq
		if h.changed == nil {
			h.changed = make(chan struct{})
		}
		changed = h.changed
	}
	id = fmt.Sprintf("%s-%d", h.run, rd.seen)
	h.mu.Unlock()

	if len(turns) > 0 {
		events = append(events, event{"turns", turns})
	}
	if len(spans) > 0 {
		events = append(events, event{"spans", toOTLP(spans)})
	}
	return events, id, changed
}

// lookAtOpen finds open spans that got attributes or events since the last look: the SDK tells of neither.
func (h *Hub) lookAtOpen() {
	h.mu.Lock()
	if time.Since(h.looked) < look/2 { // by another reader
		h.mu.Unlock()
		return
	}
	h.looked = time.Now()
	records := make([]*spanRecord, 0, min(len(h.open), lookSpans))
	spans := make([]sdktrace.ReadOnlySpan, 0, cap(records))
	for r := range h.open {
		if len(records) == lookSpans {
			break
		}
		records, spans = append(records, r), append(spans, r.span)
	}
	h.mu.Unlock()
	counts := make([]int, len(spans)) // counted without the lock: each has to take the span's own
	for i, s := range spans {
		counts[i] = len(s.Attributes()) + len(s.Events()) + 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, r := range records {
		if _, open := h.open[r]; open && r.seen != counts[i] {
			r.seen = counts[i]
			h.touchLocked(r)
		}
	}
}
