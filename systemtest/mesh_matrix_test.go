package systemtest

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/tracingtest"
)

// meshPeer stands in for the sub-agent and remembers the headers of the latest request.
type meshPeer struct {
	url string

	mu     sync.Mutex
	header http.Header
}

func startMeshPeer(t *testing.T) *meshPeer {
	t.Helper()
	p := &meshPeer{}
	p.url = meshServe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.header = r.Header.Clone()
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"response":"ok"}`)
	}))
	return p
}

// took returns what arrived since it was last asked.
func (p *meshPeer) took(t *testing.T) http.Header {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.header
	p.header = nil
	if h == nil {
		t.Fatal("nothing arrived at the sub-agent")
	}
	return h
}

// startMeshRelay starts an agent that delegates to the peer. It samples what its callers sample, and nothing else, so
// that its outgoing decision shows what it understood; it exports everything, so that its spans can be looked at.
func startMeshRelay(t *testing.T, peer *meshPeer, env map[string]string) *meshService {
	t.Helper()
	return startMeshAgent(t, "relay", meshConfig{env: env}, map[string]string{
		"SUB_AGENT_URL": peer.url, "OTEL_TRACES_SAMPLER": "parentbased_always_off",
		"TRACE_REMOTE_SAMPLED_PER_SECOND": "1000000", "TRACE_KEEP_SLOWER_THAN": "1ns",
	})
}

// meshFormat is one way for a caller to name its span. Each has ids of its own, so that one sees which was believed.
type meshFormat struct {
	name        string
	trace, span string
	headers     map[string]http.Header // by what is said about sampling
}

const (
	meshSampled   = "sampled"
	meshNot       = "not sampled"
	meshDeferred  = "deferred"
	meshDebug     = "debug"
	meshMalformed = "malformed"
)

// meshFormats are in the order in which they are believed.
var meshFormats = []meshFormat{
	{name: "b3 single", trace: strings.Repeat("b1", 16), span: strings.Repeat("b1", 8), headers: map[string]http.Header{
		meshSampled:   {"B3": {strings.Repeat("b1", 16) + "-" + strings.Repeat("b1", 8) + "-1"}},
		meshNot:       {"B3": {strings.Repeat("b1", 16) + "-" + strings.Repeat("b1", 8) + "-0"}},
		meshDeferred:  {"B3": {strings.Repeat("b1", 16) + "-" + strings.Repeat("b1", 8)}},
		meshDebug:     {"B3": {strings.Repeat("b1", 16) + "-" + strings.Repeat("b1", 8) + "-d-" + strings.Repeat("b9", 8)}},
		meshMalformed: {"B3": {strings.Repeat("b1", 16) + "-" + strings.Repeat("0", 16) + "-1"}},
	}},
	{name: "b3 multi", trace: strings.Repeat("b2", 16), span: strings.Repeat("b2", 8), headers: map[string]http.Header{
		meshSampled:   meshB3Multi("X-B3-Sampled", "1"),
		meshNot:       meshB3Multi("X-B3-Sampled", "0"),
		meshDeferred:  meshB3Multi("X-B3-Parentspanid", strings.Repeat("b9", 8)),
		meshDebug:     meshB3Multi("X-B3-Flags", "1"),
		meshMalformed: meshB3Multi("X-B3-Spanid", "not hex"),
	}},
	{name: "w3c", trace: strings.Repeat("c3", 16), span: strings.Repeat("c3", 8), headers: map[string]http.Header{
		meshSampled:   {"Traceparent": {"00-" + strings.Repeat("c3", 16) + "-" + strings.Repeat("c3", 8) + "-01"}},
		meshNot:       {"Traceparent": {"00-" + strings.Repeat("c3", 16) + "-" + strings.Repeat("c3", 8) + "-00"}},
		meshMalformed: {"Traceparent": {"00-" + strings.Repeat("c3", 16) + "-" + strings.Repeat("c3", 8) + "-1"}},
	}},
	{name: "x-cloud", trace: strings.Repeat("d4", 16), span: "00000000000004d2", headers: map[string]http.Header{
		meshSampled:   {"X-Cloud-Trace-Context": {strings.Repeat("d4", 16) + "/1234;o=1"}},
		meshNot:       {"X-Cloud-Trace-Context": {strings.Repeat("d4", 16) + "/1234;o=0"}},
		meshDeferred:  {"X-Cloud-Trace-Context": {strings.Repeat("d4", 16) + "/1234"}},
		meshMalformed: {"X-Cloud-Trace-Context": {strings.Repeat("d4", 16) + "/18446744073709551616;o=1"}},
	}},
}

func meshB3Multi(name, value string) http.Header {
	h := http.Header{"X-B3-Traceid": {strings.Repeat("b2", 16)}, "X-B3-Spanid": {strings.Repeat("b2", 8)}}
	h[name] = []string{value}
	return h
}

// meshSaid is one format saying one thing.
type meshSaid struct {
	format   meshFormat
	decision string
}

// meshSayings are all formats alone, in every pair and all together, each saying all that it can.
func meshSayings() [][]meshSaid {
	alone := func(f meshFormat) (all []meshSaid) {
		for _, decision := range slices.Sorted(maps.Keys(f.headers)) {
			all = append(all, meshSaid{f, decision})
		}
		return all
	}
	cases := [][]meshSaid{nil}
	for i, f := range meshFormats {
		for _, a := range alone(f) {
			cases = append(cases, []meshSaid{a})
			for _, g := range meshFormats[i+1:] {
				for _, b := range alone(g) {
					cases = append(cases, []meshSaid{a, b})
				}
			}
		}
	}
	for broken := range len(meshFormats) + 1 { // all four, the best of them malformed one after the other
		var all []meshSaid
		for i, f := range meshFormats {
			all = append(all, meshSaid{f, map[bool]string{true: meshMalformed, false: meshSampled}[i < broken]})
		}
		cases = append(cases, all)
	}
	return cases
}

// TestMeshPrecedence: of all that a caller says in valid headers, B3 is believed before W3C and W3C before X-Cloud, and
// what leaves for the next service names one span and one decision in all formats.
func TestMeshPrecedence(t *testing.T) {
	peer := startMeshPeer(t)
	relay := startMeshRelay(t, peer, nil)
	for _, said := range meshSayings() {
		header, name := http.Header{}, "nothing"
		var believed *meshSaid
		for i, s := range said {
			maps.Copy(header, s.format.headers[s.decision])
			if name = s.format.name + " " + s.decision; i > 0 {
				name = said[i-1].format.name + " " + said[i-1].decision + " and " + name
			}
			if believed == nil && s.decision != meshMalformed {
				believed = &said[i]
			}
		}
		t.Run(name, func(t *testing.T) {
			relay.rec.Reset()
			if res := relay.post(t, delegatePath, "Go.", header); res.status != http.StatusOK {
				t.Fatalf("answer = %d %s", res.status, res.body)
			}
			out := meshOutgoing(t, relay.rec.Spans(), peer.took(t))
			root := relay.root(t)
			traceID, parent, sampled := "", "0000000000000000", "0"
			if believed != nil {
				traceID, parent = believed.format.trace, believed.format.span
				if believed.decision == meshSampled || believed.decision == meshDebug {
					sampled = "1"
				}
			}
			if got := root.Parent().SpanID().String(); got != parent {
				t.Errorf("the parent is %s, want %s", got, parent)
			}
			if traceID != "" && out.traceID != traceID {
				t.Errorf("the trace went on as %s, want %s", out.traceID, traceID)
			}
			for _, f := range meshFormats {
				if traceID == "" && out.traceID == f.trace {
					t.Errorf("the malformed %s was believed", f.name)
				}
			}
			if out.sampled != sampled {
				t.Errorf("the decision went on as %s, want %s", out.sampled, sampled)
			}
		})
	}
}

// meshSent is what one request said about its trace.
type meshSent struct{ traceID, spanID, sampled, tracestate string }

// meshOutgoing checks that all formats of h say the same, that they name the HTTP client span among the spans, and that
// there is nothing else that could be taken for a trace context.
func meshOutgoing(t *testing.T, spans []sdktrace.ReadOnlySpan, h http.Header) meshSent {
	t.Helper()
	var call sdktrace.ReadOnlySpan
	for _, s := range meshCalls(spans) {
		call = s
	}
	if call == nil {
		t.Fatalf("no client span among:\n%s", tracingtest.Tree(spans, tracingtest.TreeConfig{NoValues: true}))
	}
	traceparent := h.Get("Traceparent")
	if len(traceparent) != 55 || traceparent[:3] != "00-" {
		t.Fatalf("traceparent = %q", traceparent)
	}
	out := meshSent{traceparent[3:35], traceparent[36:52], "0", strings.Join(h["Tracestate"], ",")}
	switch flags := traceparent[53:]; flags {
	case "01", "03":
		out.sampled = "1"
	case "00", "02":
	default:
		t.Errorf("traceparent has the flags %s", flags)
	}
	if sc := call.SpanContext(); out.traceID != sc.TraceID().String() || out.spanID != sc.SpanID().String() {
		t.Errorf("traceparent %s does not name the client span %s %s", traceparent, sc.TraceID(), sc.SpanID())
	}
	b3 := meshSent{h.Get("X-B3-TraceId"), h.Get("X-B3-SpanId"), h.Get("X-B3-Sampled"), out.tracestate}
	if b3 != out {
		t.Errorf("B3 says %v, traceparent %v", b3, out)
	}
	for _, name := range []string{"B3", "X-B3-Flags", "X-B3-Parentspanid", "X-Cloud-Trace-Context", "X-Request-Id"} {
		if values := h[name]; values != nil {
			t.Errorf("%s leaves as well: %q", name, values)
		}
	}
	for name, values := range h {
		if len(values) != 1 {
			t.Errorf("%s leaves %d times: %q", name, len(values), values)
		}
	}
	return out
}

// TestMeshForwards: what else travels with a request.
func TestMeshForwards(t *testing.T) {
	peer := startMeshPeer(t)
	relay := startMeshRelay(t, peer, nil)
	tests := []struct {
		name   string
		header http.Header
		want   http.Header // of the outgoing request; nil values: absent
	}{
		{"correlation id", http.Header{"X-Correlation-Id": {"order-66"}}, http.Header{"X-Correlation-Id": {"order-66"}}},
		{"request id in its place", http.Header{"X-Request-Id": {"order-67"}}, http.Header{"X-Correlation-Id": {"order-67"}}},
		{"one baggage member", http.Header{"Baggage": {"customer=42"}}, http.Header{"Baggage": {"customer=42"}}},
		{"baggage with property and escapes", http.Header{"Baggage": {"k=a%20b%2Cc;ttl=3;secret"}},
			http.Header{"Baggage": {"k=a%20b%2Cc;ttl=3;secret"}}},
		{"baggage members", http.Header{"Baggage": {"a=1,b=2", "c=3"}}, http.Header{"Baggage": {"a=1,b=2,c=3"}}},
		{"no baggage", nil, http.Header{"Baggage": nil}},
		{"malformed baggage", http.Header{"Baggage": {"=,;"}}, http.Header{"Baggage": nil}},
		{"the depth is counted", http.Header{agent.DepthHeader: {"2"}}, http.Header{agent.DepthHeader: {"3"}}},
		{"the caller's credentials stay here",
			http.Header{"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Goog-Api-Key": {"k"},
				"X-Forwarded-For": {"192.0.2.1"}},
			http.Header{"Authorization": nil, "Cookie": nil, "X-Goog-Api-Key": nil, "X-Forwarded-For": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			relay.rec.Reset()
			res := relay.post(t, delegatePath, "Go.", tt.header)
			sent := peer.took(t)
			meshOutgoing(t, relay.rec.Spans(), sent)
			for name, want := range tt.want {
				if got := meshMembers(sent[name]); !slices.Equal(got, meshMembers(want)) {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			if id := sent.Get("X-Correlation-ID"); id == "" || id != res.header.Get("X-Correlation-ID") {
				t.Errorf("correlation id sent %q, answered %q", id, res.header.Get("X-Correlation-ID"))
			}
		})
	}
}

// meshMembers are the members of list headers; their order means nothing in baggage.
func meshMembers(values []string) []string {
	var members []string
	for _, v := range values {
		members = append(members, strings.Split(v, ",")...)
	}
	slices.SortFunc(members, cmp.Compare[string])
	return members
}

// TestMeshSpeaksWhatIsConfigured: OTEL_PROPAGATORS chooses what is understood and what is sent.
func TestMeshSpeaksWhatIsConfigured(t *testing.T) {
	tests := []struct {
		propagators string
		parent      string // of the format that is believed
		sent        []string
	}{
		{"", "b1", []string{"Baggage", "Traceparent", "X-B3-Sampled", "X-B3-Spanid", "X-B3-Traceid"}},
		{"b3", "b1", []string{"B3"}},
		{"b3multi", "b1", []string{"X-B3-Sampled", "X-B3-Spanid", "X-B3-Traceid"}},
		{"tracecontext,baggage", "c3", []string{"Baggage", "Traceparent"}},
		{"tracecontext,b3", "b1", []string{"B3", "Traceparent"}},
		{"cloudtrace", "00000000000004d2", nil},
		{"none", "0000000000000000", nil},
	}
	everything := http.Header{"Baggage": {"customer=42"}}
	for _, f := range meshFormats {
		maps.Copy(everything, f.headers[meshSampled])
	}
	for _, tt := range tests {
		t.Run(cmp.Or(tt.propagators, "default"), func(t *testing.T) {
			peer := startMeshPeer(t)
			relay := startMeshRelay(t, peer, map[string]string{"OTEL_PROPAGATORS": tt.propagators})
			relay.post(t, delegatePath, "Go.", everything)
			if got := relay.root(t).Parent().SpanID().String(); !strings.HasPrefix(got, tt.parent) {
				t.Errorf("the parent is %s, want %s…", got, tt.parent)
			}
			var sent []string
			for name := range peer.took(t) {
				if strings.HasPrefix(name, "B3") || strings.HasPrefix(name, "X-B3") || strings.HasPrefix(name, "Trace") ||
					strings.HasPrefix(name, "X-Cloud") || name == "Baggage" {
					sent = append(sent, name)
				}
			}
			slices.Sort(sent)
			if !slices.Equal(sent, tt.sent) {
				t.Errorf("sent %q, want %q", sent, tt.sent)
			}
		})
	}
}
