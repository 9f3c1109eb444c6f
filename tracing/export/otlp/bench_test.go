package otlp

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// benchmarkSpans is a batch like an invocation's: 16 spans of 14 attributes.
func benchmarkSpans() []sdktrace.ReadOnlySpan {
	res := resource.NewSchemaless(
		attribute.String("service.name", "gemini-agent"),
		attribute.String("service.version", "1"),
		attribute.String("deployment.environment.name", "production"),
		attribute.String("cloud.provider", "gcp"),
		attribute.String("faas.name", "agent"),
		attribute.String("process.runtime.version", "go1.26.8"),
	)
	scope := instrumentation.Scope{Name: "example.com/gemini-agent/agent"}
	now := time.Unix(1_700_000_000, 0)
	var spans []sdktrace.ReadOnlySpan
	for i := range 16 {
		var attrs []attribute.KeyValue
		for k := range 14 {
			switch {
			case k == 13:
				attrs = append(attrs, attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"}))
			case k%3 == 0:
				attrs = append(attrs, attribute.Int(fmt.Sprintf("gen_ai.usage.key%d", k), 100*k))
			default:
				attrs = append(attrs, attribute.String(fmt.Sprintf("gen_ai.request.key%d", k), "some value of it"))
			}
		}
		spans = append(spans, tracetest.SpanStub{
			Name: "llm.generate", SpanKind: trace.SpanKindClient, StartTime: now,
			EndTime: now.Add(time.Millisecond), Attributes: attrs,
			Resource: res, InstrumentationScope: scope, Status: sdktrace.Status{Code: codes.Ok},
			SpanContext: trace.NewSpanContext(
				trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{byte(i + 1)}, TraceFlags: 1},
			),
			Parent: trace.NewSpanContext(
				trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: 1},
			),
		}.Snapshot())
	}
	return spans
}

// BenchmarkOTLPEncode compares the bytes of one request, made by the official transform and by ours.
func BenchmarkOTLPEncode(b *testing.B) {
	spans := benchmarkSpans()
	b.Run("official", func(b *testing.B) {
		b.ReportAllocs()
		var c officialClient
		x := otlptrace.NewUnstarted(&c)
		for b.Loop() {
			_ = x.ExportSpans(b.Context(), spans)
			if _, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: c.got}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		e := newEncoder()
		for b.Loop() {
			e.reset()
			e.request(spans)
		}
	})
}

// BenchmarkOTLPExport compares a whole export to a receiver in the same process: transform and send.
func BenchmarkOTLPExport(b *testing.B) {
	spans := benchmarkSpans()
	for _, protocol := range []string{GRPC, HTTP} {
		b.Run(protocol+"/official", func(b *testing.B) {
			r := startDiscard(b, protocol)
			var x sdktrace.SpanExporter
			var err error
			if protocol == GRPC {
				x, err = otlptracegrpc.New(
					b.Context(),
					otlptracegrpc.WithEndpointURL(r),
					otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}),
				)
			} else {
				x, err = otlptracehttp.New(b.Context(), otlptracehttp.WithEndpointURL(r+"/v1/traces"),
					otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
			}
			if err != nil {
				b.Fatal(err)
			}
			defer x.Shutdown(context.Background())
			benchmarkExport(b, x, spans)
		})
		b.Run(protocol+"/own", func(b *testing.B) {
			r := startDiscard(b, protocol)
			if protocol == HTTP {
				r += "/v1/traces"
			}
			benchmarkExport(b, newTestOTLP(b, Config{Protocol: protocol, Endpoint: r}), spans)
		})
	}
}

func benchmarkExport(b *testing.B, x sdktrace.SpanExporter, spans []sdktrace.ReadOnlySpan) {
	b.ReportAllocs()
	for b.Loop() {
		if err := x.ExportSpans(b.Context(), spans); err != nil {
			b.Fatal(err)
		}
	}
}

// startDiscard serves OTLP without decoding it, so that a benchmark shows the sender's cost above all.
func startDiscard(b *testing.B, protocol string) string {
	b.Helper()
	if protocol == HTTP {
		srv := httptest.NewServer(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }),
		)
		b.Cleanup(srv.Close)
		return srv.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
			var in []byte
			if err := s.RecvMsg(&in); err != nil {
				return err
			}
			return s.SendMsg([]byte{})
		}),
	)
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(srv.Stop)
	return "http://" + l.Addr().String()
}
