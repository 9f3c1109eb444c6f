package systemtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/local/searchservice"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// meshAnswers is a sub-agent that always answers the same.
func meshAnswers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// meshHangs is a service at which its caller runs out of time, and that says nothing until the caller leaves.
func meshHangs(caller *timeout) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices that the caller left only when the body is read
		caller.pass()
		<-r.Context().Done()
	}
}

// meshSubAgentFaults are the ways a sub-agent fails, with what the caller of the delegate endpoint is told and what the
// model is told when it asked for the delegation.
var meshSubAgentFaults = []struct {
	name    string
	handler http.HandlerFunc // nil: nobody listens
	slow    bool             // instead: it does not answer in time
	status  int
	detail  string // of the problem
	model   string // "": the run does not get that far
}{
	{name: "down", status: 502, detail: "The sub-agent could not be reached.",
		model: "The sub-agent could not be reached."},
	{name: "slow", slow: true, status: 504,
		detail: "Time ran out while waiting for the sub-agent."},
	{name: "HTML", handler: meshAnswers(200, "text/html", "<html>Welcome!</html>"), status: 502,
		detail: "The sub-agent's answer (200) is not JSON.", model: "The sub-agent's answer (200) is not JSON."},
	{name: "500", handler: meshAnswers(500, "application/problem+json", `{"detail":"sealed"}`), status: 502,
		detail: "The sub-agent failed (500).", model: "The sub-agent failed (500)."},
	{name: "503 by the platform", handler: meshAnswers(503, "text/html", "<html>Service Unavailable</html>"), status: 502,
		detail: "The sub-agent failed (503).", model: "The sub-agent failed (503)."},
	{name: "its own 504", handler: meshAnswers(504, "application/problem+json", `{"detail":"sealed"}`), status: 504,
		detail: "The sub-agent ran out of time (504).", model: "The sub-agent ran out of time (504)."},
	{name: "10 MB", handler: meshAnswers(200, "application/json", `{"response":"`+strings.Repeat("x", 10<<20)+`"}`),
		status: 502, detail: "The sub-agent's answer is larger than 4 MiB.",
		model: "The sub-agent's answer is larger than 4 MiB."},
	{name: "403", handler: meshAnswers(403, "text/html", "<html>Forbidden</html>"), status: 502,
		detail: "The sub-agent did not accept our identity (403).",
		model:  "The sub-agent did not accept our identity (403)."},
	{name: "429", handler: meshAnswers(429, "application/problem+json", `{"detail":"Its quota is spent."}`), status: 429,
		model: "the sub-agent refused the task (429): Its quota is spent. (retry after 7)"},
}

// TestMeshSubAgentFails: whatever the sub-agent does, the caller and the model learn which side failed and nothing else
// of it, and the trace shows the whole story.
func TestMeshSubAgentFails(t *testing.T) {
	for _, tt := range meshSubAgentFaults {
		start := func(t *testing.T) (s *meshService, gemini *geminisim.Server, safe func(answer string)) {
			t.Parallel()
			gemini = geminisim.New(geminisim.Config{Strict: true})
			late, target := newTimeout(), "http://"+closedPort
			switch {
			case tt.slow:
				target = meshServe(t, meshHangs(late))
			case tt.handler != nil:
				target = meshServe(t, tt.handler)
			}
			s = startMeshAgent(t, "agent", meshConfig{timeout: late}, map[string]string{
				"SUB_AGENT_URL": target, "GOOGLE_GEMINI_BASE_URL": meshServe(t, gemini),
			})
			return s, gemini, func(answer string) {
				t.Helper()
				if strings.Contains(answer, "sealed") || strings.Contains(answer, strings.TrimPrefix(target, "http://")) {
					t.Errorf("the answer shows what is private: %s", answer)
				}
			}
		}
		t.Run(tt.name+" by endpoint", func(t *testing.T) {
			s, _, safe := start(t)
			res := s.post(t, delegatePath, "Go.", nil)
			if res.status != tt.status {
				t.Errorf("answer = %d %s, want %d", res.status, res.body, tt.status)
			}
			if tt.status == http.StatusTooManyRequests { // handed back as it came
				if res.body != `{"detail":"Its quota is spent."}` || res.header.Get("Retry-After") != "7" {
					t.Errorf("answer = %v %s", res.header, res.body)
				}
			} else if detail := res.problem(t); !strings.HasPrefix(detail, tt.detail) {
				t.Errorf("detail = %q, want %q", detail, tt.detail)
			}
			safe(res.body)
			meshConforms(t, s.rec.Spans())
			meshGolden(t, "sub-agent "+tt.name+" by endpoint", meshTree(s.rec.Spans()))
		})
		t.Run(tt.name+" by tool", func(t *testing.T) {
			s, gemini, safe := start(t)
			gemini.Script(geminisim.Calls(geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}}))
			if tt.model != "" {
				gemini.Script(geminisim.Text("It could not be done."))
			}
			res := s.post(t, executePath, "Go.", nil)
			if tt.model == "" {
				if detail := res.problem(t); res.status != tt.status || !strings.Contains(detail, "did not finish in time") {
					t.Errorf("answer = %d %s, want %d", res.status, res.body, tt.status)
				}
			} else {
				if res.status != http.StatusOK || !strings.Contains(res.body, "It could not be done.") {
					t.Fatalf("answer = %d %s", res.status, res.body)
				}
				told := string(gemini.Requests()[1].Raw)
				if !strings.Contains(told, tt.model) {
					t.Errorf("the model was told %s, want %q", told, tt.model)
				}
				safe(told)
			}
			safe(res.body)
			meshEventually(t, "the span of the delegation", func() bool { // nobody waits long for a tool that is late
				return meshCount(s.rec.Spans(), "invoke_agent sub-agent") == 1
			})
			meshConforms(t, s.rec.Spans())
			meshGolden(t, "sub-agent "+tt.name+" by tool", meshTree(s.rec.Spans()))
		})
	}
}

