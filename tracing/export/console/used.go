package console

import (
	"fmt"
	"strconv"

	"example.com/gemini-agent/tracing/semconv"
)

// used says what the trace's model calls used up: the cost when every call has one, the tokens, and how often an attempt
// was made again.
func (w *waterfall) used() (parts []string) {
	var input, output, calls, retries int64
	usd, priced := 0.0, true
	for _, r := range w.rows {
		if r.span.Name() != semconv.SpanModelCall {
			continue
		}
		input += r.facts.inputTokens
		output += r.facts.outputTokens
		retries += r.facts.retries
		usd += r.facts.usd
		priced = priced && r.facts.priced
		calls++
	}
	if calls > 0 && priced {
		parts = append(parts, formatUSD(usd))
	}
	if input+output > 0 {
		parts = append(parts, fmt.Sprintf("%d%s%d tok", input, w.style.to, output))
	}
	switch {
	case retries == 1:
		parts = append(parts, "1 retry")
	case retries > 1:
		parts = append(parts, fmt.Sprintf("%d retries", retries))
	}
	return parts
}

// formatUSD shows two digits that count, and cents at least.
func formatUSD(usd float64) string {
	if usd >= 0.1 || usd == 0 {
		return "$" + strconv.FormatFloat(usd, 'f', 2, 64)
	}
	digits := 2
	for shown := usd * 10; shown < 1 && digits < 9; shown *= 10 {
		digits++
	}
	return "$" + strconv.FormatFloat(usd, 'f', digits, 64)
}
