package otlp

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// encoder writes ended spans as an OTLP ExportTraceServiceRequest, straight into one byte slice
// (opentelemetry-proto v1, trace/v1/trace.proto). The official exporter first builds a message tree:
// three objects an attribute, the largest single cost of tracing an invocation. The tests hold the two
// to the same message, field by field.
//
// An encoder may be used again after reset, by one goroutine at a time.
type encoder struct {
	buf     []byte
	project string // gcp.project_id for resources that have none; "" adds nothing

	groups  []spanGroup
	walk    func(key, value string) bool // bound once: a closure for each tracestate would be garbage
	walkLen int
}

// spanGroup is the spans of one resource and one scope.
type spanGroup struct {
	resource *resource.Resource
	scope    instrumentation.Scope
	spans    []sdktrace.ReadOnlySpan
	written  bool
}

// Marshal returns spans as the bytes of an ExportTraceServiceRequest. project is gcp.project_id for resources that have
// none; "" adds nothing.
func Marshal(spans []sdktrace.ReadOnlySpan, project string) []byte {
	e := newEncoder()
	e.project = project
	return e.request(spans)
}

func newEncoder() *encoder {
	e := &encoder{}
	e.walk = e.traceStateMember
	return e
}

// reset makes the encoder empty and lets go of the last spans.
func (e *encoder) reset() {
	e.buf = e.buf[:0]
	for i := range e.groups {
		g := &e.groups[i]
		clear(g.spans)
		*g = spanGroup{spans: g.spans[:0]}
	}
	e.groups = e.groups[:0]
}

// request appends the request that carries spans. Nil spans are skipped.
func (e *encoder) request(spans []sdktrace.ReadOnlySpan) []byte {
	for _, s := range spans {
		if s != nil {
			g := e.group(s.Resource(), s.InstrumentationScope())
			g.spans = append(g.spans, s)
		}
	}
	for i := range e.groups {
		if !e.groups[i].written {
			e.resourceSpans(i)
		}
	}
	return e.buf
}

// group finds the group of r and scope: one or two in practice, so a scan beats a map.
func (e *encoder) group(r *resource.Resource, scope instrumentation.Scope) *spanGroup {
	for i := range e.groups {
		if g := &e.groups[i]; sameResource(g.resource, r) && g.scope == scope {
			return g
		}
	}
	if n := len(e.groups); n < cap(e.groups) { // take the span slice of an earlier use again
		e.groups = e.groups[:n+1]
	} else {
		e.groups = append(e.groups, spanGroup{})
	}
	g := &e.groups[len(e.groups)-1]
	g.resource, g.scope = r, scope
	return g
}

func sameResource(a, b *resource.Resource) bool { return a == b || a.Equal(b) }

// resourceSpans appends one ResourceSpans: all groups that share the resource of the first.
func (e *encoder) resourceSpans(first int) {
	r := e.groups[first].resource
	rs := e.begin(1) // ExportTraceServiceRequest.resource_spans
	if r != nil || e.project != "" {
		m := e.begin(1) // ResourceSpans.resource
		e.resourceAttributes(r)
		e.end(m)
	}
	for i := first; i < len(e.groups); i++ {
		if g := &e.groups[i]; sameResource(g.resource, r) {
			e.scopeSpans(g)
			g.written = true
		}
	}
	e.str(3, r.SchemaURL())
	e.end(rs)
}

func (e *encoder) resourceAttributes(r *resource.Resource) {
	hasProject := false
	for it := r.Iter(); it.Next(); {
		kv := it.Attribute()
		hasProject = hasProject || kv.Key == semconv.KeyGCPProjectID
		e.keyValue(1, kv)
	}
	if e.project != "" && !hasProject {
		e.keyValue(1, semconv.KeyGCPProjectID.String(e.project))
	}
}

