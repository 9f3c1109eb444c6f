package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"example.com/gemini-agent/bench/process"
)

// jaegerConfig is Jaeger with traces in memory, and neither batches nor queues: OTLP is answered when a trace can be
// asked for. (%s: OTLP over gRPC, over HTTP, query over HTTP, over gRPC.)
const jaegerConfig = `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
extensions:
  jaeger_storage:
    backends:
      memory: {memory: {max_traces: 1000}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "%[3]s"}
    grpc: {endpoint: "%[4]s"}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "%[1]s"}
      http: {endpoint: "%[2]s"}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`

// jaeger is a real Jaeger.
type jaeger struct {
	otlp string      // address for gRPC
	http string      // address for OTLP over HTTP
	apis []jaegerAPI // that it has, the newest first
}

// jaegerAPI is one of the query APIs that versions of Jaeger have.
type jaegerAPI interface {
	// services are the services Jaeger knows.
	services(testing.TB) []string
	// trace asks once for a trace; no spans: Jaeger does not know it.
	trace(tb testing.TB, id string) []span
}

func startJaeger(tb testing.TB) *jaeger {
	tb.Helper()
	program := os.Getenv("JAEGER_BIN")
	if program == "" {
		tb.Skip("JAEGER_BIN is not set: it is the path of a jaeger program (github.com/jaegertracing/jaeger/cmd/jaeger)")
	}
	var ports [4]string
	var addresses [4]any
	for i := range ports {
		ports[i] = process.FreePort(tb)
		addresses[i] = net.JoinHostPort("127.0.0.1", ports[i])
	}
	file := filepath.Join(tb.TempDir(), "jaeger.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, jaegerConfig, addresses[:]...), 0o600); err != nil {
		tb.Fatal(err)
	}
	p := process.Start(tb, program, process.Environ(), "--config", file)
	for _, port := range ports {
		p.AwaitPort(tb, port)
	}
	j := &jaeger{otlp: "http://" + addresses[0].(string), http: "http://" + addresses[1].(string)}
	query := "http://" + addresses[2].(string)
	for _, known := range []struct {
		path string
		api  jaegerAPI
	}{{"/api/v3/services", jaegerV3{query}}, {"/api/services", jaegerV1{query}}} {
		if jaegerGet(tb, query+known.path, new(json.RawMessage)) {
			j.apis = append(j.apis, known.api)
			tb.Logf("this Jaeger has %s", known.path)
		}
	}
	if len(j.apis) == 0 {
		tb.Fatal("this Jaeger has none of the query APIs that are known here")
	}
	return j
}

// trace asks once, and fails the test unless all APIs give the same answer.
func (j *jaeger) trace(tb testing.TB, id string) []span {
	tb.Helper()
	spans := j.apis[0].trace(tb, id)
	for _, api := range j.apis[1:] {
		if old, want := outline(api.trace(tb, id)), outline(spans); old != want {
			tb.Errorf("%T has\n%s%T has\n%s", api, old, j.apis[0], want)
		}
	}
	return spans
}

func (j *jaeger) services(tb testing.TB) []string {
	tb.Helper()
	return j.apis[0].services(tb)
}

// jaegerGet decodes an answer and reports whether there is one.
func jaegerGet(tb testing.TB, url string, into any) bool {
	tb.Helper()
	res, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return false
	}
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	if err := dec.Decode(into); err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("Jaeger answers %s: %v", res.Status, err)
	}
	return true
}
