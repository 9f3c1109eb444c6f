package propagation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A traceFormat is one way to say who the parent is, best first in traceFormats.
type traceFormat struct {
	name      string
	traceID   string // each format names another parent
	spanID    string
	decisions map[string]bool // decision → sampled
	headers   func(traceID, spanID, decision string) http.Header
	malformed http.Header
}

var traceFormats = []traceFormat{
	{
		name: "b3 single", traceID: strings.Repeat("b1", 16), spanID: strings.Repeat("b1", 8),
		decisions: map[string]bool{"sampled": true, "not": false, "deferred": false, "debug": true},
		headers: func(traceID, spanID, decision string) http.Header {
			end := map[string]string{"sampled": "-1", "not": "-0", "debug": "-d"}[decision]
			return header("b3", traceID+"-"+spanID+end)
		},
		malformed: header("b3", strings.Repeat("b1", 16)+"-xyz-1"),
	},
	{
		name: "b3 multi", traceID: strings.Repeat("b2", 16), spanID: strings.Repeat("b2", 8),
		decisions: map[string]bool{"sampled": true, "not": false, "deferred": false, "debug": true},
		headers: func(traceID, spanID, decision string) http.Header {
			h := header("X-B3-TraceId", traceID, "X-B3-SpanId", spanID, "X-B3-ParentSpanId", strings.Repeat("ab", 8))
			switch decision {
			case "sampled":
				h.Set("X-B3-Sampled", "1")
			case "not":
				h.Set("X-B3-Sampled", "0")
			case "debug":
				h.Set("X-B3-Flags", "1")
			}
			return h
		},
		malformed: header("X-B3-TraceId", strings.Repeat("b2", 16), "X-B3-SpanId", "0", "X-B3-Sampled", "1"),
	},
	{
		name: "w3c", traceID: strings.Repeat("c3", 16), spanID: strings.Repeat("c3", 8),
		decisions: map[string]bool{"sampled": true, "not": false},
		headers: func(traceID, spanID, decision string) http.Header {
			flags := map[string]string{"sampled": "01", "not": "00"}[decision]
			return header("traceparent", "00-"+traceID+"-"+spanID+"-"+flags)
		},
		malformed: header("traceparent", "00-"+strings.Repeat("C3", 16)+"-"+strings.Repeat("c3", 8)+"-01"),
	},
	{
		name: "x-cloud", traceID: strings.Repeat("d4", 16), spanID: "00000000000004d2",
		decisions: map[string]bool{"sampled": true, "not": false, "deferred": false},
		headers: func(traceID, _, decision string) http.Header {
			end := map[string]string{"sampled": ";o=1", "not": ";o=0"}[decision]
			return header("X-Cloud-Trace-Context", traceID+"/1234"+end)
		},
		malformed: header("X-Cloud-Trace-Context", strings.Repeat("d4", 16)+"/-1;o=1"),
	},
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func defaultPropagator(t testing.TB) propagation.TextMapPropagator {
	t.Helper()
	p, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func extract(p propagation.TextMapPropagator, h http.Header) trace.SpanContext {
	return trace.SpanContextFromContext(p.Extract(context.Background(), propagation.HeaderCarrier(h)))
}

// TestPrecedence holds B3 > W3C > X-Cloud for every format alone and every pair with conflicting ids, in every
// combination of decisions, with either or both malformed.
func TestPrecedence(t *testing.T) {
	for _, names := range []string{"", "cloudtrace,baggage,tracecontext,b3multi"} {
		p, err := New(names)
		if err != nil {
			t.Fatal(err)
		}
		cases := 0
		for i, a := range traceFormats {
			for _, da := range slices.Sorted(maps.Keys(a.decisions)) {
				h := a.headers(a.traceID, a.spanID, da)
				checkParent(t, p, "only "+a.name+" "+da, h, &a, da)
				checkParent(t, p, "only malformed "+a.name, a.malformed, nil, "")
				for _, b := range traceFormats[i+1:] {
					for _, db := range slices.Sorted(maps.Keys(b.decisions)) {
						good, other := h, b.headers(b.traceID, b.spanID, db)
						name := a.name + " " + da + " + " + b.name + " " + db
						checkParent(t, p, name, merge(good, other), &a, da)
						checkParent(t, p, name+", first malformed", merge(a.malformed, other), &b, db)
						checkParent(t, p, name+", second malformed", merge(good, b.malformed), &a, da)
						checkParent(t, p, name+", both malformed", merge(a.malformed, b.malformed), nil, "")
						cases += 4
					}
				}
			}
		}
		if cases < 200 {
			t.Errorf("only %d cases", cases)
		}
	}
}

func merge(a, b http.Header) http.Header {
	h := a.Clone()
	maps.Copy(h, b)
	return h
}

func checkParent(
	t *testing.T, p propagation.TextMapPropagator, name string, h http.Header, want *traceFormat, decision string,
) {
	t.Helper()
	// Every carrier gives the same answer: HTTP headers, and a map as in the metadata of a message.
	asMap := propagation.MapCarrier{}
	for k, v := range h {
		asMap[strings.ToLower(k)] = v[0]
	}
	for _, carrier := range []propagation.TextMapCarrier{propagation.HeaderCarrier(h), asMap} {
		ctx := p.Extract(context.Background(), carrier)
		sc := trace.SpanContextFromContext(ctx)
		if want == nil {
			if ctx != context.Background() {
				t.Errorf("%s: %T: context changed: %v", name, carrier, sc)
			}
			continue
		}
		if got := sc.TraceID().String(); got != want.traceID {
			t.Errorf("%s: %T: trace id = %s, want %s (%s)", name, carrier, got, want.traceID, want.name)
		}
		if got := sc.SpanID().String(); got != want.spanID {
			t.Errorf("%s: %T: span id = %s, want %s", name, carrier, got, want.spanID)
		}
		if !sc.IsRemote() || sc.IsSampled() != want.decisions[decision] {
			t.Errorf("%s: %T: remote = %v, sampled = %v", name, carrier, sc.IsRemote(), sc.IsSampled())
		}
	}
}

// TestInjectCarriesOurDecision holds that nothing the caller said about sampling comes out again.
func TestInjectCarriesOurDecision(t *testing.T) {
	for _, names := range []string{"", "b3", "b3multi", "b3,b3multi,tracecontext,jaeger"} {
		p, err := New(names)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range traceFormats[:2] {
			for decision := range f.decisions {
				for _, keep := range []bool{true, false} {
					sampler := sdktrace.NeverSample()
					if keep {
						sampler = sdktrace.AlwaysSample()
					}
					tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))
					in := propagation.HeaderCarrier(f.headers(f.traceID, f.spanID, decision))
					ctx, span := tp.Tracer("").Start(p.Extract(t.Context(), in), "x")
					out := http.Header{}
					p.Inject(ctx, propagation.HeaderCarrier(out))

					name := fmt.Sprintf("%q %s %s keep=%v", names, f.name, decision, keep)
					if v := out.Values("X-B3-Flags"); v != nil {
						t.Errorf("%s: debug leaked: %v", name, v)
					}
					got := extract(p, out)
					if got.SpanID() != span.SpanContext().SpanID() || got.IsSampled() != keep {
						t.Errorf("%s: %v gives %v", name, out, got)
					}
					flag := map[bool]string{true: "1", false: "0"}[keep]
					if v := out.Get("B3"); v != "" && !strings.HasSuffix(v, "-"+flag) {
						t.Errorf("%s: b3 = %s", name, v)
					}
					if v := out.Get("X-B3-TraceId"); v != "" && out.Get("X-B3-Sampled") != flag {
						t.Errorf("%s: X-B3-Sampled = %s", name, out.Get("X-B3-Sampled"))
					}
					if v := out.Get("Uber-Trace-Id"); v != "" && !strings.HasSuffix(v, ":"+flag) {
						t.Errorf("%s: uber-trace-id = %s", name, v)
					}
				}
			}
		}
	}
}