func (e *encoder) scopeSpans(g *spanGroup) {
	ss := e.begin(2) // ResourceSpans.scope_spans
	if g.scope != (instrumentation.Scope{}) {
		m := e.begin(1) // ScopeSpans.scope
		e.str(1, g.scope.Name)
		e.str(2, g.scope.Version)
		for it := g.scope.Attributes.Iter(); it.Next(); {
			e.keyValue(3, it.Attribute())
		}
		e.end(m)
	}
	for _, s := range g.spans {
		m := e.begin(2) // ScopeSpans.spans
		e.span(s)
		e.end(m)
	}
	e.str(3, g.scope.SchemaURL)
	e.end(ss)
}

func (e *encoder) span(s sdktrace.ReadOnlySpan) {
	sc, parent := s.SpanContext(), s.Parent()
	tid, sid := sc.TraceID(), sc.SpanID()
	e.bytes(1, tid[:])
	e.bytes(2, sid[:])
	e.traceState(3, sc.TraceState())
	if psid := parent.SpanID(); psid.IsValid() {
		e.bytes(4, psid[:])
	}
	e.str(5, s.Name())
	e.varint(6, spanKindNumber(s.SpanKind()))
	e.fixed64(7, unixNano(s.StartTime().UnixNano()))
	e.fixed64(8, unixNano(s.EndTime().UnixNano()))
	e.keyValues(9, s.Attributes())
	e.varint(10, clampUint32(s.DroppedAttributes()))
	for _, ev := range s.Events() {
		m := e.begin(11)
		e.fixed64(1, unixNano(ev.Time.UnixNano()))
		e.str(2, ev.Name)
		e.keyValues(3, ev.Attributes)
		e.varint(4, clampUint32(ev.DroppedAttributeCount))
		e.end(m)
	}
	e.varint(12, clampUint32(s.DroppedEvents()))
	for _, l := range s.Links() {
		m := e.begin(13)
		tid, sid := l.SpanContext.TraceID(), l.SpanContext.SpanID()
		e.bytes(1, tid[:])
		e.bytes(2, sid[:])
		e.traceState(3, l.SpanContext.TraceState())
		e.keyValues(4, l.Attributes)
		e.varint(5, clampUint32(l.DroppedAttributeCount))
		e.fixed32(6, spanFlags(l.SpanContext.TraceFlags(), l.SpanContext))
		e.end(m)
	}
	e.varint(14, clampUint32(s.DroppedLinks()))
	m := e.begin(15)
	st := s.Status()
	e.str(2, st.Description)
	e.varint(3, statusNumber(st.Code))
	e.end(m)
	e.fixed32(16, spanFlags(sc.TraceFlags(), parent))
}

// keyValues appends attributes as the repeated field num.
func (e *encoder) keyValues(num protowire.Number, attrs []attribute.KeyValue) {
	for _, kv := range attrs {
		e.keyValue(num, kv)
	}
}

// keyValue appends a KeyValue as field num. Nearly all are strings, whose size is known beforehand; the others are
// written first and get their size afterwards.
func (e *encoder) keyValue(num protowire.Number, kv attribute.KeyValue) {
	if kv.Value.Type() == attribute.STRING {
		key, text := validUTF8(string(kv.Key)), attributeText(kv.Value.AsString())
		value := 1 + protowire.SizeBytes(len(text))
		e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
		e.buf = protowire.AppendVarint(e.buf, uint64(1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(value)))
		e.buf = append(e.buf, 1<<3|byte(protowire.BytesType))
		e.buf = protowire.AppendString(e.buf, key)
		e.buf = append(e.buf, 2<<3|byte(protowire.BytesType))
		e.buf = protowire.AppendVarint(e.buf, uint64(value))
		e.buf = append(e.buf, 1<<3|byte(protowire.BytesType))
		e.buf = protowire.AppendString(e.buf, text)
		return
	}
	m := e.begin(num)
	e.str(1, string(kv.Key))
	v := e.begin(2)
	e.anyValue(kv.Value)
	e.end(v)
	e.end(m)
}

