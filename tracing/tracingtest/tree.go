package tracingtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TreeConfig says what Tree shows. The zero value shows everything, unstable values replaced.
type TreeConfig struct {
	Omit     []string // attribute keys left out; one that ends in '*' is a prefix
	Present  []string // further keys whose values are unstable; likewise
	NoValues bool     // only the spans' lines: name, kind, status
}

// Tree renders finished spans as text for golden files:
//
//	agent.task [INTERNAL] Ok
//	  | agent.total_steps = 1
//	  * agent.finished
//	  |   reason = "stop"
//	  llm.generate [CLIENT] Error "quota"
//	    | …
//
// Attributes are sorted. Values that differ from run to run, such as ids, durations and ports, are replaced (see
// stable). Children stand in the order of their start; those that ran at the same time, and neighbouring tool.* spans,
// which are the parallel calls of one turn, stand by name and content. A span whose parent lies in another process
// says "remote parent", unless that parent is among the spans; one whose local parent is missing says ORPHAN. When
// the spans come from several services, each span where the service changes says which.
func Tree(spans []sdktrace.ReadOnlySpan, cfg TreeConfig) string {
	t := newTree(spans, cfg)
	var b strings.Builder
	for _, n := range t.roots {
		b.WriteString(n.text)
	}
	return b.String()
}

type spanKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

func keyOf(sc trace.SpanContext) spanKey { return spanKey{sc.TraceID(), sc.SpanID()} }

// node is a span with its children in order and its whole subtree as text.
type node struct {
	span     sdktrace.ReadOnlySpan
	parent   *node
	children []*node
	text     string
}

type tree struct {
	cfg      TreeConfig
	services bool
	nodes    map[spanKey]*node
	roots    []*node
}

func newTree(spans []sdktrace.ReadOnlySpan, cfg TreeConfig) *tree {
	t := &tree{cfg: cfg, nodes: make(map[spanKey]*node)}
	names := make(map[string]bool)
	nodes := make([]*node, 0, len(spans))
	for _, s := range spans {
		n := &node{span: s}
		nodes = append(nodes, n)
		t.nodes[keyOf(s.SpanContext())] = n
		names[serviceName(s)] = true
	}
	t.services = len(names) > 1
	for _, n := range nodes {
		if n.parent = t.nodes[keyOf(n.span.Parent())]; n.parent != nil && n.parent != n {
			n.parent.children = append(n.parent.children, n)
		} else {
			t.roots = append(t.roots, n)
		}
	}
	for _, n := range t.roots {
		t.render(n, 0)
	}
	order(t.roots)
	return t
}

// render fills in the text of the subtree; it does not depend on the order the spans came in.
func (t *tree) render(n *node, depth int) {
	for _, child := range n.children {
		t.render(child, depth+1)
	}
	order(n.children)

	var b strings.Builder
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent + t.line(n) + "\n")
	if !t.cfg.NoValues {
		t.values(&b, indent+"  ", n.span)
	}
	for _, child := range n.children {
		b.WriteString(child.text)
	}
	n.text = b.String()
}

// line is the span without its values.
func (t *tree) line(n *node) string {
	s := n.span
	line := fmt.Sprintf("%s [%s] %s", stableText(s.Name()), strings.ToUpper(s.SpanKind().String()), s.Status().Code)
	if s.Status().Code == codes.Error && s.Status().Description != "" {
		line += " " + quote(stableText(s.Status().Description))
	}
	parent := s.Parent()
	switch {
	case n.parent != nil || !parent.SpanID().IsValid():
	case parent.IsRemote():
		line += " remote parent"
	default:
		line += " ORPHAN"
	}
	if t.services && (n.parent == nil || serviceName(n.parent.span) != serviceName(s)) {
		line += " service " + serviceName(s)
	}
	if !s.SpanContext().IsSampled() {
		line += " unsampled"
	}
	return line
}

func serviceName(s sdktrace.ReadOnlySpan) string {
	if r := s.Resource(); r != nil {
		if v, ok := r.Set().Value("service.name"); ok {
			return v.AsString()
		}
	}
	return ""
}

// order sorts siblings by their start, and those without an order of their own by name and text.
func order(siblings []*node) {
	slices.SortStableFunc(siblings, func(a, b *node) int {
		if c := a.span.StartTime().Compare(b.span.StartTime()); c != 0 {
			return c
		}
		return byText(a, b)
	})
	for from := 0; from < len(siblings); {
		to, end := from+1, siblings[from].span.EndTime()
		for to < len(siblings) && (siblings[to].span.StartTime().Before(end) || bothTools(siblings[to-1], siblings[to])) {
			if e := siblings[to].span.EndTime(); e.After(end) {
				end = e
			}
			to++
		}
		slices.SortStableFunc(siblings[from:to], byText)
		from = to
	}
}

func bothTools(a, b *node) bool {
	return strings.HasPrefix(a.span.Name(), "tool.") && strings.HasPrefix(b.span.Name(), "tool.")
}

func byText(a, b *node) int {
	return cmp.Or(cmp.Compare(a.span.Name(), b.span.Name()), cmp.Compare(a.text, b.text))
}