// TestRewrittenTraceparent is what arrives through Google's front end: same trace, a hidden unsampled span in
// traceparent and X-Cloud-Trace-Context, B3 as our own caller sent it.
func TestRewrittenTraceparent(t *testing.T) {
	const traceID, caller, hidden = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "1111111111111111"
	h := header(
		"X-B3-TraceId", traceID, "X-B3-SpanId", caller, "X-B3-Sampled", "1",
		"traceparent", "00-"+traceID+"-"+hidden+"-02", "tracestate", "ot=th:e6", "tracestate", "vendor=1",
		"X-Cloud-Trace-Context", traceID+"/1229782938247303441;o=0",
	)
	sc := extract(defaultPropagator(t), h)
	if sc.SpanID().String() != caller || !sc.IsSampled() {
		t.Errorf("parent = %v, want the caller's span", sc)
	}
	if got := sc.TraceState().String(); got != "ot=th:e6,vendor=1" {
		t.Errorf("tracestate = %q", got)
	}
	if !sc.TraceFlags().IsRandom() {
		t.Error("the random flag of the trace id is lost")
	}

	h.Set("traceparent", "00-"+strings.Repeat("9", 32)+"-"+hidden+"-03")
	sc = extract(defaultPropagator(t), h)
	if sc.SpanID().String() != caller || sc.TraceState().Len() != 0 || sc.TraceFlags().IsRandom() {
		t.Errorf("parent = %v with tracestate %q: taken from another trace", sc, sc.TraceState())
	}
}

