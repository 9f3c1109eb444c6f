package systemtest

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
)

// startMeshLoop starts two agents that are each other's sub-agent. between stands on the way from each to the other.
func startMeshLoop(
	t *testing.T, gemini *geminisim.Server, between func(*httputil.ProxyRequest),
) (one, two *meshService) {
	t.Helper()
	var target *url.URL // of the way back, known once both run
	back := meshServe(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		between(r)
	}})
	env := map[string]string{"GOOGLE_GEMINI_BASE_URL": meshServe(t, gemini), "SUB_AGENT_URL": back}
	two = startMeshAgent(t, "two", meshConfig{}, env)
	forth, err := url.Parse(two.url)
	if err != nil {
		t.Fatal(err)
	}
	env["SUB_AGENT_URL"] = meshServe(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(forth)
		between(r)
	}})
	one = startMeshAgent(t, "one", meshConfig{}, env)
	if target, err = url.Parse(one.url); err != nil {
		t.Fatal(err)
	}
	return one, two
}

// TestMeshToolLoopEnds: agents whose models delegate to each other in a circle stop at the depth limit. The model that
// meets it is told so, and the answers find their way back.
func TestMeshToolLoopEnds(t *testing.T) {
	gemini := geminisim.New(geminisim.Config{Strict: true})
	one, two := startMeshLoop(t, gemini, func(*httputil.ProxyRequest) {})
	delegate := geminisim.Calls(geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}})
	for range agent.MaxDepth + 1 {
		gemini.Script(delegate)
	}
	for range agent.MaxDepth + 1 {
		gemini.Script(geminisim.Text("That is all."))
	}
	res := one.post(t, executePath, "Go.", nil)
	if res.status != http.StatusOK || !strings.Contains(res.body, "That is all.") || gemini.Pending() != 0 {
		t.Fatalf("answer = %d %s, %d replies left", res.status, res.body, gemini.Pending())
	}
	told := string(gemini.Requests()[agent.MaxDepth+1].Raw)
	if !strings.Contains(told, "has been delegated 5 times already") || !strings.Contains(told, "SUB_AGENT_URL") {
		t.Errorf("the model at the limit was told %s", told)
	}
	spans := append(one.rec.Spans(), two.rec.Spans()...)
	meshConforms(t, spans)
	meshHops(t, spans, executePath, agent.MaxDepth+1)
	meshGolden(t, "loop by tool", meshTree(spans))
}

// TestMeshEndpointLoopEnds: the same where no model has a say, as something on the way turns execute into delegate.
func TestMeshEndpointLoopEnds(t *testing.T) {
	gemini := geminisim.New(geminisim.Config{Strict: true})
	one, two := startMeshLoop(t, gemini, func(r *httputil.ProxyRequest) { r.Out.URL.Path = delegatePath })
	res := one.post(t, delegatePath, "Go.", nil)
	if detail := res.problem(t); res.status != http.StatusBadGateway || detail != "The sub-agent failed (502)." {
		t.Errorf("answer = %d %s", res.status, res.body)
	}
	if n := len(gemini.Requests()); n != 0 {
		t.Errorf("the loop cost %d model calls", n)
	}
	spans := append(one.rec.Spans(), two.rec.Spans()...)
	meshConforms(t, spans)
	meshHops(t, spans, delegatePath, agent.MaxDepth+1)
	meshGolden(t, "loop by endpoint", meshTree(spans))
}

// meshHops checks how often the route was served.
func meshHops(t *testing.T, spans []sdktrace.ReadOnlySpan, route string, want int) {
	t.Helper()
	hops := 0
	for _, s := range spans {
		if s.SpanKind() == trace.SpanKindServer && s.Name() == "POST "+route {
			hops++
		}
	}
	if hops != want {
		t.Errorf("%s was served %d times, want %d", route, hops, want)
	}
}

// TestMeshDepth: what the delegate endpoint makes of the depth header.
func TestMeshDepth(t *testing.T) {
	peer := startMeshPeer(t)
	relay := startMeshRelay(t, peer, nil)
	for _, tt := range []struct {
		name   string
		values []string
		sent   string // "": nothing was sent
	}{
		{"from outside", nil, "1"},
		{"the last one allowed", []string{"4"}, "5"},
		{"the limit", []string{"5"}, ""},
		{"beyond", []string{"6"}, ""},
		{"negative", []string{"-1"}, ""},
		{"no number", []string{"one"}, ""},
		{"twice", []string{"0", "0"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			relay.rec.Reset()
			res := relay.post(t, delegatePath, "Go.", http.Header{agent.DepthHeader: tt.values})
			if tt.sent != "" {
				if got := peer.took(t).Get(agent.DepthHeader); res.status != http.StatusOK || got != tt.sent {
					t.Errorf("answer %d, sent on as %q, want %q", res.status, got, tt.sent)
				}
				return
			}
			detail := res.problem(t)
			if res.status != http.StatusBadGateway || !strings.Contains(detail, "delegate to each other in a circle") {
				t.Errorf("answer = %d %s", res.status, res.body)
			}
			if peer.header != nil {
				t.Error("it was sent on all the same")
			}
			meshConforms(t, relay.rec.Spans())
		})
	}
}
