package pipeline

import (
	"time"

	"go.opentelemetry.io/otel/trace"
)

// ancestry is the memory of the minimum duration filter for one invocation: who is whose parent, so that dropping
// a short span never makes an orphan. It is guarded by the invocation's lock and exists only while the filter is on.
//
// A short span is dropped unless it is a local root, an error, or the ancestor of a span that is kept, has left
// already or still runs. A span that starts below a dropped one later hangs on the nearest ancestor that was kept.
type ancestry struct {
	min     time.Duration
	parents map[trace.SpanID]trace.SpanID // of every span of the invocation
	running map[trace.SpanID]struct{}
	needed  map[trace.SpanID]struct{} // spans that left or were promised, and all their ancestors
	dropped map[trace.SpanID]struct{}
}

func newAncestry(minimum time.Duration) *ancestry {
	return &ancestry{
		min:     minimum,
		parents: make(map[trace.SpanID]trace.SpanID),
		running: make(map[trace.SpanID]struct{}),
		needed:  make(map[trace.SpanID]struct{}),
		dropped: make(map[trace.SpanID]struct{}),
	}
}

func (a *ancestry) started(id, parent trace.SpanID) {
	a.parents[id] = parent
	a.running[id] = struct{}{}
}

func (a *ancestry) finished(id trace.SpanID) { delete(a.running, id) }

// filter parts spans into those that leave now and those that stay for a later decision. With final set nothing
// stays: short spans that nobody needs are dropped.
func (a *ancestry) filter(spans []*finishedSpan, final bool) (leave, stay []*finishedSpan) {
	for _, f := range spans {
		if f.failed || f.isLocalRoot() || f.duration() >= a.min {
			a.need(f.ReadOnlySpan.SpanContext().SpanID())
		}
	}
	for id := range a.running {
		a.need(a.parents[id])
	}
	for _, f := range spans {
		id := f.ReadOnlySpan.SpanContext().SpanID()
		switch _, needed := a.needed[id]; {
		case needed:
			f.reparent = a.keptParent(f.ReadOnlySpan.Parent().SpanID())
			leave = append(leave, f)
		case final:
			a.dropped[id] = struct{}{}
		default:
			stay = append(stay, f)
		}
	}
	return leave, stay
}

// need marks a span and its ancestors. Dropped ones are gone and stay so.
func (a *ancestry) need(id trace.SpanID) {
	for id.IsValid() {
		if _, known := a.needed[id]; known {
			return
		}
		a.needed[id] = struct{}{}
		id = a.parents[id]
	}
}

// keptParent returns the nearest ancestor to hang a span on when its parent was dropped, else the invalid id.
func (a *ancestry) keptParent(id trace.SpanID) trace.SpanID {
	if _, gone := a.dropped[id]; !gone {
		return trace.SpanID{}
	}
	for {
		if _, gone := a.dropped[id]; !gone {
			return id
		}
		id = a.parents[id]
	}
}
