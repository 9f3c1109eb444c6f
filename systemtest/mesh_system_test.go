package systemtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/local/searchservice"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// mesh is three services on loopback, each with its own provider and trace backend, and one Gemini for both agents.
type mesh struct {
	gemini                  *geminisim.Server
	agent, subAgent, search *meshService
}

// meshService is one service and what arrived at its trace backend.
type meshService struct {
	app *function.App // nil: no agent
	url string
	rec *tracingtest.Recorder
	log *lines
}

type meshConfig struct {
	env     map[string]string // of all services, on top of the defaults
	front   func(http.Handler) http.Handler
	timeout *timeout // of the requests of agents
}

// startMesh starts agent, sub-agent and search service; the agents use the search service, the agent the sub-agent.
// cfg.front, if set, stands before each of them.
func startMesh(t *testing.T, cfg meshConfig) *mesh {
	t.Helper()
	m := &mesh{gemini: geminisim.New(geminisim.Config{})}
	gemini := meshServe(t, m.gemini)
	m.search = startMeshSearch(t, cfg)
	env := map[string]string{"GOOGLE_GEMINI_BASE_URL": gemini, "MCP_SERVER_URL": m.search.url + searchservice.Path}
	m.subAgent = startMeshAgent(t, "sub-agent", cfg, env)
	env["SUB_AGENT_URL"] = m.subAgent.url
	m.agent = startMeshAgent(t, "agent", cfg, env)
	return m
}

// startMeshAgent starts one app. env is what it needs; cfg.env wins over it.
func startMeshAgent(t *testing.T, name string, cfg meshConfig, env map[string]string) *meshService {
	t.Helper()
	s := &meshService{rec: tracingtest.NewRecorder(), log: new(lines)}
	s.app = function.New(t.Context(), function.Config{
		Getenv: meshGetenv(name, cfg.env, env), Tracing: meshRecords(s.rec), LogWriter: s.log,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.app.Shutdown(ctx); err != nil {
			t.Errorf("shutting %s down: %v", name, err)
		}
	})
	s.url = meshServe(t, cfg.before(cfg.timeout.before(s.app)))
	return s
}

func startMeshSearch(t *testing.T, cfg meshConfig) *meshService {
	t.Helper()
	s := &meshService{rec: tracingtest.NewRecorder()}
	p := meshProvider(t, "search", cfg, s.rec)
	s.url = meshServe(t, cfg.before(searchservice.New(searchservice.Config{
		Middleware: func(next http.Handler) http.Handler {
			return p.Middleware(next, httptrace.MiddlewareConfig{
				Route: func(*http.Request) string { return searchservice.Path },
			})
		},
		Tracer:     p.TracerProvider().Tracer("search"),
		Propagator: p.Propagator(),
	})))
	return s
}

// meshProvider is the tracing of a service that is no agent.
func meshProvider(t *testing.T, name string, cfg meshConfig, rec *tracingtest.Recorder) *tracing.Provider {
	t.Helper()
	tc, err := tracing.ConfigFromEnv(meshGetenv(name, cfg.env, nil))
	if err != nil {
		t.Fatal(err)
	}
	meshRecords(rec)(&tc)
	p, err := tracing.Setup(t.Context(), tc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Errorf("shutting %s down: %v", name, err)
		}
	})
	return p
}

func (cfg meshConfig) before(h http.Handler) http.Handler {
	if cfg.front == nil {
		return h
	}
	return cfg.front(h)
}

func meshGetenv(name string, layers ...map[string]string) func(string) string {
	defaults := map[string]string{
		"ENVIRONMENT": "development", "OTEL_TRACES_EXPORTER": "none", "OTEL_SERVICE_NAME": name, "GEMINI_API_KEY": "key",
		"SESSION_STORE": "none", // sessions have tests of their own
	}
	env := map[string]string{}
	for _, layer := range append(layers, defaults) {
		for k, v := range layer {
			env[k] = cmp.Or(env[k], v)
		}
	}
	return func(k string) string { return env[k] }
}

func meshRecords(rec *tracingtest.Recorder) func(*tracing.Config) {
	return func(tc *tracing.Config) {
		tc.Exporters = []sdktrace.SpanExporter{rec.Exporter()}
		tc.Pipeline.FlushTimeout = patience
	}
}

