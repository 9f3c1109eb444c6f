package main

import (
	"fmt"
	"slices"
	"testing"

	"example.com/gemini-agent/bench/process"
)

// TestJaegerShowsTheTurnsOfASession: each turn is a trace, and from its agent.task Jaeger leads to that of the turn before.
func TestJaegerShowsTheTurnsOfASession(t *testing.T) {
	backend := startJaeger(t)
	l := startLocal(t, process.Build(t, localMain), "OTEL_EXPORTER_OTLP_ENDPOINT="+backend.otlp, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
	var before []string // the link that a turn has
	for turn := int64(1); turn <= 3; turn++ {
		done, err := post(t.Context(), "http://localhost:"+l.port+"/api/v1/agent/execute", map[string]any{
			"task": fmt.Sprintf("What is %d*7?", turn), "user_id": "ada", "session_id": "s1",
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, api := range backend.apis {
			var names []string
			for _, s := range api.trace(t, done.TraceID) {
				names = append(names, s.name)
				if s.name != "agent.task" {
					continue
				}
				if s.attrs["agent.session.turn"] != turn || !slices.Equal(s.links, before) {
					t.Errorf("%T: turn %v links to %v, want turn %d to link to %v", api, s.attrs["agent.session.turn"], s.links, turn, before)
				}
			}
			for _, want := range []string{"agent.task", "memory.read", "memory.write"} {
				if !slices.Contains(names, want) {
					t.Errorf("%T: turn %d has no %s: %v", api, turn, want, names)
				}
			}
		}
		for _, s := range backend.trace(t, done.TraceID) {
			if s.name == "agent.task" {
				before = []string{done.TraceID + "/" + s.id}
			}
		}
	}
}