func TestExtractCloudTrace(t *testing.T) {
	const id = "105445aa7843bc8bf206b12000100000"
	for value, want := range map[string]string{
		id + "/1;o=1":                      "0000000000000001 sampled",
		id + "/1;o=3":                      "0000000000000001 sampled",
		id + "/1;o=2":                      "0000000000000001",
		id + "/1;o=0":                      "0000000000000001",
		id + "/1":                          "0000000000000001",
		strings.ToUpper(id) + "/255":       "00000000000000ff",
		id + "/18446744073709551615;o=1":   "ffffffffffffffff sampled",
		id + "/18446744073709551616;o=1":   "",
		id + "/0;o=1":                      "",
		id + "/+1;o=1":                     "",
		id + "/1;o=":                       "",
		id + "/1;o=x":                      "",
		id + "/1;1":                        "",
		id + "/1;":                         "",
		id + "/;o=1":                       "",
		id + ";o=1":                        "",
		id:                                 "",
		id[:31] + "/1;o=1":                 "",
		id[:31] + "g/1;o=1":                "",
		strings.Repeat("0", 32) + "/1;o=1": "",
		id + "/" + strings.Repeat("0", 100) + "1;o=1": "",
		"": "",
	} {
		sc := extractCloudTrace(propagation.HeaderCarrier(header("X-Cloud-Trace-Context", value)))
		got := ""
		if sc.IsValid() {
			if got = sc.SpanID().String(); sc.IsSampled() {
				got += " sampled"
			}
			if sc.TraceID().String() != id {
				t.Errorf("%s: trace id = %s", value, sc.TraceID())
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}

func TestNewPropagatorNames(t *testing.T) {
	tests := []struct {
		names, fields, unknown string
	}{
		{"", "baggage traceparent tracestate x-b3-sampled x-b3-spanid x-b3-traceid", ""},
		{" , ", "baggage traceparent tracestate x-b3-sampled x-b3-spanid x-b3-traceid", ""},
		{"tracecontext", "traceparent tracestate", ""},
		{" tracecontext , baggage,tracecontext", "baggage traceparent tracestate", ""},
		{"b3", "b3", ""},
		{"b3multi", "x-b3-sampled x-b3-spanid x-b3-traceid", ""},
		{"cloudtrace", "", ""},
		{"none", "", ""},
		{"tracecontext,none", "", ""},
		{"jaeger,xray", "X-Amzn-Trace-Id uber-trace-id", ""},
		{"ottrace", "ot-tracer-sampled ot-tracer-spanid ot-tracer-traceid", ""},
		{"tracecontext,zipkin,datadog", "traceparent tracestate", "zipkin datadog"},
		{"zipkin", "baggage traceparent tracestate x-b3-sampled x-b3-spanid x-b3-traceid", "zipkin"},
	}
	tp := sdktrace.NewTracerProvider()
	for _, tt := range tests {
		p, err := New(tt.names)
		for _, name := range strings.Fields(tt.unknown) {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%q: error %v does not name %s", tt.names, err, name)
			}
		}
		if tt.unknown == "" && err != nil {
			t.Errorf("%q: %v", tt.names, err)
		}
		fields := p.Fields()
		slices.Sort(fields)
		if got := strings.Join(fields, " "); got != tt.fields {
			t.Errorf("%q: fields = %q, want %q", tt.names, got, tt.fields)
		}
		// What is written is among the fields, and without a span nothing is.
		ctx, _ := tp.Tracer("").Start(t.Context(), "x")
		out := propagation.MapCarrier{}
		p.Inject(ctx, out)
		for _, k := range out.Keys() {
			if !slices.Contains(fields, k) {
				t.Errorf("%q: wrote %s", tt.names, k)
			}
		}
		none := propagation.MapCarrier{}
		p.Inject(t.Context(), none)
		if _, b3 := none["b3"]; b3 || none["x-b3-sampled"] != "" {
			t.Errorf("%q: wrote %v without a span", tt.names, none)
		}
	}
}

func TestNamedPropagatorsRankBetweenW3CAndXCloud(t *testing.T) {
	p, err := New("cloudtrace,jaeger,tracecontext")
	if err != nil {
		t.Fatal(err)
	}
	h := header("uber-trace-id", strings.Repeat("e5", 16)+":"+strings.Repeat("e5", 8)+":0:3")
	for _, f := range traceFormats[3:] {
		maps.Copy(h, f.headers(f.traceID, f.spanID, "not"))
	}
	if sc := extract(p, h); sc.SpanID().String() != strings.Repeat("e5", 8) || !sc.IsSampled() {
		t.Errorf("parent = %v, want Jaeger's before X-Cloud's", sc)
	}
	f := traceFormats[2]
	maps.Copy(h, f.headers(f.traceID, f.spanID, "not"))
	if sc := extract(p, h); sc.SpanID().String() != f.spanID {
		t.Errorf("parent = %v, want W3C's before Jaeger's", sc)
	}
}

func TestBaggage(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	tests := []struct {
		name   string
		values []string
		want   map[string]string
		count  int // when want is nil
	}{
		{"one", []string{"a=1,b=2;property=x"}, map[string]string{"a": "1", "b": "2"}, 0},
		{"several headers are one list", []string{"a=1", "b=2"}, map[string]string{"a": "1", "b": "2"}, 0},
		{"percent encoding", []string{"a=%C3%A4"}, map[string]string{"a": "ä"}, 0},
		{"invalid members are left out", []string{"=1,a=1,b c=2,,d"}, map[string]string{"a": "1"}, 0},
		{"64 members at most", []string{strings.Join(many, ",")}, nil, 64},
		{"8192 bytes at most", []string{"a=" + strings.Repeat("x", 8190), "b=2"}, nil, 0},
		{"a megabyte", []string{strings.Repeat("a=1,", 1<<18)}, nil, 0},
		{"none", nil, nil, 0},
	}
	p := defaultPropagator(t)
	for _, tt := range tests {
		in := propagation.HeaderCarrier{"Baggage": tt.values}
		ctx := p.Extract(context.Background(), in)
		bag := baggage.FromContext(ctx)
		if tt.want == nil {
			if bag.Len() != tt.count {
				t.Errorf("%s: %d members, want %d", tt.name, bag.Len(), tt.count)
			}
			continue
		}
		out := propagation.HeaderCarrier{}
		p.Inject(ctx, out)
		again := baggage.FromContext(p.Extract(context.Background(), out))
		for _, b := range []baggage.Baggage{bag, again} {
			got := map[string]string{}
			for _, m := range b.Members() {
				got[m.Key()] = m.Value()
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

func FuzzExtract(f *testing.F) {
	for _, a := range traceFormats {
		for d := range a.decisions {
			h := a.headers(a.traceID, a.spanID, d)
			f.Add(h.Get("traceparent"), "a=1,,b@c=2", "x=y", h.Get("b3"), h.Get("X-B3-TraceId"), h.Get("X-B3-SpanId"),
				h.Get("X-B3-Sampled"), h.Get("X-B3-Flags"), h.Get("X-Cloud-Trace-Context"))
		}
	}
	f.Fuzz(func(t *testing.T, traceparent, tracestate, bag, b3, b3Trace, b3Span, b3Sampled, b3Flags, cloud string) {
		h := header("traceparent", traceparent, "tracestate", tracestate, "tracestate", tracestate, "baggage", bag,
			"b3", b3, "X-B3-TraceId", b3Trace, "X-B3-SpanId", b3Span, "X-B3-Sampled", b3Sampled, "X-B3-Flags", b3Flags,
			"X-Cloud-Trace-Context", cloud)
		p := defaultPropagator(t)
		ctx := p.Extract(context.Background(), propagation.HeaderCarrier(h))
		sc := trace.SpanContextFromContext(ctx)
		if !sc.IsValid() {
			if !sc.Equal(trace.SpanContext{}) {
				t.Fatalf("half a span context: %v", sc)
			}
			return
		}
		if !sc.IsRemote() {
			t.Fatalf("not remote: %v", sc)
		}
		out := http.Header{}
		p.Inject(ctx, propagation.HeaderCarrier(out))
		if got := extract(p, out); !got.Equal(sc) {
			t.Fatalf("%v came back as %v", sc, got)
		}
		if n := len(out.Get("tracestate")); n > maxTracestate {
			t.Fatalf("tracestate of %d bytes", n)
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	p := defaultPropagator(b)
	w3c, multi := traceFormats[2], traceFormats[1]
	both := merge(
		w3c.headers(w3c.traceID, w3c.spanID, "not"), multi.headers(w3c.traceID, multi.spanID, "sampled"))
	benchmarks := map[string]http.Header{
		"none":   {"Content-Type": {"application/json"}},
		"w3c":    w3c.headers(w3c.traceID, w3c.spanID, "sampled"),
		"w3c+b3": both,
	}
	for _, name := range slices.Sorted(maps.Keys(benchmarks)) {
		carrier := propagation.HeaderCarrier(benchmarks[name])
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Extract(context.Background(), carrier)
			}
		})
	}
}

func BenchmarkInject(b *testing.B) {
	ctx, _ := sdktrace.NewTracerProvider().Tracer("").Start(context.Background(), "x")
	p := defaultPropagator(b)
	b.ReportAllocs()
	for b.Loop() {
		p.Inject(ctx, propagation.HeaderCarrier(make(http.Header, 8)))
	}
}
