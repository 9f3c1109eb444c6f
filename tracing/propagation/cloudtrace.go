package propagation

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// extractCloudTrace reads X-Cloud-Trace-Context: TRACE_ID/SPAN_ID[;o=OPTIONS], 32 hex digits, a decimal number, and a
// decimal bit set of which bit 0 says sampled. Without options there is no decision. A trace id without span id (or
// with span id 0) names no parent and counts as absent. The header is read only, never written.
//
// Google's own parser is not used: it writes a log line for each bad header and its module is deprecated.
func extractCloudTrace(carrier propagation.TextMapCarrier) trace.SpanContext {
	h := headerValue(carrier, headerCloudTrace)
	if len(h) < 34 || len(h) > 64 || h[32] != '/' {
		return trace.SpanContext{}
	}
	var scc trace.SpanContextConfig
	if _, err := hex.Decode(scc.TraceID[:], []byte(h[:32])); err != nil {
		return trace.SpanContext{}
	}
	span, options, found := strings.Cut(h[33:], ";")
	id, ok := parseDecimal(span, 64)
	if !ok {
		return trace.SpanContext{}
	}
	binary.BigEndian.PutUint64(scc.SpanID[:], id)
	if found {
		bits, ok := parseDecimal(strings.TrimPrefix(options, "o="), 8)
		if !ok || !strings.HasPrefix(options, "o=") {
			return trace.SpanContext{}
		}
		scc.TraceFlags = trace.TraceFlags(bits) & trace.FlagsSampled
	}
	scc.Remote = true
	return trace.NewSpanContext(scc)
}

func parseDecimal(s string, bits int) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, bits)
	return n, err == nil
}