// anyValue appends the content of an AnyValue. Members of the oneof are written even when they are
// zero: that is how false and "" differ from no value.
func (e *encoder) anyValue(v attribute.Value) {
	switch v.Type() {
	case attribute.STRING:
		e.stringValue(v.AsString())
	case attribute.BOOL:
		e.boolValue(v.AsBool())
	case attribute.INT64:
		e.intValue(v.AsInt64())
	case attribute.FLOAT64:
		e.doubleValue(v.AsFloat64())
	case attribute.BYTESLICE:
		e.buf = protowire.AppendTag(e.buf, 7, protowire.BytesType)
		e.buf = protowire.AppendBytes(e.buf, v.AsByteSlice())
	case attribute.STRINGSLICE:
		arrayValue(e, v.AsStringSlice(), e.stringValue)
	case attribute.BOOLSLICE:
		arrayValue(e, v.AsBoolSlice(), e.boolValue)
	case attribute.INT64SLICE:
		arrayValue(e, v.AsInt64Slice(), e.intValue)
	case attribute.FLOAT64SLICE:
		arrayValue(e, v.AsFloat64Slice(), e.doubleValue)
	case attribute.SLICE:
		arrayValue(e, v.AsSlice(), e.anyValue)
	case attribute.MAP:
		m := e.begin(6) // AnyValue.kvlist_value
		for _, kv := range v.AsMap() {
			e.keyValue(1, kv)
		}
		e.end(m)
	}
}

func (e *encoder) stringValue(s string) {
	e.buf = protowire.AppendTag(e.buf, 1, protowire.BytesType)
	e.buf = protowire.AppendString(e.buf, attributeText(s))
}

// maxAttributeText is the longest attribute value in bytes that Cloud Trace and the Telemetry API take; what is longer
// may vanish there without an error. The SDK's limit, off by default, counts characters.
const maxAttributeText = 64 << 10

func attributeText(s string) string {
	if len(s) > maxAttributeText {
		s = redact.Bytes(s, maxAttributeText)
	}
	return validUTF8(s)
}

func (e *encoder) boolValue(b bool) {
	e.buf = protowire.AppendTag(e.buf, 2, protowire.VarintType)
	e.buf = protowire.AppendVarint(e.buf, protowire.EncodeBool(b))
}

func (e *encoder) intValue(i int64) {
	e.buf = protowire.AppendTag(e.buf, 3, protowire.VarintType)
	e.buf = protowire.AppendVarint(e.buf, uint64(i))
}

func (e *encoder) doubleValue(f float64) {
	e.buf = protowire.AppendTag(e.buf, 4, protowire.Fixed64Type)
	e.buf = protowire.AppendFixed64(e.buf, math.Float64bits(f))
}

// arrayValue appends an AnyValue.array_value of AnyValues whose contents put writes.
func arrayValue[T any](e *encoder, values []T, put func(T)) {
	a := e.begin(5)
	for _, v := range values {
		m := e.begin(1)
		put(v)
		e.end(m)
	}
	e.end(a)
}

// traceState appends a tracestate in its header form.
func (e *encoder) traceState(num protowire.Number, ts trace.TraceState) {
	if ts.Len() == 0 {
		return
	}
	m := e.begin(num)
	e.walkLen = m
	ts.Walk(e.walk)
	e.end(m)
}

func (e *encoder) traceStateMember(key, value string) bool {
	if len(e.buf) > e.walkLen {
		e.buf = append(e.buf, ',')
	}
	e.buf = append(e.buf, key...)
	e.buf = append(e.buf, '=')
	e.buf = append(e.buf, value...)
	return true
}

// spanFlags are the W3C flags plus the two bits that say whether the parent is in another process.
func spanFlags(tf trace.TraceFlags, parent trace.SpanContext) uint32 {
	const hasIsRemote, isRemote = 0x100, 0x200
	flags := uint32(tf) | hasIsRemote
	if parent.IsRemote() {
		flags |= isRemote
	}
	return flags
}
