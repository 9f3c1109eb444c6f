package systemtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// Another function, with nothing of this module but its tracing. The platform calls what is registered; a deployed
// function passes os.Getenv and starts drain.OnSignal(os.Exit) with its first request.
func Example_tracingInAnotherFunction() {
	spans := tracingtest.NewRecorder()
	settings := map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_SERVICE_NAME": "greeter"}
	provider := sync.OnceValue(func() *tracing.Provider { // with the first request: a cold start does only what it must
		cfg, err := tracing.ConfigFromEnv(func(name string) string { return settings[name] })
		if err != nil {
			fmt.Println(err)
		}
		cfg.Exporters = []sdktrace.SpanExporter{spans.Exporter()}
		p, err := tracing.Setup(context.Background(), cfg)
		if err != nil {
			fmt.Println(err)
		}
		return p
	})
	handler := sync.OnceValue(func() http.Handler {
		agent := provider().AgentTracer()
		return provider().Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = agent.Memory(r.Context(), agenttrace.MemoryStart{Operation: "read", Type: "long_term"},
				func(context.Context) (agenttrace.MemoryResult, error) {
					return agenttrace.MemoryResult{RecordCount: 1}, nil
				})
			fmt.Fprint(w, "Hello again.")
		}), httptrace.MiddlewareConfig{Route: func(*http.Request) string { return "/" }})
	})
	greet := func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) }
	functions.HTTP("Greet", greet)

	w := httptest.NewRecorder()
	greet(w, httptest.NewRequest(http.MethodGet, "/", nil))
	body, _ := io.ReadAll(w.Body)
	fmt.Println(string(body))
	_ = provider().Shutdown(context.Background())
	fmt.Print(tracingtest.Tree(spans.Spans(), tracingtest.TreeConfig{NoValues: true}))
	// Output:
	// Hello again.
	// GET / [SERVER] Unset
	//   memory.read [INTERNAL] Ok
}
