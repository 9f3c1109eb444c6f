package live

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The messages of OTLP's trace service in its JSON form: ids in hex, 64 bit numbers as text, enumerations as numbers.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
type (
	otlpTraces struct {
		ResourceSpans []*otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource      `json:"resource"`
		ScopeSpans []*otlpScopeSpans `json:"scopeSpans"`
		SchemaURL  string            `json:"schemaUrl,omitempty"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope     otlpScope  `json:"scope"`
		Spans     []otlpSpan `json:"spans"`
		SchemaURL string     `json:"schemaUrl,omitempty"`
	}
	otlpScope struct {
		Name       string          `json:"name,omitempty"`
		Version    string          `json:"version,omitempty"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
	}
	otlpSpan struct {
		TraceID           string          `json:"traceId"`
		SpanID            string          `json:"spanId"`
		TraceState        string          `json:"traceState,omitempty"`
		ParentSpanID      string          `json:"parentSpanId,omitempty"`
		Flags             uint32          `json:"flags,omitempty"`
		Name              string          `json:"name"`
		Kind              int             `json:"kind"`
		Start             string          `json:"startTimeUnixNano"`
		End               string          `json:"endTimeUnixNano,omitempty"`
		Attributes        []otlpAttribute `json:"attributes,omitempty"`
		DroppedAttributes int             `json:"droppedAttributesCount,omitempty"`
		Events            []otlpEvent     `json:"events,omitempty"`
		DroppedEvents     int             `json:"droppedEventsCount,omitempty"`
		Links             []otlpLink      `json:"links,omitempty"`
		DroppedLinks      int             `json:"droppedLinksCount,omitempty"`
		Status            otlpStatus      `json:"status"`
	}
	otlpEvent struct {
		Time              string          `json:"timeUnixNano"`
		Name              string          `json:"name"`
		Attributes        []otlpAttribute `json:"attributes,omitempty"`
		DroppedAttributes int             `json:"droppedAttributesCount,omitempty"`
	}
	otlpLink struct {
		TraceID           string          `json:"traceId"`
		SpanID            string          `json:"spanId"`
		TraceState        string          `json:"traceState,omitempty"`
		Attributes        []otlpAttribute `json:"attributes,omitempty"`
		DroppedAttributes int             `json:"droppedAttributesCount,omitempty"`
		Flags             uint32          `json:"flags,omitempty"`
	}
	otlpStatus struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"`
	}
	otlpAttribute struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"` // one of stringValue, boolValue, …; none: an empty value
	}
)

// toOTLP groups spans by resource and scope, in the order in which each was first met.
func toOTLP(spans []sdktrace.ReadOnlySpan) otlpTraces {
	type scopeKey struct {
		res   attribute.Distinct
		scope instrumentation.Scope
	}
	out := otlpTraces{ResourceSpans: []*otlpResourceSpans{}}
	resources, scopes := map[attribute.Distinct]*otlpResourceSpans{}, map[scopeKey]*otlpScopeSpans{}
	for _, s := range spans {
		res := s.Resource()
		if res == nil {
			res = resource.Empty()
		}
		rs := resources[res.Equivalent()]
		if rs == nil {
			rs = &otlpResourceSpans{
				Resource: otlpResource{otlpAttributes(res.Attributes())}, SchemaURL: res.SchemaURL(),
			}
			resources[res.Equivalent()] = rs
			out.ResourceSpans = append(out.ResourceSpans, rs)
		}
		key := scopeKey{res.Equivalent(), s.InstrumentationScope()}
		ss := scopes[key]
		if ss == nil {
			ss = &otlpScopeSpans{
				Scope: otlpScope{
					Name: key.scope.Name, Version: key.scope.Version,
					Attributes: otlpAttributes(key.scope.Attributes.ToSlice()),
				},
				SchemaURL: key.scope.SchemaURL,
			}
			scopes[key] = ss
			rs.ScopeSpans = append(rs.ScopeSpans, ss)
		}
		ss.Spans = append(ss.Spans, toOTLPSpan(s))
	}
	return out
}

