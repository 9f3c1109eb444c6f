package searchservice

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

const (
	callerTrace  = "000000000000000000000000000000aa"
	callerParent = "00-" + callerTrace + "-00000000000000bb-01"
	otherParent  = "00-000000000000000000000000000000cc-00000000000000dd-00"
)

// headers adds fixed headers to every request.
type headers struct {
	set  http.Header
	base http.RoundTripper
}

func (h headers) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	for name, values := range h.set {
		req.Header[name] = values
	}
	return h.base.RoundTrip(req)
}

// start runs a traced service and returns a client session with it and the recorder of its spans.
func start(t *testing.T, version string, set http.Header) (*mcp.ClientSession, *tracetest.SpanRecorder) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	recorder := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithSpanProcessor(recorder)).Tracer("test")
	server := httptest.NewServer(New(Config{Tracer: tracer, Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
			ctx, span := tracer.Start(ctx, r.Method+" "+r.URL.Path, trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}}))
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: server.URL + Path, HTTPClient: &http.Client{Transport: headers{set, transport}}, DisableStandaloneSSE: true,
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session, recorder
}

func call(
	t *testing.T, session *mcp.ClientSession, name string, args, meta map[string]any,
) (*mcp.CallToolResult, error) {
	t.Helper()
	return session.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: args, Meta: meta})
}

func spanNamed(recorder *tracetest.SpanRecorder, name string) sdktrace.ReadOnlySpan {
	var found sdktrace.ReadOnlySpan
	for _, span := range recorder.Ended() {
		if span.Name() == name {
			found = span
		}
	}
	return found
}

func attrs(span sdktrace.ReadOnlySpan) map[attribute.Key]string {
	m := map[attribute.Key]string{}
	for _, kv := range span.Attributes() {
		m[kv.Key] = kv.Value.String()
	}
	return m
}

func TestSearchTool(t *testing.T) {
	for _, version := range []string{"", "2025-06-18"} {
		t.Run("protocol "+version, func(t *testing.T) {
			session, _ := start(t, version, nil)
			res, err := call(t, session, "search", map[string]any{"query": "machine learning aplicaciones", "limit": 2}, nil)
			if err != nil || res.IsError {
				t.Fatalf("search = %+v, %v", res, err)
			}
			data, _ := json.Marshal(res.StructuredContent)
			var out searchOutput
			if err := json.Unmarshal(data, &out); err != nil {
				t.Fatal(err)
			}
			if len(out.Results) != 2 || out.Results[0].ID != "ml-applications" || out.Total < 2 {
				t.Errorf("results = %s", data)
			}
		})
	}
}

func TestSearchToolRefuses(t *testing.T) {
	session, recorder := start(t, "", nil)
	for _, query := range []string{"", "  ?! ", "the of", strings.Repeat("x", maxQueryBytes+1)} {
		res, err := call(t, session, "search", map[string]any{"query": query}, nil)
		if err != nil || !res.IsError {
			t.Errorf("query %.20q = %+v, %v; want an error for the model", query, res, err)
		}
	}
	span := spanNamed(recorder, "tools/call search")
	if span == nil || span.Status().Code != codes.Error || attrs(span)["error.type"] != "tool_error" {
		t.Errorf("span of the refused call = %v", span)
	}
}

func TestCallSpanNestsUnderTheCaller(t *testing.T) {
	tests := []struct {
		name   string
		header string // traceparent of the HTTP request
		meta   string // traceparent in params._meta
		parent string // "http", "meta" or "none" for a trace of its own
		link   bool
	}{
		{"both agree", callerParent, callerParent, "http", false},
		{"headers only", callerParent, "", "http", false},
		{"headers lost", "", callerParent, "meta", true},
		{"headers rewritten to another trace", otherParent, callerParent, "meta", true},
		{"malformed metadata", callerParent, "00-zz", "http", false},
		{"neither", "", "", "http", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, meta := http.Header{}, map[string]any{}
			if tt.header != "" {
				set.Set("Traceparent", tt.header)
			}
			if tt.meta != "" {
				meta["traceparent"] = tt.meta
			}
			session, recorder := start(t, "", set)
			if _, err := call(t, session, "search", map[string]any{"query": "spans"}, meta); err != nil {
				t.Fatal(err)
			}
			span := spanNamed(recorder, "tools/call search")
			if span == nil || span.SpanKind() != trace.SpanKindServer {
				t.Fatalf("span = %v", span)
			}
			var http sdktrace.ReadOnlySpan
			for _, s := range recorder.Started() {
				if s.Name() == "POST "+Path {
					http = s // the last one: of the call
				}
			}
			want, got := http.SpanContext().SpanID().String(), span.Parent().SpanID().String()
			if tt.parent == "meta" {
				want = "00000000000000bb"
				if span.SpanContext().TraceID().String() != callerTrace {
					t.Errorf("trace = %s, want the caller's", span.SpanContext().TraceID())
				}
			}
			if got != want {
				t.Errorf("parent = %s, want %s", got, want)
			}
			linked := len(span.Links()) == 1 && span.Links()[0].SpanContext.SpanID() == http.SpanContext().SpanID()
			if linked != tt.link {
				t.Errorf("linked to the HTTP span: %t, want %t", linked, tt.link)
			}
		})
	}
}

func TestCallSpanAttributes(t *testing.T) {
	session, recorder := start(t, "", nil)
	if _, err := call(t, session, "search", map[string]any{"query": "go"}, nil); err != nil {
		t.Fatal(err)
	}
	got := attrs(spanNamed(recorder, "tools/call search"))
	for key, want := range map[attribute.Key]string{
		"mcp.method.name": "tools/call", "gen_ai.tool.name": "search", "gen_ai.operation.name": "execute_tool",
		"network.transport": "tcp", "mcp.protocol.version": session.InitializeResult().ProtocolVersion,
	} {
		if got[key] != want {
			t.Errorf("%s = %q, want %q", key, got[key], want)
		}
	}
	if _, set := got["error.type"]; set {
		t.Error("a call that succeeded has an error.type")
	}
}

func TestUnknownToolDoesNotNameASpan(t *testing.T) {
	session, recorder := start(t, "", nil)
	if _, err := call(t, session, "made-up", nil, nil); err == nil {
		t.Fatal("an unknown tool was called")
	}
	span := spanNamed(recorder, "tools/call")
	if span == nil || attrs(span)["error.type"] != "-32602" ||
		attrs(span)["rpc.response.status_code"] != "-32602" || span.Status().Code != codes.Error {
		t.Errorf("span = %v", span)
	}
}

func TestServiceWorksWithoutTracing(t *testing.T) {
	server := httptest.NewServer(New(Config{}))
	defer server.Close()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(context.Background(),
		&mcp.StreamableClientTransport{Endpoint: server.URL + Path, DisableStandaloneSSE: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if res, err := call(t, session, "search", map[string]any{"query": "go"}, nil); err != nil || res.IsError {
		t.Errorf("search = %+v, %v", res, err)
	}
}
