package function

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/tracingtest"
)

// modelFunc is a model that is one function.
type modelFunc func(context.Context) (*agent.Reply, error)

func (f modelFunc) Info() agent.ModelInfo { return agent.ModelInfo{Name: "m", Provider: "p"} }

func (f modelFunc) Generate(ctx context.Context, _ *agent.Request) (*agent.Reply, error) {
	reply, err := f(ctx)
	if err == nil && reply == nil {
		reply = &agent.Reply{Text: "Hello.", Finish: agent.FinishStop, FinishReasons: []string{"stop"}}
	}
	return reply, err
}

// waiting says through entered that it was asked, and answers when ctx ends.
func waiting(entered chan<- struct{}) modelFunc {
	return func(ctx context.Context) (*agent.Reply, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

func newShutdownApp(t *testing.T, model agent.Model, env map[string]string) (*App, *tracingtest.Recorder) {
	t.Helper()
	rec := tracingtest.NewRecorder()
	a := New(t.Context(), Config{
		Getenv: func(name string) string {
			if v, ok := env[name]; ok || name != "OTEL_TRACES_EXPORTER" {
				return v
			}
			return "none"
		},
		Tracing: func(tc *tracing.Config) { tc.Exporters = append(tc.Exporters, rec.Exporter()) },
	})
	a.agent = agent.New(model, agent.Config{Tracer: a.provider.AgentTracer()})
	return a, rec
}

func ask(a *App) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", executePath, strings.NewReader(`{"task":"Hi"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// However little time a shutdown is given, requests do not use up the part of the flush.
func TestShutdownCutsRequestsShortInTimeForTheirTrace(t *testing.T) {
	entered := make(chan struct{}, 1)
	a, rec := newShutdownApp(t, waiting(entered), nil)
	answered := make(chan *httptest.ResponseRecorder)
	go func() { answered <- ask(a) }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 1800*time.Millisecond)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	w := <-answered
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 503 || !strings.Contains(p.Detail, "shutting down") {
		t.Errorf("answer %d %s, want 503 that says why", w.Code, w.Body)
	}
	found := false
	for _, s := range rec.Spans() {
		found = found || s.Name() == "POST "+executePath
	}
	if !found {
		t.Error("the trace of the request did not arrive")
	}
}

// What still comes after SIGTERM is told to go elsewhere, not killed on the way.
func TestRequestsAfterShutdownAreRefused(t *testing.T) {
	a, _ := newShutdownApp(t, waiting(make(chan struct{}, 1)), nil)
	if err := a.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ask(a); w.Code != 503 {
		t.Errorf("answer %d %s, want 503", w.Code, w.Body)
	}
}

// A tool service that does not answer the end of its session must not take the flush's time.
func TestShutdownIsNotHeldUpByAToolService(t *testing.T) {
	release := make(chan struct{})
	var ended atomic.Bool
	server := mcp.NewServer(&mcp.Implementation{Name: "s"}, nil)
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			ended.Store(true)
			<-release
		}
		tools.ServeHTTP(w, r)
	}))
	defer service.Close()
	defer close(release)
	a, rec := newShutdownApp(t, modelFunc(func(context.Context) (*agent.Reply, error) { return nil, nil }),
		map[string]string{"MCP_SERVER_URL": service.URL})
	a.agent = agent.New(modelFunc(func(context.Context) (*agent.Reply, error) { return nil, nil }),
		agent.Config{Tracer: a.provider.AgentTracer(), Sources: []agent.ToolSource{a.mcp}})
	if w := ask(a); w.Code != 200 {
		t.Fatalf("answer %d %s", w.Code, w.Body)
	}
	_, span := a.provider.TracerProvider().Tracer("test").Start(t.Context(), "last")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	begin := time.Now()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
	if !ended.Load() {
		t.Error("the session was not ended: the test tests nothing")
	}
	found := false
	for _, s := range rec.Spans() {
		found = found || s.Name() == "last"
	}
	if !found {
		t.Error("the last span did not arrive")
	}
}
