package otlp

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"example.com/gemini-agent/tracing/semconv"
)

// officialClient catches what the official exporter would send.
type officialClient struct{ got []*tracepb.ResourceSpans }

func (c *officialClient) Start(context.Context) error { return nil }
func (c *officialClient) Stop(context.Context) error  { return nil }
func (c *officialClient) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) error {
	c.got = rs
	return nil
}

func officialRequest(t testing.TB, spans []sdktrace.ReadOnlySpan) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	var c officialClient
	if err := otlptrace.NewUnstarted(&c).ExportSpans(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: c.got}
}

func encodedRequest(
	t testing.TB,
	e *encoder,
	spans []sdktrace.ReadOnlySpan,
) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	e.reset()
	req := new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(e.request(spans), req); err != nil {
		t.Fatalf("the encoder's bytes are no request: %v", err)
	}
	return req
}

// requireSameRequest compares field by field. Order of resources and scopes is free; the official exporter
// leaves out the tracestate of links, so it is put in.
func requireSameRequest(t testing.TB, e *encoder, spans []sdktrace.ReadOnlySpan) {
	t.Helper()
	want := officialRequest(t, spans)
	linkStates := map[string][]string{}
	for _, s := range spans {
		if s == nil {
			continue
		}
		id := s.SpanContext().SpanID()
		for _, l := range s.Links() {
			linkStates[string(id[:])] = append(linkStates[string(id[:])], l.SpanContext.TraceState().String())
		}
	}
	for _, rs := range want.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				for i, l := range s.Links {
					l.TraceState = linkStates[string(s.SpanId)][i]
				}
			}
		}
	}
	got := encodedRequest(t, e, spans)
	for _, req := range []*coltracepb.ExportTraceServiceRequest{want, got} {
		for _, rs := range req.ResourceSpans {
			slices.SortFunc(rs.ScopeSpans, compareMessages)
		}
		slices.SortFunc(req.ResourceSpans, compareMessages)
	}
	if !proto.Equal(want, got) {
		t.Fatalf("official (-) and own (+) differ:\n%s", cmp.Diff(want, got, protocmp.Transform()))
	}
}

func compareMessages[M proto.Message](a, b M) int {
	opts := proto.MarshalOptions{Deterministic: true}
	x, _ := opts.Marshal(a)
	y, _ := opts.Marshal(b)
	return bytes.Compare(x, y)
}

func TestOTLPEncoderMatchesOfficialTransform(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	e := newEncoder() // one for all: reuse must leave nothing behind
	requireSameRequest(t, e, []sdktrace.ReadOnlySpan{tracetest.SpanStub{}.Snapshot()})
	for range 300 {
		requireSameRequest(t, e, randomSpans(rng, rng.IntN(20)))
	}
}

func FuzzOTLPEncoderMatchesOfficialTransform(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint8(3))
	f.Fuzz(func(t *testing.T, a, b uint64, n uint8) {
		requireSameRequest(t, newEncoder(), randomSpans(rand.New(rand.NewPCG(a, b)), int(n%40)))
	})
}

func TestOTLPEncoderMatchesOfficialOnSDKSpans(t *testing.T) {
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	ctx, root := tp.Tracer("a", trace.WithInstrumentationVersion("1")).Start(t.Context(), "root")
	_, child := tp.Tracer("b").Start(ctx, "child", trace.WithSpanKind(trace.SpanKindClient))
	child.RecordError(fmt.Errorf("no luck"))
	child.SetStatus(codes.Error, "no luck")
	child.End()
	root.End()
	requireSameRequest(t, newEncoder(), rec.Ended())
}

func TestOTLPEncoderMendsInvalidUTF8(t *testing.T) {
	stub := tracetest.SpanStub{Name: "a\xffb", Attributes: []attribute.KeyValue{attribute.String("k\xff", "v\xff")}}
	req := encodedRequest(t, newEncoder(), []sdktrace.ReadOnlySpan{stub.Snapshot()})
	s := req.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if s.Name != "a\uFFFDb" || s.Attributes[0].Key != "k\uFFFD" ||
		s.Attributes[0].Value.GetStringValue() != "v\uFFFD" {
		t.Errorf("got %v", s)
	}
}

