package systemtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/tracingtest"
)

// meshPlatform returns a front end as Google's stands before each function: it keeps the trace id of traceparent (or
// makes one up), puts a span of its own there that no backend will ever see, says "not sampled", and leaves B3 alone.
func meshPlatform(t *testing.T) func(http.Handler) http.Handler {
	var hidden atomic.Uint64
	return func(h http.Handler) http.Handler {
		target, err := url.Parse(meshServe(t, h))
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			traceID := fmt.Sprintf("%032x", 0xf000+hidden.Load())
			if came := r.In.Header.Get("traceparent"); len(came) == 55 {
				traceID = came[3:35]
			}
			span := 0xabcd000000000000 + hidden.Add(1)
			r.Out.Header.Set("traceparent", fmt.Sprintf("00-%s-%016x-00", traceID, span))
			r.Out.Header.Set("X-Cloud-Trace-Context", fmt.Sprintf("%s/%d;o=0", traceID, span))
		}}
	}
}

// TestMeshBehindThePlatformIsOneTrace: the trees are the same as without the platform's rewritten headers.
func TestMeshBehindThePlatformIsOneTrace(t *testing.T) {
	m := startMesh(t, meshConfig{front: meshPlatform(t)})
	m.agent.post(t, delegatePath, "Hello", nil)
	m.agent.post(t, executePath, "Hello", nil)
	for _, tt := range meshTasks {
		t.Run(tt.name, func(t *testing.T) {
			m.reset()
			meshCrosses(t, m, tt.path, tt.task, tt.want)
			meshGolden(t, tt.name, meshTree(m.spans()))
		})
	}
}

// TestMeshBehindThePlatformHasOneRoot: whatever of its trace a caller says, the services hang together.
func TestMeshBehindThePlatformHasOneRoot(t *testing.T) {
	m := startMesh(t, meshConfig{front: meshPlatform(t)})
	both := meshCallerHeader(meshKeptTrace, true)
	onlyB3, onlyW3C := http.Header{}, http.Header{"Traceparent": both["Traceparent"]}
	for name, values := range both {
		if strings.HasPrefix(name, "X-B3") {
			onlyB3[name] = values
		}
	}
	tests := []struct {
		name         string
		header       http.Header
		sameTrace    bool
		callerParent bool // else the platform's hidden span
	}{
		{"caller without a trace", nil, false, false},
		{"caller with B3 alone", onlyB3, true, true},
		{"caller with W3C alone", onlyW3C, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m.reset()
			m.agent.post(t, executePath, "Ask the sub-agent to search for machine learning", tt.header)
			meshConforms(t, m.spans())
			root := m.agent.root(t)
			if got := root.SpanContext().TraceID().String() == meshKeptTrace; got != tt.sameTrace {
				t.Errorf("trace %s; the caller's: %t, want %t", root.SpanContext().TraceID(), got, tt.sameTrace)
			}
			parent := root.Parent().SpanID().String()
			if got := parent == meshCaller; got != tt.callerParent || !got && !strings.HasPrefix(parent, "abcd") {
				t.Errorf("the root's parent is %s; the caller's: %t, want %t", parent, got, tt.callerParent)
			}
		})
	}
}

// TestMeshPlatformTearsTracesWithoutB3 shows that the front end of these tests does its worst.
func TestMeshPlatformTearsTracesWithoutB3(t *testing.T) {
	env := map[string]string{"OTEL_PROPAGATORS": "tracecontext,baggage"}
	m := startMesh(t, meshConfig{front: meshPlatform(t), env: env})
	m.agent.post(t, delegatePath, "Hello", nil)
	sent, received := m.agent.rec.Spans(), m.subAgent.root(t)
	for _, s := range sent {
		if s.SpanContext().TraceID() != received.SpanContext().TraceID() {
			t.Errorf("%s is of another trace than the sub-agent", s.Name())
		}
		if s.SpanContext().SpanID() == received.Parent().SpanID() {
			t.Errorf("the sub-agent's parent is %s, although the platform hides it", s.Name())
		}
	}
}

