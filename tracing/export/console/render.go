package console

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/semconv"
)

// maxRows keeps a runaway trace from flooding the terminal.
const maxRows = 300

// waterfall is one trace laid out for a terminal.
type waterfall struct {
	cfg      Config
	style    style
	rows     []waterfallRow
	start    time.Time
	total    time.Duration
	services []string
	nameW    int
	barW     int
	factsW   int
}

type waterfallRow struct {
	span   sdktrace.ReadOnlySpan
	prefix string // the branches of the tree
	name   string
	facts  spanFacts
}

const durationW = 7

// renderTrace returns the picture of a trace: a heading, a line a span, a link. Spans whose parent is not
// among them stand at the left margin; of spans with one id the last counts.
func renderTrace(id trace.TraceID, spans []sdktrace.ReadOnlySpan, cfg Config) []byte {
	w := &waterfall{cfg: cfg, style: newStyle(cfg.Color)}
	w.layTree(spans)
	w.layColumns()

	var b bytes.Buffer
	w.writeHeading(&b, id)
	for i, row := range w.rows {
		if i == maxRows {
			fmt.Fprintf(&b, "  %s %d more spans\n", w.style.ellipsis, len(w.rows)-i)
			break
		}
		w.writeRow(&b, row)
	}
	if cfg.Link != nil {
		if link := cfg.Link(id.String()); link != "" {
			fmt.Fprintf(&b, "%s %s\n", w.style.arrow, link)
		}
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// layTree orders the spans into rows and finds the services and the time they take.
func (w *waterfall) layTree(spans []sdktrace.ReadOnlySpan) {
	byID := make(map[trace.SpanID]sdktrace.ReadOnlySpan, len(spans))
	var order []trace.SpanID
	var end time.Time
	for _, s := range spans {
		id := s.SpanContext().SpanID()
		if _, twice := byID[id]; !twice {
			order = append(order, id)
		}
		byID[id] = s
		if w.start.IsZero() || s.StartTime().Before(w.start) {
			w.start = s.StartTime()
		}
		if s.EndTime().After(end) {
			end = s.EndTime()
		}
	}
	w.total = max(0, end.Sub(w.start))
	slices.SortStableFunc(order, func(a, b trace.SpanID) int {
		return byID[a].StartTime().Compare(byID[b].StartTime())
	})

	children := map[trace.SpanID][]trace.SpanID{}
	var roots []trace.SpanID
	for _, id := range order {
		parent := byID[id].Parent().SpanID()
		if _, known := byID[parent]; known && parent != id {
			children[parent] = append(children[parent], id)
		} else {
			roots = append(roots, id)
		}
	}

	seen := make(map[trace.SpanID]bool, len(order))
	var walk func(id trace.SpanID, head, below, callerService string)
	walk = func(id trace.SpanID, head, below, callerService string) {
		if seen[id] {
			return
		}
		seen[id] = true
		s := byID[id]
		service := serviceOf(s)
		if !slices.Contains(w.services, service) {
			w.services = append(w.services, service)
		}
		name := plainText(s.Name())
		if service != callerService {
			name = service + ": " + name // taken off again when it is the only one
		}
		w.rows = append(w.rows, waterfallRow{span: s, prefix: head, name: name, facts: readFacts(s)})
		kids := children[id]
		for i, kid := range kids {
			if i < len(kids)-1 {
				walk(kid, below+w.style.branch, below+w.style.pipe, service)
			} else {
				walk(kid, below+w.style.last, below+"  ", service)
			}
		}
	}
	for _, id := range roots {
		walk(id, "", "", "")
	}
	for _, id := range order { // parents in a ring: broken, but not to be lost
		walk(id, "", "", "")
	}
	if len(w.services) == 1 {
		for i := range w.rows {
			w.rows[i].name = plainText(w.rows[i].span.Name())
		}
	}
}

func serviceOf(s sdktrace.ReadOnlySpan) string {
	if r := s.Resource(); r != nil {
		if v, ok := r.Set().Value(semconv.KeyServiceName); ok {
			return plainText(v.AsString())
		}
	}
	return "unknown"
}

// layColumns shares the width out: name, bar, duration, facts.
func (w *waterfall) layColumns() {
	longest, deepest := 0, 0
	for _, r := range w.rows {
		longest = max(longest, textWidth(r.prefix)+textWidth(r.name))
		deepest = max(deepest, textWidth(r.prefix))
	}
	w.nameW = min(max(longest, 16), w.cfg.Width*42/100)
	if deepest > w.nameW/2 {
		for i := range w.rows {
			w.rows[i].prefix = narrow(w.rows[i].prefix)
		}
	}
	w.barW = min(w.cfg.Width/5, 40)
	w.factsW = w.cfg.Width - w.nameW - 1 - w.barW - 1 - durationW - 2
}

// narrow draws the branches of a deep tree in one column a level instead of two: a cut tree would show children as
// their parents' equals.
func narrow(prefix string) string {
	var b strings.Builder
	for i, r := range []rune(prefix) {
		if i%2 == 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (w *waterfall) writeHeading(b *bytes.Buffer, id trace.TraceID) {
	failed := 0
	var root *waterfallRow
	for i := range w.rows {
		r := &w.rows[i]
		if r.span.Status().Code == codes.Error {
			failed++
		}
		if root == nil && export.LocalRoot(r.span) {
			root = r
		}
	}
	parts := []string{"trace " + id.String(), formatDuration(w.total), plural(len(w.rows), "span")}
	if failed > 0 {
		parts = append(parts, w.style.paint(styleRed, plural(failed, "error")))
	}
	if len(w.services) > 1 {
		parts = append(parts, plural(len(w.services), "service"))
	}
	switch {
	case root == nil:
		parts = append(parts, "incomplete")
	case root.facts.samplingReason != "":
		kept := "kept: " + root.facts.samplingReason
		if root.facts.samplingRatio != "" {
			kept += " at " + root.facts.samplingRatio
		}
		parts = append(parts, kept)
	}
	parts[0] = w.style.paint(styleBold, parts[0])
	b.WriteString(strings.Join(parts, w.style.separator))
	b.WriteByte('\n')
}

func (w *waterfall) writeRow(b *bytes.Buffer, r waterfallRow) {
	failed := r.span.Status().Code == codes.Error
	prefix := cutText(r.prefix, w.nameW/2, "")
	name := cutText(r.name, w.nameW-textWidth(prefix), w.style.ellipsis)
	pad := strings.Repeat(" ", w.nameW-textWidth(prefix)-textWidth(name))
	nameColor := styleNone
	switch {
	case failed:
		nameColor = styleRed
	case export.LocalRoot(r.span):
		nameColor = styleBold
	}
	facts := cutText(r.facts.text(r.span, w.style), w.factsW, w.style.ellipsis)
	factsColor := styleDim
	if failed {
		factsColor = styleRed
	}
	var line strings.Builder
	line.WriteString(w.style.paint(styleDim, prefix))
	line.WriteString(w.style.paint(nameColor, name))
	line.WriteString(pad)
	line.WriteByte(' ')
	line.WriteString(w.bar(r, failed))
	fmt.Fprintf(&line, " %*s", durationW, formatDuration(r.span.EndTime().Sub(r.span.StartTime())))
	if facts != "" {
		line.WriteString("  ")
		line.WriteString(w.style.paint(factsColor, facts))
	}
	b.WriteString(line.String())
	b.WriteByte('\n')
}

// bar draws the span's part of the trace's time: at least one cell, never outside.
func (w *waterfall) bar(r waterfallRow, failed bool) string {
	from, to := 0, w.barW
	if w.total > 0 {
		cell := func(t time.Time) float64 {
			return float64(t.Sub(w.start)) / float64(w.total) * float64(w.barW)
		}
		from = int(cell(r.span.StartTime()))
		to = int(cell(r.span.EndTime()) + 0.5)
	}
	from = min(max(0, from), w.barW-1)
	to = min(max(to, from+1), w.barW)
	fill, color := w.style.fill, r.facts.color(r.span)
	if failed {
		fill, color = w.style.fillError, styleRed
	}
	return strings.Repeat(
		" ",
		from,
	) + w.style.paint(
		color,
		strings.Repeat(fill, to-from),
	) + strings.Repeat(
		" ",
		w.barW-to,
	)
}

// formatDuration takes at most durationW columns.
func formatDuration(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 0:
		return "0ms"
	case ms < 9.995:
		return fmt.Sprintf("%.2fms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0fms", ms)
	case d < 59995*time.Millisecond:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < 100*time.Hour:
		d = d.Round(time.Second)
		if d >= time.Hour {
			return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
		}
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return ">100h"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