func TestOTLPEncoderAddsMissingProject(t *testing.T) {
	e := newEncoder()
	e.project = "p1"
	has := resource.NewSchemaless(semconv.KeyGCPProjectID.String("own"))
	for name, tc := range map[string]struct {
		res  *resource.Resource
		want string
	}{
		"none": {resource.NewSchemaless(attribute.String("a", "b")), "p1"},
		"own":  {has, "own"},
	} {
		req := encodedRequest(t, e, []sdktrace.ReadOnlySpan{tracetest.SpanStub{Resource: tc.res}.Snapshot()})
		var got []string
		for _, kv := range req.ResourceSpans[0].Resource.Attributes {
			if kv.Key == string(semconv.KeyGCPProjectID) {
				got = append(got, kv.Value.GetStringValue())
			}
		}
		if len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s: project %q, want %q", name, got, tc.want)
		}
	}
}

func TestOTLPEncoderResetLetsGo(t *testing.T) {
	e := newEncoder()
	e.request(randomSpans(rand.New(rand.NewPCG(3, 4)), 20))
	e.reset()
	for _, g := range e.groups[:cap(e.groups)] {
		for _, s := range g.spans[:cap(g.spans)] {
			if s != nil {
				t.Fatal("the encoder keeps a span after reset")
			}
		}
	}
}

func TestOTLPValuesAreCutToTheBackendsLimit(t *testing.T) {
	long := strings.Repeat("é", maxAttributeText)
	for name, v := range map[string]attribute.Value{
		"text": attribute.StringValue(long),
		"list": attribute.StringSliceValue([]string{long}),
	} {
		e := newEncoder()
		spans := tracetest.SpanStubs{{Name: "s", Attributes: []attribute.KeyValue{{Key: "k", Value: v}}}}.Snapshots()
		if n := len(e.request(spans)); n < maxAttributeText || n > maxAttributeText+200 {
			t.Errorf("%s: request has %d bytes, want about %d", name, n, maxAttributeText)
		}
	}
}

// Whatever bytes stand in names, keys, values and states, the official unmarshaller takes the request, with every text in it.
func FuzzEncoderAgainstTheOfficialUnmarshaller(f *testing.F) {
	f.Add("name", "key", "value", "description", int64(1), 1.5)
	f.Add("\xff", "", "\xf0\x9f", strings.Repeat("x", 70_000), int64(-1), math.Inf(-1))
	e := newEncoder()
	f.Fuzz(func(t *testing.T, name, key, value, description string, n int64, x float64) {
		attrs := []attribute.KeyValue{
			attribute.String(key, value), attribute.Int64(key, n), attribute.Float64(value, x),
			attribute.StringSlice(name, []string{value, key}), attribute.ByteSlice(key, []byte(value)),
			attribute.Map(key, attribute.String(value, name), attribute.Bool(name, n > 0)),
		}
		req := encodedRequest(t, e, tracetest.SpanStubs{{
			Name: name, Attributes: attrs, Status: sdktrace.Status{Code: codes.Code(n), Description: description},
			Events: []sdktrace.Event{{Name: value, Attributes: attrs}}, Links: []sdktrace.Link{{Attributes: attrs}},
			SpanKind: trace.SpanKind(n), DroppedAttributes: int(n), StartTime: time.Unix(0, n), EndTime: time.Unix(n, 0),
			Resource:             resource.NewSchemaless(slices.Clone(attrs)...), // which sorts
			InstrumentationScope: instrumentation.Scope{Name: name, Version: value, SchemaURL: key},
		}}.Snapshots())
		span := req.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
		got := span.GetAttributes()
		if span.GetName() != strings.ToValidUTF8(name, "\uFFFD") || len(got) != len(attrs) ||
			got[0].GetKey() != strings.ToValidUTF8(key, "\uFFFD") || got[1].GetValue().GetIntValue() != n ||
			math.Float64bits(got[2].GetValue().GetDoubleValue()) != math.Float64bits(x) ||
			span.GetStatus().GetMessage() != strings.ToValidUTF8(description, "\uFFFD") {
			t.Errorf("%v", span)
		}
		if len(value) <= maxAttributeText && got[0].GetValue().GetStringValue() != strings.ToValidUTF8(value, "\uFFFD") {
			t.Errorf("value %q arrives as %q", value, got[0].GetValue().GetStringValue())
		}
	})
}
