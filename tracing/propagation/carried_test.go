package propagation

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func propagated(t testing.TB, in http.Header) (trace.SpanContext, http.Header) {
	t.Helper()
	p, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	ctx := p.Extract(context.Background(), propagation.HeaderCarrier(in))
	parent := trace.SpanContextFromContext(ctx)
	out := http.Header{}
	p.Inject(trace.ContextWithSpanContext(ctx, parent.WithSpanID(trace.SpanID{1}).WithRemote(false)),
		propagation.HeaderCarrier(out))
	return parent, out
}

// Old clients drop the leading zeros of ids, and what they say of the parent's parent is nobody's concern.
func TestB3IDsWithoutTheirZeros(t *testing.T) {
	t.Parallel()
	const full, span = "00f198ee56343ba864fe8b2a57d3eff7", "05e3ac9a4f6e3b90"
	for _, tt := range []struct {
		name, trace, span string
		header            http.Header
	}{
		{"multi", full, span, http.Header{"X-B3-Traceid": {full[2:]}, "X-B3-Spanid": {span[1:]}, "X-B3-Sampled": {"1"}}},
		{"multi, 64 bits", "0000000000000000" + span, span,
			http.Header{"X-B3-Traceid": {span[1:]}, "X-B3-Spanid": {span[1:]}, "X-B3-Sampled": {"1"}}},
		{"single", full, span, http.Header{"B3": {full[2:] + "-" + span[1:] + "-1"}}},
		{"single, odd parent", full, span, http.Header{"B3": {full + "-" + span + "-1-0"}}},
		{"single, undecided", full, span, http.Header{"B3": {full[1:] + "-" + span}}},
		{"parent of zeros", full, span, http.Header{"X-B3-Traceid": {full}, "X-B3-Spanid": {span},
			"X-B3-Parentspanid": {"0000000000000000"}}},
		{"parent of a dash", full, span, http.Header{"X-B3-Traceid": {full}, "X-B3-Spanid": {span}, "X-B3-Parentspanid": {"-"}}},
		{"too long", "", "", http.Header{"X-B3-Traceid": {"0" + full}, "X-B3-Spanid": {span}}},
		{"all zeros", "", "", http.Header{"X-B3-Traceid": {"0"}, "X-B3-Spanid": {span}}},
		{"no hex", "", "", http.Header{"X-B3-Traceid": {"xyz"}, "X-B3-Spanid": {span}}},
	} {
		sc, _ := propagated(t, tt.header)
		switch {
		case tt.trace == "" && sc.IsValid():
			t.Errorf("%s: %v", tt.name, sc)
		case tt.trace != "" && (sc.TraceID().String() != tt.trace || sc.SpanID().String() != tt.span):
			t.Errorf("%s: %s-%s, want %s-%s", tt.name, sc.TraceID(), sc.SpanID(), tt.trace, tt.span)
		}
	}
}

// Members that level 2 allows and the library's type cannot hold leave with the others.
func TestTracestateMembersAreCarriedBesideTheType(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	var many []string
	for i := range 32 {
		many = append(many, fmt.Sprintf("k@%d@=v", i))
	}
	for in, want := range map[string]string{
		"foo@=1,bar=2":          "bar=2,foo@=1",
		"foo@@bar=1":            "foo@@bar=1",
		"1a=x,foo@bar@baz=1":    "1a=x,foo@bar@baz=1",
		"foo@=1,foo@=2":         "foo@=1",
		"@foo=1,bar=2":          "",
		"a=1,b=2":               "a=1,b=2",
		strings.Join(many, ","): strings.Join(many, ","),
	} {
		_, out := propagated(t, http.Header{"Traceparent": {parent}, "Tracestate": {in}})
		got, expected := strings.Split(out.Get("Tracestate"), ","), strings.Split(want, ",")
		slices.Sort(got)
		slices.Sort(expected)
		if !slices.Equal(got, expected) {
			t.Errorf("%s leaves as %s, want %s", in, out.Get("Tracestate"), want)
		}
	}
	if _, out := propagated(t, http.Header{"Traceparent": {parent}, "Tracestate": {"foo@=1"},
		"B3": {"00f198ee56343ba864fe8b2a57d3eff7-05e3ac9a4f6e3b90-1"}}); out.Get("Tracestate") != "" {
		t.Errorf("another trace got %s", out.Get("Tracestate"))
	}
}

// Whatever comes in, what leaves is a tracestate of level 2 with members that came in, each once, within the limits.
func FuzzTracestateCarrier(f *testing.F) {
	f.Add("foo@=1,bar=2", "x=1")
	f.Add("1a=x,,\t,foo@bar@baz=1", "")
	f.Add(strings.Repeat("k@@=v,", 40), strings.Repeat("a", 600)+"=1")
	f.Fuzz(func(t *testing.T, first, second string) {
		_, out := propagated(t, http.Header{
			"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}, "Tracestate": {first, second},
		})
		left := out.Get("Tracestate")
		if left == "" {
			return
		}
		came := map[string]bool{}
		for m := range strings.SplitSeq(first+","+second, ",") {
			came[strings.Trim(m, " \t")] = true
		}
		seen := map[string]bool{}
		for m := range strings.SplitSeq(left, ",") {
			key, value, _ := strings.Cut(m, "=")
			if !came[m] || seen[key] || !validTracestateKey(key) || !validTracestateValue(value) {
				t.Errorf("%q and %q leave as %q", first, second, left)
			}
			seen[key] = true
		}
		if len(seen) > maxTracestateMembers || len(left) > maxTracestate {
			t.Errorf("%d members, %d bytes", len(seen), len(left))
		}
	})
}