// meshServe serves h on loopback until the test ends and returns its address.
func meshServe(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// spans is what all backends of the mesh have.
func (m *mesh) spans() []sdktrace.ReadOnlySpan {
	return append(append(m.agent.rec.Spans(), m.subAgent.rec.Spans()...), m.search.rec.Spans()...)
}

func (m *mesh) reset() {
	for _, s := range []*meshService{m.agent, m.subAgent, m.search} {
		s.rec.Reset()
	}
	m.gemini.Reset()
}

// meshReply is an answer read to its end.
type meshReply struct {
	status int
	header http.Header
	body   string
}

// post sends a task to the service.
func (s *meshService) post(t *testing.T, path, task string, header http.Header) meshReply {
	t.Helper()
	body, err := json.Marshal(map[string]string{"task": task, "user_id": meshUser, "session_id": meshSession})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return meshReply{res.StatusCode, res.Header, string(answer)}
}

// problem returns the detail of an RFC 9457 answer; the test fails when r is none or has no trace id.
func (r meshReply) problem(t *testing.T) string {
	t.Helper()
	var p struct {
		Status  int
		Detail  string
		TraceID string `json:"trace_id"`
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("answer %d %s: %v", r.status, r.body, err)
	}
	if r.header.Get("Content-Type") != "application/problem+json" || p.Status != r.status || p.TraceID == "" {
		t.Errorf("answer %d is no problem of ours: %v %s", r.status, r.header, r.body)
	}
	return p.Detail
}

// The caller of the tests: a span of another system.
const (
	meshUser    = "user-4711"
	meshSession = "session-0815"
	meshCaller  = "00f067aa0ba902b7"
	// Trace ids on either side of every ratio between 0 and 1: the low 56 bits decide.
	meshKeptTrace = "4bf92f3577b34da6a3ffffffffffffff"
	meshLostTrace = "4bf92f3577b34da6a300000000000000"
)

// meshCallerHeader is what a caller sends that speaks both W3C and B3.
func meshCallerHeader(traceID string, sampled bool) http.Header {
	decision := "0"
	if sampled {
		decision = "1"
	}
	h := http.Header{}
	h.Set("traceparent", "00-"+traceID+"-"+meshCaller+"-0"+decision)
	h.Set("X-B3-TraceId", traceID)
	h.Set("X-B3-SpanId", meshCaller)
	h.Set("X-B3-Sampled", decision)
	return h
}

// meshConforms checks the spans against the conventions, and that they are one whole trace: one root for each parent
// that is not among them, and that is one at most.
func meshConforms(t *testing.T, spans []sdktrace.ReadOnlySpan) {
	t.Helper()
	for _, v := range tracingtest.Conformance(spans) {
		t.Error(v)
	}
	for _, s := range meshCalls(spans) { // by its method alone nobody knows a request
		if name := s.Name(); name == "POST" || name == "GET" || name == "DELETE" {
			t.Errorf("a request's span is named %q: %v", name, s.Attributes())
		}
	}
	known := map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.SpanContext().SpanID()] = true
	}
	roots := 0
	for _, s := range spans {
		if s.SpanContext().TraceID() != spans[0].SpanContext().TraceID() {
			t.Errorf("%s is of another trace", s.Name())
		}
		if !known[s.Parent().SpanID()] {
			roots++
		}
	}
	if roots != 1 {
		t.Errorf("the spans are %d trees, want one:\n%s", roots,
			tracingtest.Tree(spans, tracingtest.TreeConfig{NoValues: true}))
	}
}

// meshTree renders the trace without what the middleware's own tests look at.
func meshTree(spans []sdktrace.ReadOnlySpan) string {
	return tracingtest.Tree(spans, tracingtest.TreeConfig{
		Omit: []string{
			"client.*", "correlation.id", "faas.*", "network.*", "process.*", "url.*", "user_agent.*", "exception.*",
			"gen_ai.agent.*", "gen_ai.response.id", "gen_ai.tool.call.id", "gen_ai.tool.description", "gen_ai.provider.name",
			"gen_ai.tool.type", "gen_ai.usage.*", "llm.*", "server.*", "mcp.session.id", "agent.task.description",
			"gen_ai.request.model", "gen_ai.response.model", "http.request.method",
		},
	})
}

// meshEventually waits until ok: what a cut-off callee still has to do, its callers do not wait for.
func meshEventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatalf("%s did not come about", what)
		}
	}
}

// meshCount is the number of spans of a name.
func meshCount(spans []sdktrace.ReadOnlySpan, name string) (n int) {
	for _, s := range spans {
		if s.Name() == name {
			n++
		}
	}
	return n
}

// meshCalls are the spans of HTTP requests that were sent.
func meshCalls(spans []sdktrace.ReadOnlySpan) (calls []sdktrace.ReadOnlySpan) {
	for _, s := range spans {
		isRequest := slices.ContainsFunc(s.Attributes(), func(a attribute.KeyValue) bool { return a.Key == "http.request.method" })
		if s.SpanKind() == trace.SpanKindClient && isRequest {
			calls = append(calls, s)
		}
	}
	return calls
}

// meshGolden compares a tree with testdata/mesh/NAME.golden.
func meshGolden(t *testing.T, name, tree string) {
	t.Helper()
	tracingtest.Golden(t, "testdata/mesh/"+strings.ReplaceAll(name, " ", "_")+".golden", tree)
}

// root is the only span of the service whose parent is elsewhere or nowhere.
func (s *meshService) root(t *testing.T) sdktrace.ReadOnlySpan {
	t.Helper()
	var roots []sdktrace.ReadOnlySpan
	for _, span := range s.rec.Spans() {
		if p := span.Parent(); !p.IsValid() || p.IsRemote() {
			roots = append(roots, span)
		}
	}
	if len(roots) != 1 {
		t.Fatalf("%s has %d local roots, want one", s.url, len(roots))
	}
	return roots[0]
}

// meshAttribute returns the value of an attribute as text, "" when absent.
func meshAttribute(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}
