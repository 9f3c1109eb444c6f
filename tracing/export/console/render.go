package console

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// maxRows keeps a runaway trace from flooding the terminal.
const maxRows = 300

// waterfall is one trace laid out for a terminal.
type waterfall struct {
	style    style
	width    int
	rows     []waterfallRow
	spans    int // folded ones too
	start    time.Time
	total    time.Duration
	services []string
	cause    *waterfallRow // what went wrong first; nil: nothing did
	nameW    int
	barW     int
	factsW   int
}

type waterfallRow struct {
	span      sdktrace.ReadOnlySpan
	prefix    string // the branches of the tree
	service   string // where it is another than the caller's: its name and a colon
	name      string
	facts     spanFacts
	depth     int
	transport bool // a request over HTTP: how something was done, not what
}

const durationW = 7

// renderTrace returns the picture of a trace: a heading, a line a span, what there is to say of it, a link.
func renderTrace(id trace.TraceID, spans []sdktrace.ReadOnlySpan, cfg Config) []byte {
	w := &waterfall{style: newStyle(cfg.Color, cfg.Unicode), width: cfg.columns()}
	t := newTree(spans)
	w.spans = len(t.order)
	w.rows, w.services, w.start, w.total = t.rows(w.style)
	w.cause = findCause(w.rows)
	w.layColumns()

	var b bytes.Buffer
	w.writeParts(&b, w.heading(id))
	for i, row := range w.rows {
		if i == maxRows {
			fmt.Fprintf(&b, "  %s %d more spans\n", w.style.ellipsis, len(w.rows)-i)
			break
		}
		w.writeRow(&b, row)
	}
	w.writeEpilogue(&b)
	if cfg.Link != nil {
		if link := cfg.Link(id.String()); link != "" {
			fmt.Fprintf(&b, "%s %s\n", w.style.arrow, link)
		}
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// layColumns shares the width out: name, bar, duration, facts.
func (w *waterfall) layColumns() {
	longest, deepest := 0, 0
	for _, r := range w.rows {
		longest = max(longest, textWidth(r.prefix)+textWidth(r.service)+textWidth(r.name))
		deepest = max(deepest, textWidth(r.prefix))
	}
	w.nameW = min(max(longest, 16), w.width*42/100)
	if deepest > w.nameW/2 {
		for i := range w.rows {
			w.rows[i].prefix = narrow(w.rows[i].prefix)
		}
	}
	w.barW = min(w.width*3/20, 40)
	w.factsW = w.width - w.nameW - 1 - w.barW - 1 - durationW - 2
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

func (w *waterfall) writeRow(b *bytes.Buffer, r waterfallRow) {
	failed := r.span.Status().Code == codes.Error
	prefix := cutText(r.prefix, w.nameW/2, "")
	name := r.label(w.nameW-textWidth(prefix), w.style.ellipsis)
	pad := strings.Repeat(" ", w.nameW-textWidth(prefix)-textWidth(name))
	nameColor, factsColor := styleNone, styleNone
	switch {
	case failed:
		nameColor, factsColor = styleRed, styleRed
	case r.transport:
		nameColor, factsColor = styleDim, styleDim
	case export.LocalRoot(r.span):
		nameColor = styleBold
	}
	b.WriteString(w.style.paint(styleDim, prefix))
	b.WriteString(w.style.paint(nameColor, name))
	b.WriteString(pad)
	b.WriteByte(' ')
	b.WriteString(w.bar(r, failed))
	fmt.Fprintf(b, " %*s", durationW, formatDuration(r.span.EndTime().Sub(r.span.StartTime())))
	if facts := fit(r.facts.items(r, w.style, w.cause), w.factsW, w.style.ellipsis); facts != "" {
		b.WriteString("  ")
		b.WriteString(w.style.paint(factsColor, facts))
	}
	b.WriteByte('\n')
}

// label is the name of a row, cut to width. The service stays whole while enough of the name does.
func (r waterfallRow) label(width int, mark string) string {
	const readable = 8
	if rest := width - textWidth(r.service); rest >= readable {
		return r.service + cutMiddle(r.name, rest, mark)
	}
	return cutMiddle(r.service+r.name, width, mark)
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
	fill, color := w.style.fill, r.facts.color(r)
	if failed {
		fill, color = w.style.fillError, styleRed
	}
	return strings.Repeat(" ", from) + w.style.paint(color, strings.Repeat(fill, to-from)) + strings.Repeat(" ", w.barW-to)
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
