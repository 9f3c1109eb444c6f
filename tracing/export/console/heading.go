package console

import (
	"bytes"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// painted is a text with its colour.
type painted struct{ text, color string }

// heading is what a trace says as a whole, the most telling first.
func (w *waterfall) heading(id trace.TraceID) []painted {
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
	parts := []painted{
		{"trace " + id.String(), styleBold}, {formatDuration(w.total), styleNone}, {plural(w.spans, "span"), styleNone},
	}
	if failed > 0 {
		parts = append(parts, painted{plural(failed, "error"), styleRed})
	}
	if len(w.services) > 1 {
		parts = append(parts, painted{plural(len(w.services), "service"), styleNone})
	}
	for _, text := range w.used() {
		parts = append(parts, painted{text, styleNone})
	}
	switch {
	case root == nil:
		parts = append(parts, painted{"incomplete", styleNone})
	case root.facts.samplingReason != "":
		kept := "kept: " + root.facts.samplingReason
		if root.facts.samplingRatio != "" {
			kept += " at " + root.facts.samplingRatio
		}
		parts = append(parts, painted{kept, styleNone})
	}
	return parts
}

// writeParts writes parts on one line, or on as many as the width asks for: the trace id stays whole, for copying.
func (w *waterfall) writeParts(b *bytes.Buffer, parts []painted) {
	const indent = "  "
	used := 0
	for i, p := range parts {
		text := cutMiddle(p.text, w.width-len(indent), w.style.ellipsis)
		switch n := textWidth(w.style.separator) + textWidth(text); {
		case i == 0:
			used = textWidth(text)
		case used+n > w.width:
			b.WriteString("\n" + indent)
			used = len(indent) + textWidth(text)
		default:
			b.WriteString(w.style.separator)
			used += n
		}
		b.WriteString(w.style.paint(p.color, text))
	}
	b.WriteByte('\n')
}
