package propagation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// propagator reads the caller's trace context and writes ours.
//
// In: where several headers are valid, B3 wins over W3C, W3C over the formats added by name, and those over
// X-Cloud-Trace-Context. Google's front end replaces traceparent by a hidden span of its own and leaves B3 alone,
// so between two functions B3 names the true parent. A W3C context of the same trace adds its tracestate and its
// random flag to a B3 parent. A malformed header counts as absent and is not logged.
//
// Out: our own decision only. What the caller said about sampling (B3 debug, B3 deferred) ends in the remote parent's
// sampled flag and is never repeated. Without a span only baggage is written.
//
// It works with every carrier; propagation.HeaderCarrier is the fast path. It is safe for concurrent use.
type propagator struct {
	w3c, b3, cloudTrace, baggage bool // read
	b3Single, b3Multi            bool // written
	others                       []propagation.TextMapPropagator
}

var _ propagation.TextMapPropagator = (*propagator)(nil)

// New returns the propagator named by OTEL_PROPAGATORS: a comma list of tracecontext, baggage, b3, b3multi,
// jaeger, xray, ottrace, none, and our own cloudtrace (read only). "" is the default: all of tracecontext, baggage, B3
// (both forms read, the multi-header form written) and cloudtrace. none, anywhere in the list, switches all off.
// Neither the order of the names nor their case matters. The error reports unknown names; the propagator is made of the others, or is
// the default where there are none, and is usable all the same.
func New(names string) (propagation.TextMapPropagator, error) {
	p := &propagator{}
	var errs []error
	known := false
	for name := range strings.SplitSeq(names, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		switch name {
		case "":
			continue
		case "none":
			return propagation.NewCompositeTextMapPropagator(), nil
		case "tracecontext":
			p.w3c = true
		case "baggage":
			p.baggage = true
		case "b3":
			p.b3, p.b3Single = true, true
		case "b3multi":
			p.b3, p.b3Multi = true, true
		case "cloudtrace":
			p.cloudTrace = true
		default:
			other, err := autoprop.TextMapPropagator(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("reading OTEL_PROPAGATORS: %w", err))
				continue
			}
			p.others = append(p.others, other)
		}
		known = true
	}
	if !known {
		p = &propagator{w3c: true, b3: true, b3Multi: true, cloudTrace: true, baggage: true}
	}
	return p, errors.Join(errs...)
}

// Extract returns ctx with the caller's span as remote parent and the caller's baggage; ctx itself when there are none.
func (p *propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	sc, beside, bag := p.parent(carrier)
	if p.baggage {
		if b := extractBaggage(carrier); b.Len() > 0 {
			bag = b
		}
	}
	if bag.Len() > 0 {
		ctx = baggage.ContextWithBaggage(ctx, bag)
	}
	if sc.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, sc)
		if beside != nil {
			ctx = context.WithValue(ctx, besideKey{}, besideState{sc.TraceID(), beside})
		}
	}
	return ctx
}

// parent picks the remote parent by precedence, with the members of its tracestate that it cannot hold. The baggage is what
// ottrace, which has its own headers for it, found.
func (p *propagator) parent(carrier propagation.TextMapCarrier) (
	sc trace.SpanContext, beside []string, bag baggage.Baggage,
) {
	var b3, w3c trace.SpanContext
	if p.b3 {
		b3 = extractB3(carrier)
	}
	if p.w3c {
		w3c, beside = extractW3C(carrier)
	}
	switch {
	case b3.IsValid() && b3.TraceID() == w3c.TraceID():
		sc = b3.WithTraceState(w3c.TraceState()).WithTraceFlags(b3.TraceFlags() | w3c.TraceFlags()&trace.FlagsRandom)
	case b3.IsValid():
		sc, beside = b3, nil
	default:
		sc = w3c
	}
	for _, other := range p.others {
		// Into an empty context: these leave marks of their own beside the span context, and would write them again.
		found := other.Extract(context.Background(), carrier)
		if !sc.IsValid() {
			sc = trace.SpanContextFromContext(found)
		}
		if b := baggage.FromContext(found); b.Len() > 0 {
			bag = b
		}
	}
	if !sc.IsValid() && p.cloudTrace {
		sc = extractCloudTrace(carrier)
	}
	return sc, beside, bag
}

