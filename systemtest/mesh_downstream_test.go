package systemtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/local/searchservice"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// TestMeshFailureIsKeptWhole: with production sampling, of a trace that no ratio keeps, a failure in the third service
// keeps all three parts, and without one none of them arrives. The tool answers as JSON or as a stream of events, and
// nobody above takes its failure for one.
func TestMeshFailureIsKeptWhole(t *testing.T) {
	const trace = "4bf92f3577b34da6a300000000000001" // above no threshold
	for _, stream := range []bool{false, true} {
		for _, fails := range []bool{false, true} {
			t.Run(fmt.Sprintf("stream=%t fails=%t", stream, fails), func(t *testing.T) {
				t.Parallel()
				production := meshConfig{env: map[string]string{"ENVIRONMENT": "production", "TRACE_DEAD_LETTER": "off"}}
				tools, rec := startMeshSilentFailure(t, production, stream, fails)
				gemini := geminisim.New(geminisim.Config{})
				env := map[string]string{"GOOGLE_GEMINI_BASE_URL": meshServe(t, gemini), "MCP_SERVER_URL": tools}
				subAgent := startMeshAgent(t, "sub-agent", production, env)
				subAgent.post(t, executePath, "Hello", nil) // opens the session
				env["SUB_AGENT_URL"] = subAgent.url
				delete(env, "MCP_SERVER_URL")
				agent := startMeshAgent(t, "agent", production, env)
				subAgent.rec.Reset()
				rec.Reset()
				gemini.Reset()
				gemini.Script(
					geminisim.Calls(geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}}),
					geminisim.Calls(geminisim.Call{Name: "work", Args: map[string]any{}}),
					geminisim.Text("Done below."), geminisim.Text("Done."),
				)
				res := agent.post(t, executePath, "Go.", http.Header{"Traceparent": {"00-" + trace + "-00f067aa0ba902b7-00"}})
				if res.status != http.StatusOK {
					t.Fatalf("answer = %d %s", res.status, res.body)
				}
				parts := map[string]int{
					"agent": len(agent.rec.Spans()), "sub-agent": len(subAgent.rec.Spans()), "tools": len(rec.Spans()),
				}
				for service, n := range parts {
					if (n > 0) != fails {
						t.Errorf("spans of %s: %d; all: %v", service, n, parts)
					}
				}
				if flag := res.header.Get("Traceresponse"); fails != (len(flag) == 55 && flag[53:] == "01") {
					t.Errorf("traceresponse %q", flag)
				}
				for _, s := range append(append(agent.rec.Spans(), subAgent.rec.Spans()...), rec.Spans()...) {
					if s.SpanContext().TraceID().String() != trace {
						t.Errorf("%s is of another trace", s.Name())
					}
				}
			})
		}
	}
}

// startMeshSilentFailure is a tool service whose tool always answers well, and whose trace may hold an error.
func startMeshSilentFailure(t *testing.T, cfg meshConfig, stream, fails bool) (string, *tracingtest.Recorder) {
	t.Helper()
	rec := tracingtest.NewRecorder()
	p := meshProvider(t, "tools", cfg, rec)
	server := mcp.NewServer(&mcp.Implementation{Name: "tools", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "work", Description: "Works."},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			_, span := p.TracerProvider().Tracer("tools").Start(ctx, "look up")
			if fails {
				span.RecordError(errors.New("a replica is down"))
				span.SetStatus(codes.Error, "a replica is down")
			}
			span.End()
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "fine"}}}, nil, nil
		})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: !stream, PropagateRequestCancellation: true,
	})
	web := &http.Server{ReadHeaderTimeout: time.Minute, Handler: p.Middleware(handler, httptrace.MiddlewareConfig{
		Route: func(*http.Request) string { return searchservice.Path },
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(l) // ends with Close
	}()
	t.Cleanup(func() { _, _ = web.Close(), <-served })
	return "http://" + l.Addr().String(), rec
}
