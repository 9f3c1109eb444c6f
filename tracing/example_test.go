package tracing_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// A server of yours, with an agent of yours in it. A real one passes os.Getenv, listens where it likes, and runs
// drain.OnSignal(os.Exit) beside the server.
func ExampleSetup() {
	settings := map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_SERVICE_NAME": "weather"}
	cfg, err := tracing.ConfigFromEnv(func(name string) string { return settings[name] })
	if err != nil {
		fmt.Println(err) // one sentence for each bad setting; cfg works all the same
	}
	spans := tracingtest.NewRecorder()
	cfg.Exporters = []sdktrace.SpanExporter{spans.Exporter()}
	provider, err := tracing.Setup(context.Background(), cfg)
	if err != nil {
		fmt.Println(err)
	}

	agent := provider.AgentTracer()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		err := agent.Task(r.Context(), agenttrace.TaskStart{AgentName: "weather", Description: "Will it rain?"},
			func(ctx context.Context) (agenttrace.TaskResult, error) {
				err := agent.ToolCall(ctx, agenttrace.ToolCallStart{Name: "forecast", Args: map[string]any{"city": "Madrid"}},
					func(context.Context) (agenttrace.ToolCallResult, error) {
						return agenttrace.ToolCallResult{Size: 5}, nil // ask the weather service
					})
				return agenttrace.TaskResult{TotalSteps: 1}, err
			})
		if err != nil {
			http.Error(w, "no forecast", http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "Sunny.")
	})
	drain := tracing.NewDrain(provider, tracing.DrainConfig{})
	server := httptest.NewServer(drain.Handler(provider.Middleware(mux, httptrace.MiddlewareConfig{
		Route: func(r *http.Request) string { _, pattern := mux.Handler(r); return pattern },
	})))
	defer server.Close()

	answer, err := http.Post(server.URL+"/ask", "text/plain", strings.NewReader("Will it rain?"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = answer.Body.Close()
	fmt.Println(answer.Status) // the trace was at the backend before this was here
	fmt.Print(tracingtest.Tree(spans.Spans(), tracingtest.TreeConfig{NoValues: true}))
	if err := drain.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 200 OK
	// POST /ask [SERVER] Unset
	//   agent.task [INTERNAL] Ok
	//     tool.forecast [INTERNAL] Ok
}

// A library that is instrumented with OpenTelemetry's globals, such as ADK for Go, takes part once they are set. Nothing
// in this module sets them.
func ExampleProvider_TracerProvider() {
	spans := tracingtest.NewRecorder()
	provider, err := tracing.Setup(context.Background(), tracing.Config{Exporters: []sdktrace.SpanExporter{spans.Exporter()}})
	if err != nil {
		fmt.Println(err)
	}
	otel.SetTracerProvider(provider.TracerProvider())
	otel.SetTextMapPropagator(provider.Propagator())

	ctx, invocation := provider.Begin(context.Background()) // the middleware does it for a request
	library(ctx)
	invocation.End()
	fmt.Print(tracingtest.Tree(spans.Spans(), tracingtest.TreeConfig{NoValues: true}))
	if err := provider.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// invoke_agent weather [INTERNAL] Unset
}

// library knows nothing of this module.
func library(ctx context.Context) {
	_, span := otel.Tracer("library").Start(ctx, "invoke_agent weather")
	span.End()
}