// Inject writes the span of ctx and the baggage of ctx to carrier.
func (p *propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	w := headerWriter{carrier: carrier}
	if h, ok := carrier.(propagation.HeaderCarrier); ok {
		w.header = http.Header(h)
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() && (p.w3c || p.b3) {
		traceparent := formatTraceparent(sc)
		if p.w3c {
			w.set(headerTraceparent, traceparent)
			if ts := withBeside(ctx, sc, sc.TraceState().String()); ts != "" {
				w.set(headerTracestate, ts)
			}
		}
		p.injectB3(&w, traceparent, sc.IsSampled())
	}
	if p.baggage {
		if bag := baggage.FromContext(ctx); bag.Len() > 0 {
			w.set(headerBaggage, bag.String())
		}
	}
	for _, other := range p.others {
		other.Inject(ctx, carrier)
	}
}

// Fields returns the names Inject may set.
func (p *propagator) Fields() []string {
	var fields []string
	add := func(on bool, names ...headerName) {
		for _, n := range names {
			if on {
				fields = append(fields, n.wire)
			}
		}
	}
	add(p.w3c, headerTraceparent, headerTracestate)
	add(p.b3Single, headerB3)
	add(p.b3Multi, headerB3TraceID, headerB3SpanID, headerB3Sampled)
	add(p.baggage, headerBaggage)
	for _, other := range p.others {
		fields = append(fields, other.Fields()...)
	}
	return fields
}

// headerName is one header in both spellings: as carriers other than HTTP headers know it, and as the key of
// http.Header, so that the request path does not canonicalize names.
type headerName struct{ wire, canonical string }

var (
	headerTraceparent = headerName{"traceparent", "Traceparent"}
	headerTracestate  = headerName{"tracestate", "Tracestate"}
	headerBaggage     = headerName{"baggage", "Baggage"}
	headerB3          = headerName{"b3", "B3"}
	headerB3TraceID   = headerName{"x-b3-traceid", "X-B3-Traceid"}
	headerB3SpanID    = headerName{"x-b3-spanid", "X-B3-Spanid"}
	headerB3Sampled   = headerName{"x-b3-sampled", "X-B3-Sampled"}
	headerB3Flags     = headerName{"x-b3-flags", "X-B3-Flags"}
	headerCloudTrace  = headerName{"x-cloud-trace-context", "X-Cloud-Trace-Context"}
)

// headerValues returns all values of a header, in order.
func headerValues(carrier propagation.TextMapCarrier, name headerName) []string {
	switch c := carrier.(type) {
	case propagation.HeaderCarrier:
		return c[name.canonical]
	case propagation.ValuesGetter:
		return c.Values(name.wire)
	}
	if v := carrier.Get(name.wire); v != "" {
		return []string{v}
	}
	return nil
}

// headerValue returns the first value of a header, "" when there is none.
func headerValue(carrier propagation.TextMapCarrier, name headerName) string {
	if values := headerValues(carrier, name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// headerWriter sets headers; those of HTTP share one backing array.
type headerWriter struct {
	carrier propagation.TextMapCarrier
	header  http.Header // nil: another carrier
	values  []string
}

func (w *headerWriter) set(name headerName, value string) {
	if w.header == nil {
		w.carrier.Set(name.wire, value)
		return
	}
	if w.values == nil {
		w.values = make([]string, 0, 6)
	}
	w.values = append(w.values, value)
	n := len(w.values)
	w.header[name.canonical] = w.values[n-1 : n : n]
}

// extractBaggage reads the W3C baggage header (https://www.w3.org/TR/baggage/), several of them as one list. Over
// 8,192 bytes in all there is none; invalid members and those after the 64th are left out.
func extractBaggage(carrier propagation.TextMapCarrier) baggage.Baggage {
	values := headerValues(carrier, headerBaggage)
	if len(values) == 0 {
		return baggage.Baggage{}
	}
	// Not propagation.Baggage: it reports bad headers to the global error handler, which logs.
	bag, _ := baggage.Parse(strings.Join(values, ","))
	return bag
}
