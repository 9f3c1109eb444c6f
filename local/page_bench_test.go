package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
	"example.com/gemini-agent/local/live"
	"example.com/gemini-agent/tracing"
)

// BenchmarkLivePage is what a hub without readers adds to whole invocations: the agent over HTTP, with tools, a simulated
// Gemini and an exporter that takes everything. It takes turns with and without, because a machine's speed drifts, and
// compares the least processor time of either.
func BenchmarkLivePage(b *testing.B) {
	gemini := httptest.NewServer(geminisim.New(geminisim.Config{KeepLast: 1}))
	b.Cleanup(gemini.Close)
	env := map[string]string{"GEMINI_API_KEY": "test", "GOOGLE_GEMINI_BASE_URL": gemini.URL, "LOG_LEVEL": "error"}
	start := func(p ...sdktrace.SpanProcessor) http.Handler {
		app := function.New(b.Context(), function.Config{
			Getenv: func(name string) string { return env[name] },
			Tracing: func(cfg *tracing.Config) {
				cfg.Processors = p
				cfg.Exporters = []sdktrace.SpanExporter{new(faults).collector()}
			},
		})
		b.Cleanup(func() { _ = app.Shutdown(context.WithoutCancel(b.Context())) })
		return app
	}
	hub := live.NewHub(live.Config{})
	apps := []http.Handler{start(), start(hub)}
	const round = 50 // invocations
	least := []time.Duration{time.Hour, time.Hour}
	for b.Loop() {
		for i, app := range apps {
			before := processorTime(b)
			for range round {
				req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, executePath, strings.NewReader(`{"task": "Calculate 12 * 7, and tell the time"}`))
				req.Header.Set("Content-Type", "application/json")
				res := httptest.NewRecorder()
				app.ServeHTTP(res, req)
				if res.Code != http.StatusOK {
					b.Fatalf("%d %s", res.Code, res.Body)
				}
			}
			least[i] = min(least[i], processorTime(b)-before)
		}
	}
	b.ReportMetric(float64(least[0].Microseconds())/round, "cpu-us/without")
	b.ReportMetric(float64(least[1].Microseconds())/round, "cpu-us/with")
	b.ReportMetric(float64(least[1])/float64(least[0]), "ratio")
	b.ReportMetric(0, "ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	used, err := process.CPU(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	return used
}
