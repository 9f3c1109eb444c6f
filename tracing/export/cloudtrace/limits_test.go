package cloudtrace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

func spanContext(n byte, remote bool) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{n}, TraceFlags: trace.FlagsSampled, Remote: remote,
	})
}

// A batch of more than the server's 4 MiB goes out in several requests; a span that is larger alone is refused for its
// size, and what is left with it comes back.
func TestCloudTraceRequestsStayBelowTheServersLimit(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	var stubs tracetest.SpanStubs
	for i := range 12 {
		span := tracetest.SpanStub{Name: fmt.Sprint(i), SpanContext: spanContext(byte(i+1), false)}
		for j := range 20 { // 1.3 MB each
			span.Attributes = append(span.Attributes, attribute.String(fmt.Sprint("text", j), strings.Repeat("x", 80_000)))
		}
		stubs = append(stubs, span)
	}
	if err := x.ExportSpans(t.Context(), stubs.Snapshots()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.spans()); n != 12 || len(s.requests) != 4 {
		t.Errorf("%d spans in %d requests, want 12 in 4", n, len(s.requests))
	}
	for j := range 90 {
		stubs[5].Attributes = append(stubs[5].Attributes, attribute.String(fmt.Sprint("more", j), strings.Repeat("x", 80_000)))
	}
	batch := stubs.Snapshots()
	err := x.ExportSpans(t.Context(), batch)
	if export.Classify(err) != export.Oversized {
		t.Fatalf("a span of 7 MB: %v", err)
	}
	left := export.Unsent(err, batch)
	if len(left) != 7 || left[0].Name() != "5" {
		t.Errorf("%d spans came back, the first %s; want 7 from 5 on", len(left), left[0].Name())
	}
	smaller, ok := export.Cut(batch[5], 3<<20)
	if !ok || x.ExportSpans(t.Context(), namedSpans("x")) != nil {
		t.Fatal("no smaller span")
	}
	left[0] = smaller
	if err := x.ExportSpans(t.Context(), left); err != nil {
		t.Errorf("cut: %v", err)
	}
}

// Bytes that are no UTF-8, in keys of spans, events, links and the resource, do not block the backend.
func TestCloudTraceMendsKeys(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	bad := attribute.String("k\xff", "v\xff")
	span := tracetest.SpanStub{
		Name: "a\xff", SpanContext: spanContext(1, false), Attributes: []attribute.KeyValue{bad},
		Resource: resource.NewSchemaless(attribute.String("r\xff", "v"), attribute.StringSlice("list", []string{"a"})),
	}
	if err := x.ExportSpans(t.Context(), tracetest.SpanStubs{span}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	labels := s.spans()[0].GetAttributes().GetAttributeMap()
	if labels["k\uFFFD"] == nil || labels["r\uFFFD"] == nil || labels["list"] == nil {
		t.Errorf("labels: %v", labels)
	}
}

// Only the first span of a service carries all of the resource: the labels of the others are their own.
func TestCloudTraceSpansCarryTheirOwnAttributesFirst(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	res := resource.NewSchemaless(attribute.String("service.name", "agent"), attribute.Int("process.pid", 1),
		attribute.String("os.type", "linux"))
	root := tracetest.SpanStub{Name: "root", SpanContext: spanContext(1, false), Parent: spanContext(9, true), Resource: res}
	child := tracetest.SpanStub{Name: "child", SpanContext: spanContext(2, false), Parent: spanContext(1, false), Resource: res}
	if err := x.ExportSpans(t.Context(), tracetest.SpanStubs{root, child}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	for _, span := range s.spans() {
		labels := span.GetAttributes().GetAttributeMap()
		if labels["service.name"] == nil || (labels["process.pid"] != nil) != (span.DisplayName.Value == "root") {
			t.Errorf("%s: %v", span.DisplayName.Value, labels)
		}
	}
}

func TestCloudTraceRenews(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	for range 3 {
		if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
			t.Error(err)
		}
		x.Renew()
	}
	_ = x.Shutdown(context.Background())
	if err := x.ExportSpans(t.Context(), namedSpans("a")); !errors.Is(err, export.ErrClosed) {
		t.Errorf("after Shutdown: %v", err)
	}
}
