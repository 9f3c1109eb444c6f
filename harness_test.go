package function

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/tracingtest"
)

// modelFunc is a model that is one function.
type modelFunc func(context.Context) (*agent.Reply, error)

func (f modelFunc) Info() agent.ModelInfo { return agent.ModelInfo{Name: "m", Provider: "p"} }

func (f modelFunc) Generate(ctx context.Context, _ *agent.Request) (*agent.Reply, error) {
	return f(ctx)
}

// says is a model that answers at once.
func says(context.Context) (*agent.Reply, error) {
	return &agent.Reply{Text: "Hello.", Finish: agent.FinishStop, FinishReasons: []string{"stop"}}, nil
}

// waiting says through entered that it was asked, and answers when ctx ends.
func waiting(entered chan<- struct{}) modelFunc {
	return func(ctx context.Context) (*agent.Reply, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// newTestApp is an app with this model (nil: none), and what its spans arrive at. env is on top of no exporter.
func newTestApp(
	tb testing.TB, model agent.Model, env map[string]string, configure ...func(*tracing.Config),
) (*App, *tracingtest.Recorder) {
	tb.Helper()
	rec := tracingtest.NewRecorder()
	a := New(tb.Context(), Config{
		Getenv: func(name string) string {
			if v, ok := env[name]; ok || name != "OTEL_TRACES_EXPORTER" {
				return v
			}
			return "none"
		},
		Model: model,
		Tracing: func(tc *tracing.Config) {
			tc.Exporters = append(tc.Exporters, rec.Exporter())
			for _, c := range configure {
				c(tc)
			}
		},
	})
	tb.Cleanup(func() { _ = a.Shutdown(context.Background()) }) // again, where the test was about it
	return a, rec
}

// newTask is a request to a path.
func newTask(path string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(`{"task":"Hi"}`))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// ask runs a task to its end.
func ask(a *App) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, newTask(executePath))
	return w
}

func names(spans []sdktrace.ReadOnlySpan) []string {
	var list []string
	for _, s := range spans {
		list = append(list, s.Name())
	}
	return list
}
