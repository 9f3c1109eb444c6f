package console

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/semconv"
)

// tree orders spans into rows. Spans whose parent is not among them stand at the left margin; of spans with one id the
// last counts.
type tree struct {
	byID     map[trace.SpanID]sdktrace.ReadOnlySpan
	order    []trace.SpanID // by start
	facts    map[trace.SpanID]spanFacts
	children map[trace.SpanID][]trace.SpanID
	attempts map[trace.SpanID]int // requests made for a span
	roots    []trace.SpanID
	seen     map[trace.SpanID]bool
}

func newTree(spans []sdktrace.ReadOnlySpan) *tree {
	t := &tree{
		byID: make(map[trace.SpanID]sdktrace.ReadOnlySpan, len(spans)), facts: map[trace.SpanID]spanFacts{},
		children: map[trace.SpanID][]trace.SpanID{}, attempts: map[trace.SpanID]int{}, seen: map[trace.SpanID]bool{},
	}
	for _, s := range spans {
		id := s.SpanContext().SpanID()
		if _, twice := t.byID[id]; !twice {
			t.order = append(t.order, id)
		}
		t.byID[id], t.facts[id] = s, readFacts(s)
	}
	slices.SortStableFunc(t.order, func(a, b trace.SpanID) int {
		return t.byID[a].StartTime().Compare(t.byID[b].StartTime())
	})
	for _, id := range t.order {
		parent, known := t.parent(id)
		if known && t.transport(id) && t.operation(parent) {
			t.attempts[parent]++
		}
		for known && t.folds(parent) { // its own parent takes its children
			parent, known = t.parent(parent)
		}
		switch {
		case t.folds(id):
		case known:
			t.children[parent] = append(t.children[parent], id)
		default:
			t.roots = append(t.roots, id)
		}
	}
	return t
}

func (t *tree) parent(id trace.SpanID) (trace.SpanID, bool) {
	parent := t.byID[id].Parent().SpanID()
	_, known := t.byID[parent]
	return parent, known && parent != id
}

// transport reports whether a span is a request over HTTP.
func (t *tree) transport(id trace.SpanID) bool {
	return t.byID[id].SpanKind() == trace.SpanKindClient && t.facts[id].method != ""
}

// operation reports whether a span stands for something that is done by requests: a model call, a tool, another agent.
func (t *tree) operation(id trace.SpanID) bool {
	return t.facts[id].method == "" && (t.byID[id].SpanKind() == trace.SpanKindClient || t.facts[id].tool)
}

// folds reports whether a row would say no more than the one above it: a request that went well, below what it was for.
func (t *tree) folds(id trace.SpanID) bool {
	status := t.facts[id].status
	if !t.transport(id) || status < 200 || status > 299 || t.byID[id].Status().Code == codes.Error {
		return false
	}
	parent, known := t.parent(id)
	return known && t.operation(parent)
}

// rows walks through the tree and returns its rows and services in order, and the time it takes.
func (t *tree) rows(style style) (rows []waterfallRow, services []string, start time.Time, total time.Duration) {
	var walk func(id trace.SpanID, head, below, callerService string, depth int)
	walk = func(id trace.SpanID, head, below, callerService string, depth int) {
		if t.seen[id] || t.folds(id) {
			return
		}
		t.seen[id] = true
		s := t.byID[id]
		service := serviceOf(s)
		if !slices.Contains(services, service) {
			services = append(services, service)
		}
		label := ""
		if service != callerService {
			label = service + ": " // taken off again when it is the only one
		}
		facts := t.facts[id]
		facts.attempts = t.attempts[id]
		rows = append(rows, waterfallRow{
			span: s, prefix: head, service: label, name: plainText(s.Name()), facts: facts, depth: depth,
			transport: t.transport(id),
		})
		kids := t.children[id]
		for i, kid := range kids {
			if i < len(kids)-1 {
				walk(kid, below+style.branch, below+style.pipe, service, depth+1)
			} else {
				walk(kid, below+style.last, below+"  ", service, depth+1)
			}
		}
	}
	for _, id := range t.roots {
		walk(id, "", "", "", 0)
	}
	var end time.Time
	for _, id := range t.order {
		walk(id, "", "", "", 0) // parents in a ring: broken, but not to be lost
		if s := t.byID[id]; start.IsZero() || s.StartTime().Before(start) {
			start = s.StartTime()
		}
		if e := t.byID[id].EndTime(); e.After(end) {
			end = e
		}
	}
	if len(services) == 1 {
		for i := range rows {
			rows[i].service = ""
		}
	}
	return rows, services, start, max(0, end.Sub(start))
}

func serviceOf(s sdktrace.ReadOnlySpan) string {
	if r := s.Resource(); r != nil {
		if v, ok := r.Set().Value(semconv.KeyServiceName); ok {
			return plainText(v.AsString())
		}
	}
	return "unknown"
}
