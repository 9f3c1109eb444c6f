package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
	"example.com/gemini-agent/local/searchservice"
	"example.com/gemini-agent/tracing"
)

// platform makes front ends as Google's stands before each function: it puts a span of its own into traceparent that
// no backend will ever see, says "not sampled", and leaves B3 alone.
type platform struct{ hidden atomic.Uint64 }

func (p *platform) front(tb testing.TB, target string) (address string) {
	tb.Helper()
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		span := 0xabcd000000000000 + p.hidden.Add(1)
		traceID := fmt.Sprintf("%032x", span)
		if came := r.In.Header.Get("Traceparent"); len(came) == 55 {
			traceID = came[3:35]
		}
		r.Out.Header.Set("Traceparent", fmt.Sprintf("00-%s-%016x-00", traceID, span))
		r.Out.Header.Set("X-Cloud-Trace-Context", fmt.Sprintf("%s/%d;o=0", traceID, span))
	}})
	tb.Cleanup(server.Close)
	return server.URL
}

// startSearchService serves the search service, traced to the backend, and returns its address.
func startSearchService(tb testing.TB, backend *jaeger) string {
	tb.Helper()
	env := map[string]string{
		"OTEL_SERVICE_NAME":           "search-service",
		"OTEL_EXPORTER_OTLP_ENDPOINT": backend.otlp,
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
	}
	cfg, err := tracing.ConfigFromEnv(func(name string) string { return env[name] })
	if err != nil {
		tb.Fatal(err)
	}
	provider, err := tracing.Setup(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(tracedSearch(provider))
	tb.Cleanup(server.Close)
	return server.URL
}

// TestJaegerBehindThePlatform: three services, each behind a front end that rewrites the headers, are one trace below
// the caller's span.
func TestJaegerBehindThePlatform(t *testing.T) {
	const callerTrace, callerSpan = "5af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	backend, google := startJaeger(t), new(platform)
	program := process.Build(t, functionMain)
	env := []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + backend.otlp, "ENVIRONMENT=production",
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=1",
		"MCP_SERVER_URL=" + google.front(t, startSearchService(t, backend)) + searchservice.Path,
	}
	subAgent := deploy(t, program, append(env, "OTEL_SERVICE_NAME=gemini-sub-agent")...)
	agent := deploy(t, program, append(env, "SUB_AGENT_URL="+google.front(t, subAgent.url))...)
	agent.gemini.Script(
		geminisim.Calls(
			geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}},
			geminisim.Call{Name: "calculate", Args: map[string]any{"expression": "12 * 7"}},
		), geminisim.Text("Done."))
	subAgent.gemini.Script(
		geminisim.Calls(geminisim.Call{Name: "search", Args: map[string]any{"query": "machine learning"}}),
		geminisim.Text("Found."))
	res, err := send(t.Context(), google.front(t, agent.url), "Go.", http.Header{
		"X-B3-Traceid": {callerTrace}, "X-B3-Spanid": {callerSpan},
		"Traceparent": {"00-" + callerTrace + "-" + callerSpan + "-00"},
	})
	if err != nil || res.status != http.StatusOK || res.traceID != callerTrace {
		t.Fatalf("answer = %d %s, trace %s, %v", res.status, res.body, res.traceID, err)
	}
	checkJaeger(t, backend, callerTrace, callerSpan, readmeTrace)
	if fronts := google.hidden.Load(); fronts < 4 {
		t.Errorf("%d requests came through front ends", fronts)
	}
}