// meshToolFaults are the ways a tool of another service fails, and what the model is told.
var meshToolFaults = []struct {
	name  string
	tool  func(context.Context, *meshTools) (*mcp.CallToolResult, error)
	model string
}{
	{"says isError", func(context.Context, *meshTools) (*mcp.CallToolResult, error) {
		return nil, errors.New("no such city")
	}, "no such city"},
	{"answers a JSON-RPC error", func(context.Context, *meshTools) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: -32042, Message: "no such city"}
	}, "the tool service refused the call: no such city"},
	{"dies mid-call", func(_ context.Context, s *meshTools) (*mcp.CallToolResult, error) {
		s.die()
		return nil, errors.New("nobody hears this")
	}, "the tool service broke off before it answered; whether it did the work is not known"},
	{"returns 1 MB", func(context.Context, *meshTools) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.Repeat("é", 512<<10)}}}, nil
	}, "[cut: "},
}

// TestMeshToolServiceFails: the model is told, the run goes on, and agent and service are one trace.
func TestMeshToolServiceFails(t *testing.T) {
	for _, tt := range meshToolFaults {
		t.Run(tt.name, func(t *testing.T) {
			service := startMeshTools(t, tt.tool)
			s, gemini := startMeshToolUser(t, service.url+searchservice.Path, nil)
			gemini.Script(geminisim.Text("Hello."), geminisim.Calls(geminisim.Call{Name: "work"}), geminisim.Text("Done."))
			s.post(t, executePath, "Hello", nil) // opens the session
			s.rec.Reset()
			service.rec.Reset()
			res := s.post(t, executePath, "Work.", nil)
			if res.status != http.StatusOK || !strings.Contains(res.body, "Done.") {
				t.Fatalf("answer = %d %s", res.status, res.body)
			}
			told := gemini.Requests()[2].Raw
			if !strings.Contains(string(told), tt.model) || strings.Contains(string(told), "sealed") {
				t.Errorf("the model was told %.500s, want %q", told, tt.model)
			}
			if len(told) > 100<<10 {
				t.Errorf("the model was told %d bytes", len(told))
			}
			meshEventually(t, "the service's trace", func() bool { return len(service.rec.Spans()) > 0 })
			spans := append(s.rec.Spans(), service.rec.Spans()...)
			meshConforms(t, spans)
			meshGolden(t, "tool service "+tt.name, meshTornTree(s.rec.Spans(), spans))
		})
	}
}

