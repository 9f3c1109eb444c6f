package systemtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"example.com/gemini-agent/tracing/tracingtest"
)

// meshTasks are tasks that cross services, with the answer's part that shows that it worked.
var meshTasks = []struct{ name, path, task, want string }{
	{"delegate endpoint", delegatePath, "What is 12 * 7?", "84"},
	{"delegate tool", executePath, "Ask the sub-agent to calculate 12 * 7", "84"},
	{"search by the agent", executePath, "Search for machine learning", "About machine learning"},
	{"search by the sub-agent", executePath, "Ask the sub-agent to search for machine learning", "About machine learning"},
}

// TestMeshIsOneTrace: whatever way a task takes through the services, their spans are one tree under the caller's span.
func TestMeshIsOneTrace(t *testing.T) {
	m := startMesh(t, meshConfig{})
	m.agent.post(t, delegatePath, "Hello", nil) // opens the sub-agent's MCP session: part of the trace that needs it first
	m.agent.post(t, executePath, "Hello", nil)
	for _, tt := range meshTasks {
		t.Run(tt.name, func(t *testing.T) {
			m.reset()
			meshCrosses(t, m, tt.path, tt.task, tt.want)
			meshGolden(t, tt.name, meshTree(m.spans()))
		})
	}
}

// TestMeshOpensSessionsInTheTrace: the first request connects to the tool service, and one can see it.
func TestMeshOpensSessionsInTheTrace(t *testing.T) {
	m := startMesh(t, meshConfig{})
	meshCrosses(t, m, executePath, "Search for machine learning", "About machine learning")
	meshGolden(t, "first search", tracingtest.Tree(m.spans(), tracingtest.TreeConfig{NoValues: true}))
}

// TestMeshLeavesNothingBehind: after Shutdown nothing of the services runs any more.
func TestMeshLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("", func(t *testing.T) {
		m := startMesh(t, meshConfig{front: meshPlatform(t)})
		m.agent.post(t, executePath, "Ask the sub-agent to search for machine learning", nil)
	})
	goleak.VerifyNone(t, before)
}

// meshCrosses runs a task for a caller with a trace and checks that its spans are whole and lie under the caller's.
func meshCrosses(t *testing.T, m *mesh, path, task, want string) {
	t.Helper()
	res := m.agent.post(t, path, task, meshCallerHeader(meshKeptTrace, true))
	if res.status != http.StatusOK || !strings.Contains(res.body, want) {
		t.Fatalf("answer = %d %s, want %q", res.status, res.body, want)
	}
	if !strings.Contains(res.body, `"trace_id":"`+meshKeptTrace+`"`) || res.header.Get("X-Trace-ID") != meshKeptTrace {
		t.Errorf("the answer names another trace: %v %s", res.header, res.body)
	}
	spans := m.spans()
	meshConforms(t, spans)
	for _, s := range spans {
		if s.SpanContext().TraceID().String() != meshKeptTrace {
			t.Errorf("%s is not in the caller's trace", s.Name())
		}
	}
	if root := m.agent.root(t); root.Parent().SpanID().String() != meshCaller {
		t.Errorf("the agent's parent is %s, want the caller's span", root.Parent().SpanID())
	}
}

// TestMeshKnowsTheConversation: the user and the session that the caller named are on the spans of both agents,
// whichever way the task is delegated.
func TestMeshKnowsTheConversation(t *testing.T) {
	m := startMesh(t, meshConfig{})
	for _, path := range []string{delegatePath, executePath} {
		m.reset()
		m.agent.post(t, path, "Ask the sub-agent to calculate 12 * 7", nil)
		tasks := 0
		for _, s := range m.spans() {
			session := meshAttribute(s, "gen_ai.conversation.id")
			switch meshAttribute(s, "gen_ai.operation.name") {
			case "invoke_agent", "execute_tool", "generate_content":
				if session != meshSession {
					t.Errorf("%s: %s has gen_ai.conversation.id %q", path, s.Name(), session)
				}
			}
			if s.Name() == "agent.task" {
				tasks++
				if id := meshAttribute(s, "agent.user.id"); id != meshUser {
					t.Errorf("%s: agent.user.id is %q", path, id)
				}
			}
		}
		if want := map[string]int{delegatePath: 1, executePath: 2}[path]; tasks < want {
			t.Errorf("%s: %d tasks", path, tasks)
		}
	}
}

// TestMeshCarriesCorrelationAndBaggage: one correlation id is on every span of every service.
func TestMeshCarriesCorrelationAndBaggage(t *testing.T) {
	m := startMesh(t, meshConfig{})
	header := http.Header{"X-Correlation-Id": {"order-66"}}
	res := m.agent.post(t, executePath, "Ask the sub-agent to search for machine learning", header)
	if res.status != http.StatusOK || res.header.Get("X-Correlation-ID") != "order-66" {
		t.Fatalf("answer = %d, %v", res.status, res.header)
	}
	meshConforms(t, m.spans())
	for _, s := range m.spans() {
		if id := meshAttribute(s, "correlation.id"); id != "order-66" {
			t.Errorf("%s has correlation.id %q", s.Name(), id)
		}
	}
}

// TestMeshTellsGeminiNothing: the model's service gets the task and its own headers, and nothing that names the trace,
// the user or the caller, whichever of the agents asks.
func TestMeshTellsGeminiNothing(t *testing.T) {
	m := startMesh(t, meshConfig{})
	header := meshCallerHeader(meshKeptTrace, true)
	header.Set("tracestate", "vendor=sealed")
	header.Set("baggage", "customer=sealed")
	header.Set("b3", meshKeptTrace+"-"+meshCaller+"-1")
	header.Set("X-Cloud-Trace-Context", meshKeptTrace+"/1;o=1")
	header.Set("X-Correlation-ID", "order-66")
	header.Set("X-Request-ID", "order-67")
	header.Set("Authorization", "Bearer sealed")
	header.Set("Cookie", "session=sealed")
	for _, path := range []string{executePath, delegatePath} {
		m.agent.post(t, path, "Ask the sub-agent to search for machine learning and calculate 12 * 7", header)
	}
	requests := m.gemini.Requests()
	if len(requests) < 6 { // two by each agent, and two by the sub-agent that was asked directly
		t.Fatalf("Gemini got %d requests", len(requests))
	}
	allowed := []string{
		"Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "X-Goog-Api-Client", "X-Goog-Api-Key",
		"X-Server-Timeout",
	}
	for _, r := range requests {
		for name, values := range r.Header {
			if !slices.Contains(allowed, name) {
				t.Errorf("Gemini got the header %s: %q", name, values)
			}
		}
		whole := strings.ToLower(r.Path + r.Query + string(r.Raw))
		for _, values := range r.Header {
			whole += strings.ToLower(strings.Join(values, " "))
		}
		for _, secret := range []string{meshKeptTrace, meshCaller, meshUser, meshSession, "order-66", "order-67", "sealed"} {
			if strings.Contains(whole, secret) {
				t.Errorf("Gemini got %q: %v %s", secret, r.Header, r.Raw)
			}
		}
	}
}
