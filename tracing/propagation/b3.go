package propagation

import (
	"context"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxB3 is more than any valid B3 header has.
const maxB3 = 128

var b3Parser = b3.New()

// extractB3 reads B3 (https://github.com/openzipkin/b3-propagation), the single header first, then the multi-header
// form. Ids without their leading zeros count (old Jaeger and SignalFx clients); the parent's id is not looked at. Debug (d, or X-B3-Flags: 1) counts as sampled. A deferred decision (no sampling field) gives a parent that is
// not sampled, which the sampler takes for "no decision". A decision without ids gives nothing.
func extractB3(carrier propagation.TextMapCarrier) trace.SpanContext {
	single, traceID := b3Value(carrier, headerB3), b3Value(carrier, headerB3TraceID)
	if single == "" && traceID == "" {
		return trace.SpanContext{}
	}
	headers := &b3Carrier{
		single:  paddedB3(single),
		traceID: padded(traceID, 32),
		spanID:  padded(b3Value(carrier, headerB3SpanID), 16),
		sampled: b3Value(carrier, headerB3Sampled),
		flags:   b3Value(carrier, headerB3Flags),
	}
	// Into an empty context: the library leaves its deferred and debug marks there.
	return trace.SpanContextFromContext(b3Parser.Extract(context.Background(), headers))
}

// paddedB3 completes the ids of the single header and leaves out the parent's.
func paddedB3(single string) string {
	traceID, rest, ok := strings.Cut(single, "-")
	if !ok { // a decision alone
		return single
	}
	spanID, rest, decided := strings.Cut(rest, "-")
	if traceID = padded(traceID, 32) + "-" + padded(spanID, 16); !decided {
		return traceID
	}
	decision, _, _ := strings.Cut(rest, "-")
	return traceID + "-" + decision
}

// padded returns an id with its leading zeros; an empty one stays so.
func padded(id string, length int) string {
	if id == "" || len(id) >= length {
		return id
	}
	return strings.Repeat("0", length-len(id)) + id
}

// b3Value cuts what is too long; the rest is malformed all the same.
func b3Value(carrier propagation.TextMapCarrier, name headerName) string {
	v := headerValue(carrier, name)
	return v[:min(len(v), maxB3)]
}

// injectB3 writes the ids of traceparent in the forms asked for, always with our decision.
func (p *propagator) injectB3(w *headerWriter, traceparent string, sampled bool) {
	traceID, spanID, decision := traceparent[3:35], traceparent[36:52], "0"
	if sampled {
		decision = "1"
	}
	if p.b3Single {
		w.set(headerB3, traceID+"-"+spanID+"-"+decision)
	}
	if p.b3Multi {
		w.set(headerB3TraceID, traceID)
		w.set(headerB3SpanID, spanID)
		w.set(headerB3Sampled, decision)
	}
}

// b3Carrier hands the headers to the library, which asks for each by name.
type b3Carrier struct{ single, traceID, spanID, sampled, flags string }

func (c *b3Carrier) Get(key string) string {
	switch key {
	case headerB3.wire:
		return c.single
	case headerB3TraceID.wire:
		return c.traceID
	case headerB3SpanID.wire:
		return c.spanID
	case headerB3Sampled.wire:
		return c.sampled
	case headerB3Flags.wire:
		return c.flags
	}
	return ""
}

func (c *b3Carrier) Set(string, string) {}
func (c *b3Carrier) Keys() []string     { return nil }