// TestMeshKeepsTheSameTraces: in production, behind the platform, services keep a trace together or not at all; what
// failed is kept by every service it failed in.
func TestMeshKeepsTheSameTraces(t *testing.T) {
	type reasons map[string]string // by service: sampling.reason, and "" for no spans at all
	noBudget := map[string]string{"TRACE_REMOTE_SAMPLED_PER_SECOND": "0"}
	delegate := geminisim.Calls(geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": "Go."}})
	search := func(query string) geminisim.Reply {
		return geminisim.Calls(geminisim.Call{Name: "search", Args: map[string]any{"query": query}})
	}
	crossing := []geminisim.Reply{delegate, search("machine learning"), geminisim.Text("Found."), geminisim.Text("Done.")}
	tests := []struct {
		name    string
		env     map[string]string
		traceID string
		sampled bool // says the caller, in B3 and W3C
		script  []geminisim.Reply
		want    reasons
		ratio   string
		golden  string
	}{
		{"kept by the agent's ratio, honoured by the others", nil, meshKeptTrace, false, crossing,
			reasons{"agent": "ratio", "sub-agent": "parent", "search": "parent"}, "0.1", "production whole"},
		{"kept by everyone's ratio when nobody is believed", noBudget, meshKeptTrace, false, crossing,
			reasons{"agent": "ratio", "sub-agent": "ratio", "search": "ratio"}, "0.1", "production whole"},
		{"kept for the caller", nil, meshLostTrace, true, crossing,
			reasons{"agent": "parent", "sub-agent": "parent", "search": "parent"}, "", "production whole"},
		{"the caller is not believed", noBudget, meshLostTrace, true, crossing,
			reasons{"agent": "", "sub-agent": "", "search": ""}, "", ""},
		{"nobody wants it", nil, meshLostTrace, false, crossing,
			reasons{"agent": "", "sub-agent": "", "search": ""}, "", ""},
		{"the sub-agent fails, and so do those who need it", nil, meshLostTrace, false,
			[]geminisim.Reply{delegate, geminisim.Error(400, "", "no"), geminisim.Text("It failed.")},
			reasons{"agent": "error", "sub-agent": "error", "search": ""}, "1", "production sub-agent failed"},
		{"the search fails, and the agent hears of it only that its trace was kept", nil, meshLostTrace, false,
			[]geminisim.Reply{delegate, search(""), geminisim.Text("Nothing."), geminisim.Text("Done.")},
			reasons{"agent": "downstream", "sub-agent": "error", "search": "error"}, "1", "production search failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{
				"ENVIRONMENT": "production", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1",
			}
			maps.Copy(env, tt.env)
			m := startMesh(t, meshConfig{env: env, front: meshPlatform(t)})
			m.gemini.Script(tt.script...)
			res := m.agent.post(t, executePath, "Go.", meshCallerHeader(tt.traceID, tt.sampled))
			if res.status != http.StatusOK || m.gemini.Pending() != 0 {
				t.Fatalf("answer = %d %s, %d replies left", res.status, res.body, m.gemini.Pending())
			}
			services := map[string]*meshService{"agent": m.agent, "sub-agent": m.subAgent, "search": m.search}
			for name, s := range services {
				meshKeptFor(t, name, s.rec.Spans(), tt.want[name], tt.ratio)
			}
			if spans := m.spans(); len(spans) > 0 {
				meshConforms(t, spans)
				meshGolden(t, tt.golden, tracingtest.Tree(spans, tracingtest.TreeConfig{NoValues: true}))
			}
		})
	}
}

// meshKeptFor checks that each local root among the spans was kept for the reason; "" for no spans.
func meshKeptFor(t *testing.T, service string, spans []sdktrace.ReadOnlySpan, reason, ratio string) {
	t.Helper()
	if (len(spans) == 0) != (reason == "") {
		t.Errorf("%s kept %d spans, want reason %q", service, len(spans), reason)
	}
	for _, s := range spans {
		if !s.SpanContext().IsSampled() {
			t.Errorf("%s exported %s without the sampled flag", service, s.Name())
		}
		if !s.Parent().IsRemote() {
			continue
		}
		gotReason, gotRatio := meshAttribute(s, "sampling.reason"), meshAttribute(s, "sampling.ratio")
		if gotReason != reason || gotRatio != ratio {
			t.Errorf("%s kept %s for %q at %q, want %q at %q", service, s.Name(), gotReason, gotRatio, reason, ratio)
		}
	}
}
