package live_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"example.com/gemini-agent/local/live"
)

// official takes what OpenTelemetry's own exporter sends.
func official(t *testing.T) (exporter sdktrace.SpanExporter, received func() *collectorpb.ExportTraceServiceRequest) {
	t.Helper()
	var request collectorpb.ExportTraceServiceRequest
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err := errors.Join(err, proto.Unmarshal(raw, &request)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	return exporter, func() *collectorpb.ExportTraceServiceRequest { return &request }
}

// TestDownloadIsWhatTheOfficialExporterSends: field by field, read by protobuf's own parser, which refuses any field
// that it does not know.
func TestDownloadIsWhatTheOfficialExporterSends(t *testing.T) {
	exporter, received := official(t)
	hub, server := startHub(t, live.Config{})
	batch := sdktrace.NewBatchSpanProcessor(exporter)
	tp := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(hub), sdktrace.WithSpanProcessor(batch),
		sdktrace.WithResource(resource.NewWithAttributes("https://example.com/schema", attribute.String("service.name", "a"))),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: -1, AttributeCountLimit: 40, EventCountLimit: 2, LinkCountLimit: 1,
			AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1,
		}))
	t.Cleanup(func() { _ = tp.Shutdown(context.WithoutCancel(t.Context())) })
	state, err := trace.ParseTraceState("ot=th:8")
	if err != nil {
		t.Fatal(err)
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true, TraceState: state,
	})
	linked := remote.WithTraceState(trace.TraceState{}) // the official one leaves out a link's state
	tracer := tp.Tracer("scope", trace.WithInstrumentationVersion("1"), trace.WithSchemaURL("https://example.com/scope"),
		trace.WithInstrumentationAttributes(attribute.Bool("scoped", true)))
	ctx, root := tracer.Start(trace.ContextWithRemoteSpanContext(t.Context(), remote), "root <b>\u2028", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithLinks(trace.Link{SpanContext: linked, Attributes: []attribute.KeyValue{attribute.Int("a", 1), attribute.Int("b", 2)}},
			trace.Link{SpanContext: linked, Attributes: []attribute.KeyValue{attribute.Int("c", 3), attribute.Int("d", 4)}}))
	root.SetAttributes(
		attribute.String("text", "ñ \u0000 😀"), attribute.Bool("yes", true), attribute.Int64("int", math.MinInt64),
		attribute.Float64("double", 1e-9), attribute.Float64("whole", 2), attribute.Float64("inf", math.Inf(-1)),
		attribute.StringSlice("texts", []string{"a", ""}), attribute.BoolSlice("bools", []bool{true, false}),
		attribute.Int64Slice("ints", []int64{1, math.MaxInt64}), attribute.Float64Slice("doubles", []float64{0.5}),
		attribute.StringSlice("none", []string{}), attribute.KeyValue{Key: "empty"},
		attribute.KeyValue{Key: "bytes", Value: attribute.ByteSliceValue([]byte{0, 255})},
		attribute.KeyValue{Key: "list", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("x"))},
		attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.String("k", "v"))})
	for _, kind := range []trace.SpanKind{trace.SpanKindInternal, trace.SpanKindClient, trace.SpanKindProducer, trace.SpanKindConsumer} {
		_, s := tp.Tracer("other").Start(ctx, kind.String(), trace.WithSpanKind(kind))
		s.AddEvent("one", trace.WithTimestamp(time.Unix(5, 7)), trace.WithAttributes(attribute.Int("a", 1), attribute.Int("b", 2)))
		s.AddEvent("two")
		s.AddEvent("three")
		s.SetStatus(codes.Ok, "")
		s.End()
	}
	for i := range 50 {
		root.SetAttributes(attribute.Int("n"+strings.Repeat("n", i), i))
	}
	root.SetStatus(codes.Error, "it broke")
	root.End()
	if err := tp.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := download(t, server, root.SpanContext().TraceID().String())
	if diff := cmp.Diff(received().ResourceSpans, got.ResourceSpans, protocmp.Transform(),
		protocmp.SortRepeated(func(a, b *tracepb.Span) bool { return string(a.SpanId) < string(b.SpanId) }),
		protocmp.SortRepeated(func(a, b *tracepb.ScopeSpans) bool { return a.Scope.Name < b.Scope.Name }),
	); diff != "" {
		t.Errorf("differs from the official encoding (-official +ours):\n%s", diff)
	}
}

func download(t *testing.T, server *httptest.Server, id string) *collectorpb.ExportTraceServiceRequest {
	t.Helper()
	res, err := server.Client().Get(server.URL + "/live/traces/" + id + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%s, %v", res.Status, err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(idsInBase64(doc))
	if err != nil {
		t.Fatal(err)
	}
	var request collectorpb.ExportTraceServiceRequest
	if err := protojson.Unmarshal(plain, &request); err != nil {
		t.Fatal(err)
	}
	return &request
}

// idsInBase64 turns ids from hex, as OTLP's JSON has them, into what protobuf's JSON expects.
func idsInBase64(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = idsInBase64(v[i])
		}
	case map[string]any:
		for key, inner := range v {
			text, isText := inner.(string)
			if raw, err := hex.DecodeString(text); isText && err == nil && strings.HasSuffix(key, "Id") {
				v[key] = base64.StdEncoding.EncodeToString(raw)
				continue
			}
			v[key] = idsInBase64(inner)
		}
	}
	return v
}