func toOTLPSpan(s sdktrace.ReadOnlySpan) otlpSpan {
	sc := s.SpanContext()
	out := otlpSpan{
		TraceID: sc.TraceID().String(), SpanID: sc.SpanID().String(), TraceState: sc.TraceState().String(),
		Flags: otlpFlags(sc, s.Parent()),
		Name:  s.Name(), Kind: int(s.SpanKind()), // OTLP counts them as the API does
		Start: nanos(s.StartTime()), Attributes: otlpAttributes(s.Attributes()),
		DroppedAttributes: s.DroppedAttributes(), DroppedEvents: s.DroppedEvents(), DroppedLinks: s.DroppedLinks(),
		Status: otlpStatus{Message: s.Status().Description},
	}
	if out.Kind == 0 {
		out.Kind = int(trace.SpanKindInternal)
	}
	if p := s.Parent().SpanID(); p.IsValid() {
		out.ParentSpanID = p.String()
	}
	if end := s.EndTime(); !end.IsZero() {
		out.End = nanos(end)
	}
	switch s.Status().Code {
	case codes.Ok:
		out.Status.Code = 1
	case codes.Error:
		out.Status.Code = 2
	}
	for _, e := range s.Events() {
		out.Events = append(out.Events, otlpEvent{
			nanos(e.Time), e.Name, otlpAttributes(e.Attributes), e.DroppedAttributeCount,
		})
	}
	for _, l := range s.Links() {
		out.Links = append(out.Links, otlpLink{
			l.SpanContext.TraceID().String(), l.SpanContext.SpanID().String(), l.SpanContext.TraceState().String(),
			otlpAttributes(l.Attributes), l.DroppedAttributeCount, otlpFlags(l.SpanContext, l.SpanContext),
		})
	}
	return out
}

// otlpFlags are the W3C flags, and whether parent is remote (bits 8 and 9).
func otlpFlags(sc, parent trace.SpanContext) uint32 {
	flags := uint32(sc.TraceFlags()) | 1<<8
	if parent.IsRemote() {
		flags |= 1 << 9
	}
	return flags
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func otlpAttributes(attrs []attribute.KeyValue) []otlpAttribute {
	out := make([]otlpAttribute, 0, len(attrs))
	for _, kv := range attrs {
		out = append(out, otlpAttribute{string(kv.Key), otlpValue(kv.Value)})
	}
	return out
}

func otlpValue(v attribute.Value) map[string]any {
	switch v.Type() {
	case attribute.EMPTY:
		return map[string]any{}
	case attribute.BOOL:
		return map[string]any{"boolValue": v.AsBool()}
	case attribute.INT64:
		return map[string]any{"intValue": strconv.FormatInt(v.AsInt64(), 10)}
	case attribute.FLOAT64:
		return map[string]any{"doubleValue": otlpDouble(v.AsFloat64())}
	case attribute.BYTESLICE:
		return map[string]any{"bytesValue": base64.StdEncoding.EncodeToString(v.AsByteSlice())}
	case attribute.BOOLSLICE:
		return otlpArray(v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		return otlpArray(v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		return otlpArray(v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.STRINGSLICE:
		return otlpArray(v.AsStringSlice(), attribute.StringValue)
	case attribute.SLICE:
		return otlpArray(v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		return map[string]any{"kvlistValue": map[string]any{"values": otlpAttributes(v.AsMap())}}
	}
	return map[string]any{"stringValue": v.String()}
}

func otlpArray[T any](values []T, value func(T) attribute.Value) map[string]any {
	list := make([]map[string]any, len(values))
	for i, v := range values {
		list[i] = otlpValue(value(v))
	}
	return map[string]any{"arrayValue": map[string]any{"values": list}}
}

// otlpDouble is a number, or the word protobuf's JSON has for what JSON lacks.
func otlpDouble(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}
