package mcptools

import (
	"fmt"
	"net/http"
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

func TestSpans(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		rec, tracer, client := recorded(t)
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}, HTTPClient: client, Tracer: tracer})
		call := func(name string) (sdktrace.ReadOnlySpan, []sdktrace.ReadOnlySpan) {
			tool := toolNamed(t, m.Tools(t.Context()), name)
			rec.Reset()
			ctx, span := tracer.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: name, Type: tool.Type})
			_, err := tool.Call(ctx, map[string]any{"text": "x"})
			span.End(agenttrace.ToolCallResult{}, err)
			return spanCalled(t, rec.Spans(), "tool."+name), rec.Spans()
		}

		span, all := call("echo")
		if got := len(all); got != 2 || spanCalled(t, all, "POST").Parent().SpanID() != span.SpanContext().SpanID() {
			t.Errorf("spans of a call:\n%s", tracingtest.Tree(all, tracingtest.TreeConfig{NoValues: true}))
		}
		attrs := attributesOf(span)
		for key, want := range map[string]string{"mcp.method.name": "tools/call", "server.address": "127.0.0.1",
			"network.transport": "tcp", "gen_ai.tool.type": "extension", "error.type": ""} {
			if attrs[key] != want {
				t.Errorf("%s = %q, want %q", key, attrs[key], want)
			}
		}
		if (attrs["mcp.session.id"] != "") != sessions {
			t.Errorf("mcp.session.id = %q", attrs["mcp.session.id"])
		}
		if want := map[bool]string{true: latestLegacy, false: legacyBelow}[sessions]; attrs["mcp.protocol.version"] != want {
			t.Errorf("mcp.protocol.version = %q, want %q", attrs["mcp.protocol.version"], want)
		}
		request := service.requests("tools/call")[0]
		want := fmt.Sprintf("00-%s-%s-01", span.SpanContext().TraceID(), span.SpanContext().SpanID())
		if got := request.Meta["traceparent"]; got != want {
			t.Errorf("_meta traceparent = %v, want the tool span's %s", got, want)
		}
		for _, v := range tracingtest.Conformance([]sdktrace.ReadOnlySpan{span}) {
			t.Error(v)
		}

		if span, _ := call("fail"); attributesOf(span)["error.type"] != "tool_error" || span.Status().Code != codes.Error {
			t.Errorf("a tool error: %v, %v", attributesOf(span)["error.type"], span.Status())
		}
		service.stop()
		client.Transport.(clientSpans).base.(*http.Transport).CloseIdleConnections()
		tool := m.servers[0].offered.tools[1] // offered before the service died
		ctx, open := tracer.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "late"})
		_, err := tool.Call(ctx, map[string]any{"text": "x"})
		open.End(agenttrace.ToolCallResult{}, err)
		if late := spanCalled(t, rec.Spans(), "tool.late"); attributesOf(late)["error.type"] != "connection" {
			t.Errorf("a dead service: error.type %q", attributesOf(late)["error.type"])
		}
	})
}
