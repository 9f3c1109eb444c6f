package console

import (
	"bytes"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/codes"
)

// maxAnswerLines is how much of an answer is shown.
const maxAnswerLines = 12

// writeEpilogue writes what stands below the tree: why it failed, who answered instead of the model that was asked, and, where
// content is recorded, the answer. Each is said once, whole, on as many lines as it takes.
func (w *waterfall) writeEpilogue(b *bytes.Buffer) {
	if c := w.cause; c != nil {
		w.writeWrapped(b, styleRed, "! "+plainText(c.span.Name())+": "+c.facts.problem(c.span), 0)
	}
	var said []string
	for _, r := range w.rows {
		if m := r.facts.mismatch; m != "" && !slices.Contains(said, m) {
			said = append(said, m)
			w.writeWrapped(b, styleYellow, m, 0)
		}
	}
	for _, r := range w.rows {
		if r.facts.answer != "" {
			w.writeWrapped(b, styleNone, "answer: "+r.facts.answer, maxAnswerLines)
			break // the first is the caller's
		}
	}
}

// findCause returns the deepest failing row that says why: what lies above it failed because of it. A failed request that
// was made again with success is no cause.
func findCause(rows []waterfallRow) *waterfallRow {
	var cause *waterfallRow
	var causeSays bool
	for i := range rows {
		r := &rows[i]
		recovered := r.transport && i > 0 && !parentFailed(rows, i)
		if r.span.Status().Code != codes.Error || r.facts.problem(r.span) == "" || recovered {
			continue
		}
		says := plainText(r.span.Status().Description) != "" // more than a number
		if cause == nil || says && !causeSays || says == causeSays && r.depth >= cause.depth {
			cause, causeSays = r, says
		}
	}
	return cause
}

func parentFailed(rows []waterfallRow, i int) bool {
	for j := i - 1; j >= 0; j-- {
		if rows[j].depth < rows[i].depth {
			return rows[j].span.Status().Code == codes.Error
		}
	}
	return true
}

// writeWrapped writes text on lines of the width, broken between words where that is possible; most of them, 0 for all.
func (w *waterfall) writeWrapped(b *bytes.Buffer, color, text string, most int) {
	const indent = "  "
	lines := wrap(text, w.width, w.width-len(indent))
	if most > 0 && len(lines) > most {
		lines[most-1] = cutText(lines[most-1]+" "+lines[most], w.width-len(indent), w.style.ellipsis)
		lines = lines[:most]
	}
	for i, line := range lines {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(w.style.paint(color, line))
		b.WriteByte('\n')
	}
}

// wrap breaks text into lines of first and then rest columns.
func wrap(text string, first, rest int) (lines []string) {
	width, line := first, ""
	end := func() {
		lines, line, width = append(lines, line), "", rest
	}
	for word := range strings.FieldsSeq(text) {
		if line != "" && textWidth(line)+1+textWidth(word) > width {
			end()
		}
		if line != "" {
			line += " "
		}
		for line += word; textWidth(line) > width; {
			head := cutText(line, width, "")
			tail := line[len(head):]
			line = head
			end()
			line = tail
		}
	}
	if line != "" {
		end()
	}
	return lines
}
