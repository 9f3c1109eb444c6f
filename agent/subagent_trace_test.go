package agent

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// clientSpans makes a CLIENT span around each HTTP attempt and sends its context along.
type clientSpans struct {
	base   http.RoundTripper
	tracer trace.Tracer
}

func (t clientSpans) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(req.Context(), req.Method, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	req = req.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	return t.base.RoundTrip(req)
}

func recorded(t *testing.T) (*tracingtest.Recorder, *agenttrace.AgentTracer, *http.Client) {
	rec := tracingtest.NewRecorder()
	client := &http.Client{Transport: clientSpans{loopback(t).Transport.(injecting).base, rec.Tracer("test")}}
	return rec, agenttrace.New(rec, agenttrace.Config{}), client
}

func spanCalled(t *testing.T, spans []sdktrace.ReadOnlySpan, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	var last sdktrace.ReadOnlySpan
	for _, span := range spans {
		if span.Name() == name {
			last = span
		}
	}
	if last == nil {
		t.Fatalf("no span %s in\n%s", name, tracingtest.Tree(spans, tracingtest.TreeConfig{NoValues: true}))
	}
	return last
}

func attributesOf(span sdktrace.ReadOnlySpan) map[string]string {
	attrs := map[string]string{}
	for _, kv := range span.Attributes() {
		attrs[string(kv.Key)] = kv.Value.String()
	}
	return attrs
}

func TestSubAgentSpans(t *testing.T) {
	tests := []struct {
		name      string
		handler   http.HandlerFunc
		errorType string // "" for success
	}{
		{"answer", respond(200, "application/json", `{}`), ""},
		{"handed back", respond(429, "application/problem+json", `{}`), "429"},
		{"failed", respond(500, "application/problem+json", `{}`), "500"},
		{"HTML", respond(200, "text/html", `<html>`), "not_json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			rec, tracer, client := recorded(t)
			var parent trace.SpanContext
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
				parent = trace.SpanContextFromContext(ctx)
				tt.handler(w, r)
			})
			s := newSubAgent(t, SubAgentConfig{URL: server.URL, Name: "helper", HTTPClient: client, Tracer: tracer})
			s.Execute(t.Context(), []byte(`{}`))
			spans := rec.Spans()
			call, http := spanCalled(t, spans, "invoke_agent helper"), spanCalled(t, spans, "POST")
			if call.SpanKind() != trace.SpanKindClient || http.Parent().SpanID() != call.SpanContext().SpanID() ||
				parent.SpanID() != http.SpanContext().SpanID() {
				t.Errorf("the spans do not nest:\n%s", tracingtest.Tree(spans, tracingtest.TreeConfig{}))
			}
			attrs := attributesOf(call)
			if attrs["server.address"] != "127.0.0.1" || !strings.HasSuffix(server.URL, ":"+attrs["server.port"]) {
				t.Errorf("server = %s:%s, want %s", attrs["server.address"], attrs["server.port"], server.URL)
			}
			if attrs["error.type"] != tt.errorType || (call.Status().Code == codes.Error) != (tt.errorType != "") {
				t.Errorf("error.type = %q, status %v", attrs["error.type"], call.Status())
			}
			for _, v := range tracingtest.Conformance([]sdktrace.ReadOnlySpan{call}) {
				t.Error(v)
			}
		})
	}
}
