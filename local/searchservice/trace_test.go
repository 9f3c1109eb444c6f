package searchservice

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"example.com/gemini-agent/agent/mcptools"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// clientSpans makes a CLIENT span around each HTTP attempt and sends its context along.
type clientSpans struct {
	base   *http.Transport
	tracer trace.Tracer
}

func (t clientSpans) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(req.Context(), req.Method, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	req = req.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	return t.base.RoundTrip(req)
}

// TestOneTraceFromTheAgentToTheSearch: the agent's tool call, its HTTP request, the service's HTTP request and the search
// are one trace, each the parent of the next.
func TestOneTraceFromTheAgentToTheSearch(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	rec := tracingtest.NewRecorder()
	tracer := rec.Tracer("test")
	server := httptest.NewServer(New(Config{Tracer: tracer, Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
			ctx, span := tracer.Start(ctx, r.Method+" "+r.URL.Path, trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	agentTracer := agenttrace.New(rec, agenttrace.Config{})
	tools, err := mcptools.New(mcptools.Config{
		URLs: []string{server.URL + Path}, Tracer: agentTracer,
		HTTPClient: &http.Client{Transport: clientSpans{transport, tracer}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tools.Close()
	offered := tools.Tools(t.Context())
	if len(offered) != 1 || offered[0].Name != "search" {
		t.Fatalf("tools = %v", offered)
	}
	rec.Reset()

	ctx, span := agentTracer.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "search", Type: offered[0].Type})
	result, err := offered[0].Call(ctx, map[string]any{"query": "machine learning aplicaciones"})
	span.End(agenttrace.ToolCallResult{}, err)
	if data, _ := json.Marshal(result); err != nil || !strings.Contains(string(data), "ml-applications") {
		t.Errorf("search = %s, %v", data, err)
	}
	server.Close() // its spans have ended once it has
	tree := tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{NoValues: true})
	want := `tool.search [INTERNAL] Ok
  POST [CLIENT] Unset
    POST /mcp [SERVER] Unset
      tools/call search [SERVER] Unset
`
	if tree != want {
		t.Errorf("trace:\n%swant:\n%s", tree, want)
	}
}
