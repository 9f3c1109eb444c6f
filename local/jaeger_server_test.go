package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	otlp  string // address for gRPC
	query string // address of the query API
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
	return &jaeger{otlp: "http://" + addresses[0].(string), query: "http://" + addresses[2].(string)}
}

// trace asks once for a trace; no spans: Jaeger does not know it.
func (j *jaeger) trace(tb testing.TB, id string) []span {
	tb.Helper()
	res, err := http.Get(j.query + "/api/traces/" + id)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	var found jaegerTraces
	dec := json.NewDecoder(res.Body)
	dec.UseNumber()
	if err := dec.Decode(&found); err != nil || res.StatusCode != http.StatusOK || len(found.Data) != 1 {
		tb.Fatalf("Jaeger answers %s with %d traces: %v", res.Status, len(found.Data), err)
	}
	return found.Data[0].spans(tb)
}

// services are the services Jaeger knows.
func (j *jaeger) services(tb testing.TB) []string {
	tb.Helper()
	res, err := http.Get(j.query + "/api/services")
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	var found struct{ Data []string }
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil {
		tb.Fatal(err)
	}
	slices.Sort(found.Data)
	return found.Data
}

// jaegerTraces is an answer of /api/traces.
type jaegerTraces struct{ Data []jaegerTrace }

type jaegerTrace struct {
	Spans []struct {
		SpanID, ProcessID, OperationName string
		StartTime                        int64 // µs
		References                       []struct{ RefType, SpanID string }
		Tags                             []jaegerTag
	}
	Processes map[string]struct{ ServiceName string }
}

type jaegerTag struct {
	Key, Type string
	Value     any
}

func (t jaegerTrace) spans(tb testing.TB) []span {
	tb.Helper()
	var spans []span
	for _, s := range t.Spans {
		out := span{
			id: s.SpanID, name: s.OperationName, service: t.Processes[s.ProcessID].ServiceName,
			start: s.StartTime, attrs: map[string]any{},
		}
		for _, ref := range s.References {
			if ref.RefType == "CHILD_OF" {
				out.parent = ref.SpanID
			}
		}
		for _, tag := range s.Tags {
			out.attrs[tag.Key] = tag.value(tb)
		}
		spans = append(spans, out)
	}
	return spans
}

// value gives a tag's value the Go type that belongs to its type.
func (t jaegerTag) value(tb testing.TB) any {
	tb.Helper()
	raw, err := json.Marshal(t.Value)
	if err != nil {
		tb.Fatal(err)
	}
	decode := func(v any) {
		tb.Helper()
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(v); err != nil {
			tb.Errorf("tag %s of type %s has the value %s", t.Key, t.Type, raw)
		}
	}
	switch t.Type {
	case "int64":
		var v int64
		decode(&v)
		return v
	case "float64":
		var v float64
		decode(&v)
		return v
	case "bool":
		var v bool
		decode(&v)
		return v
	}
	var v string
	decode(&v)
	return v
}
