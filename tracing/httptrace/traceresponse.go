package httptrace

import (
	"encoding/hex"

	"go.opentelemetry.io/otel/trace"
)

// The header traceresponse is a draft of the W3C: https://w3c.github.io/trace-context/#traceresponse-header. It has the
// form of traceparent:
//
//	00-TRACE ID-SPAN ID OF THE CALLEE-FLAGS
//
// Here the sampled flag is the callee's last word: the trace was kept, whatever was known when it began.

// traceResponse is the header that tells the caller of sc's span, "" when there is none: without tracing, sc is the
// caller's own.
func traceResponse(sc trace.SpanContext, kept bool) string {
	if !sc.IsValid() || sc.IsRemote() {
		return ""
	}
	if kept {
		sc = sc.WithTraceFlags(sc.TraceFlags().WithSampled(true))
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
}

// keptBy reports whether a callee's traceresponse says that it kept its part of the trace of call.
func keptBy(value string, call trace.SpanContext) bool {
	const length = len("00-") + 32 + len("-") + 16 + len("-") + 2
	if len(value) < length || value[2] != '-' || value[35] != '-' || value[52] != '-' ||
		len(value) > length && (value[:2] == "00" || value[length] != '-') {
		return false
	}
	var version, flags [1]byte
	var span trace.SpanID
	for _, part := range []struct {
		into []byte
		text string
	}{{version[:], value[:2]}, {span[:], value[36:52]}, {flags[:], value[53:55]}} {
		if _, err := hex.Decode(part.into, []byte(part.text)); err != nil {
			return false
		}
	}
	return version[0] != 0xff && span.IsValid() && value[3:35] == call.TraceID().String() &&
		trace.TraceFlags(flags[0]).IsSampled()
}