// TestMeshToolServiceIsLeft: the caller's time is up while a tool works. Both ends of the trace arrive.
func TestMeshToolServiceIsLeft(t *testing.T) {
	t.Parallel()
	late := newTimeout()
	service := startMeshTools(t, func(ctx context.Context, _ *meshTools) (*mcp.CallToolResult, error) {
		late.pass()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s, gemini := startMeshToolUser(t, service.url+searchservice.Path, late)
	gemini.Script(geminisim.Text("Hello."), geminisim.Calls(geminisim.Call{Name: "work"}))
	s.post(t, executePath, "Hello", nil)
	s.rec.Reset()
	service.rec.Reset()
	if res := s.post(t, executePath, "Work.", nil); res.status != http.StatusGatewayTimeout {
		t.Errorf("answer = %d %s", res.status, res.body)
	}
	var agent, tools []sdktrace.ReadOnlySpan
	meshEventually(t, "the traces of the call and of its cancellation", func() bool {
		agent, tools = s.rec.Spans(), service.rec.Spans()
		return len(meshCalls(agent)) == 3 && meshCount(tools, "POST "+searchservice.Path) == 2
	})
	spans := append(agent, tools...)
	meshConforms(t, spans)
	meshGolden(t, "tool service is left", meshTornTree(agent, spans))
}

// meshTornTree renders the agent's spans and then the places of all. Whether a service whose connection broke noticed
// it before it had written its status is a matter of luck.
func meshTornTree(agent, all []sdktrace.ReadOnlySpan) string {
	return meshTree(agent) + "\n" + tracingtest.Tree(all, tracingtest.TreeConfig{NoValues: true})
}

// TestMeshToolServiceDownAtStart costs its tools, not the request.
func TestMeshToolServiceDownAtStart(t *testing.T) {
	s, gemini := startMeshToolUser(t, "http://"+closedPort+searchservice.Path, nil)
	gemini.Script(geminisim.Text("Hello."))
	res := s.post(t, executePath, "Hello", nil)
	if res.status != http.StatusOK || !strings.Contains(res.body, "Hello.") {
		t.Fatalf("answer = %d %s", res.status, res.body)
	}
	meshConforms(t, s.rec.Spans())
	meshGolden(t, "tool service down at start", meshTree(s.rec.Spans()))
	s.rec.Reset()
	gemini.Script(geminisim.Text("Hello again."))
	if s.post(t, executePath, "Hello", nil); len(meshCalls(s.rec.Spans())) != 1 {
		t.Errorf("the dead service was asked again at once:\n%s", meshTree(s.rec.Spans()))
	}
}

// startMeshToolUser starts an agent with one tool service.
func startMeshToolUser(t *testing.T, url string, late *timeout) (*meshService, *geminisim.Server) {
	t.Helper()
	gemini := geminisim.New(geminisim.Config{Strict: true})
	return startMeshAgent(t, "agent", meshConfig{timeout: late}, map[string]string{
		"MCP_SERVER_URL": url, "GOOGLE_GEMINI_BASE_URL": meshServe(t, gemini),
	}), gemini
}

// meshTools is a traced MCP server with one tool, work.
type meshTools struct {
	url string
	rec *tracingtest.Recorder
	die context.CancelFunc // closes every connection
}

func startMeshTools(t *testing.T, work func(context.Context, *meshTools) (*mcp.CallToolResult, error)) *meshTools {
	t.Helper()
	s := &meshTools{rec: tracingtest.NewRecorder()}
	p := meshProvider(t, "tools", meshConfig{}, s.rec)
	server := mcp.NewServer(&mcp.Implementation{Name: "tools", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "work", Description: "Works."},
		func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
			res, err := work(ctx, s)
			return res, nil, err
		})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, PropagateRequestCancellation: true,
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
	s.die = func() { _ = web.Close() }
	t.Cleanup(func() { s.die(); <-served })
	s.url = "http://" + l.Addr().String()
	return s
}

// TestMeshSubAgentIsLeft: the caller's time is up while the sub-agent waits for its model. Both ends of the trace
// arrive.
func TestMeshSubAgentIsLeft(t *testing.T) {
	for _, path := range []string{delegatePath, executePath} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			gemini := geminisim.New(geminisim.Config{Strict: true})
			env := map[string]string{"GOOGLE_GEMINI_BASE_URL": meshServe(t, gemini)}
			subAgent := startMeshAgent(t, "sub-agent", meshConfig{}, env)
			env["SUB_AGENT_URL"] = subAgent.url
			late := newTimeout()
			s := startMeshAgent(t, "agent", meshConfig{timeout: late}, env)
			if path == executePath {
				gemini.Script(geminisim.Calls(geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}}))
			}
			gemini.Script(hangs(late.pass))
			if res := s.post(t, path, "Go.", nil); res.status != http.StatusGatewayTimeout {
				t.Errorf("answer = %d %s", res.status, res.body)
			}
			meshEventually(t, "both traces", func() bool { // the server's span is the sub-agent's last
				return meshCount(s.rec.Spans(), "invoke_agent sub-agent") == 1 && meshCount(subAgent.rec.Spans(), "POST "+executePath) == 1
			})
			spans := append(s.rec.Spans(), subAgent.rec.Spans()...)
			meshConforms(t, spans)
			meshGolden(t, "sub-agent is left by "+strings.TrimPrefix(path, "/api/v1/agent/"), meshTree(spans))
		})
	}
}
