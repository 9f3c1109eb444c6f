package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// startTestSystem starts a system with these settings, whose output nobody reads.
func startTestSystem(t *testing.T, env map[string]string, named namedAgents) *system {
	t.Helper()
	s, err := startSystem(t.Context(), func(name string) string {
		if v, ok := env[name]; ok || name != "OTEL_TRACES_EXPORTER" {
			return v
		}
		return "none"
	}, named, io.Discard, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func askAgent(t *testing.T, s *system, method, path, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.agent.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

// Two sub-agents with names: each answers for itself, and the model has read what they say of themselves.
func TestTwoSubAgents(t *testing.T) {
	var named namedAgents
	for _, value := range []string{"research=Finds out what things are.", "math"} {
		if err := named.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	s := startTestSystem(t, nil, named)
	if index := askAgent(t, s, "GET", "/", ""); !strings.Contains(index, `"sub_agents":["research","math"]`) {
		t.Errorf("GET / = %s", index)
	}
	answer := askAgent(t, s, "POST", "/api/v1/agent/execute",
		`{"task":"Ask the research sub-agent what machine learning is, and ask the math sub-agent to calculate 12 * 7"}`)
	var got struct {
		Response string
		Steps    []struct {
			Called []string `json:"tools_called"`
			Failed []string `json:"tools_failed"`
		}
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got.Steps) != 1 || len(got.Steps[0].Failed) > 0 ||
		!slices.Equal(got.Steps[0].Called, []string{"delegate_to_research", "delegate_to_math"}) || !strings.Contains(got.Response, "84") {
		t.Errorf("execute = %s", answer)
	}
	if answer := askAgent(t, s, "POST", "/api/v1/agent/delegate?agent=math", `{"task":"What is 6 * 7?"}`); !strings.Contains(answer, "42") {
		t.Errorf("delegate = %s", answer)
	}
	for _, want := range []string{"What it does: Finds out what things are.", `the agent \"math\" and returns its answer. It knows nothing`} {
		if !slices.ContainsFunc(s.gemini.Requests(), func(r geminisim.Request) bool { return strings.Contains(string(r.Raw), want) }) {
			t.Errorf("the model was not told %s", want)
		}
	}
}

// What the environment names takes the place of our own.
func TestSubAgentsOfTheEnvironment(t *testing.T) {
	s := startTestSystem(t, map[string]string{"SUB_AGENTS": "mine=http://127.0.0.1:1"}, nil)
	if index := askAgent(t, s, "GET", "/", ""); len(s.subAgents) > 0 || !strings.Contains(index, `"sub_agents":["mine"]`) {
		t.Errorf("%d sub-agents of our own; GET / = %s", len(s.subAgents), index)
	}
}
