package propagation

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	w3cTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	w3cSpanID  = "00f067aa0ba902b7"
	w3cParent  = "00-" + w3cTraceID + "-" + w3cSpanID + "-01"
)

// TestTraceparent is named after the rules of https://www.w3.org/TR/trace-context-2/#traceparent-header.
func TestTraceparent(t *testing.T) {
	tests := []struct {
		rule   string
		values []string
		want   string // flags, "" when the header has to be ignored
	}{
		{"sampled", []string{w3cParent}, "01"},
		{"not sampled", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-00"}, "00"},
		{"random trace id flag is kept", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-03"}, "03"},
		{"unknown flags are ignored", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-fd"}, "01"},
		{"unknown flags are ignored, all set", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-ff"}, "03"},
		{"version ff is invalid", []string{"ff" + w3cParent[2:]}, ""},
		{"version is lower case", []string{"FF" + w3cParent[2:]}, ""},
		{"version 00 has no more fields", []string{w3cParent + "-extra"}, ""},
		{"version 00 has no trailing dash", []string{w3cParent + "-"}, ""},
		{"future version", []string{"cc" + w3cParent[2:]}, "01"},
		{"future version with more fields", []string{"cc" + w3cParent[2:] + "-what-the-future-brings"}, "01"},
		{"future version needs a dash after the flags", []string{"cc" + w3cParent[2:] + ".what"}, ""},
		{"future version is at least 55 long", []string{"cc" + w3cParent[2:54]}, ""},
		{"version is hex", []string{".0" + w3cParent[2:]}, ""},
		{"version is two digits", []string{"0" + w3cParent[2:]}, ""},
		{"trace id is not zero", []string{"00-" + strings.Repeat("0", 32) + "-" + w3cSpanID + "-01"}, ""},
		{"trace id is lower case", []string{"00-" + strings.ToUpper(w3cTraceID) + "-" + w3cSpanID + "-01"}, ""},
		{"trace id is hex", []string{"00-" + w3cTraceID[:31] + "g-" + w3cSpanID + "-01"}, ""},
		{"trace id is not longer", []string{"00-" + w3cTraceID + "0-" + w3cSpanID + "-01"}, ""},
		{"trace id is not shorter", []string{"00-" + w3cTraceID[:31] + "-" + w3cSpanID + "0-01"}, ""},
		{"parent id is not zero", []string{"00-" + w3cTraceID + "-" + strings.Repeat("0", 16) + "-01"}, ""},
		{"parent id is lower case", []string{"00-" + w3cTraceID + "-" + strings.ToUpper(w3cSpanID) + "-01"}, ""},
		{"parent id is hex", []string{"00-" + w3cTraceID + "-" + w3cSpanID[:15] + ".-01"}, ""},
		{"flags are hex", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-0."}, ""},
		{"flags are lower case", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-0A"}, ""},
		{"flags are two digits", []string{"00-" + w3cTraceID + "-" + w3cSpanID + "-1"}, ""},
		{"two headers are invalid", []string{w3cParent, w3cParent}, ""},
		{"two in one header are invalid", []string{w3cParent + "," + w3cParent}, ""},
		{"empty", []string{""}, ""},
		{"huge", []string{"cc" + w3cParent[2:] + "-" + strings.Repeat("x", 1<<20)}, ""},
	}
	p := defaultPropagator(t)
	for _, tt := range tests {
		sc := extract(p, http.Header{"Traceparent": tt.values, "Tracestate": {"a=1"}})
		got := ""
		if sc.IsValid() {
			got = sc.TraceFlags().String()
			if sc.TraceID().String() != w3cTraceID || sc.SpanID().String() != w3cSpanID {
				t.Errorf("%s: parent = %v", tt.rule, sc)
			}
			if sc.TraceState().String() != "a=1" {
				t.Errorf("%s: tracestate lost", tt.rule)
			}
		}
		if got != tt.want {
			t.Errorf("%s: flags %q, want %q", tt.rule, got, tt.want)
		}
	}
}

// TestTracestate is named after the rules of https://www.w3.org/TR/trace-context-2/#tracestate-header. Whatever is
// wrong with it, the traceparent stays.
func TestTracestate(t *testing.T) {
	list := func(n int) string {
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf("k%02d=%d", i, i)
		}
		return strings.Join(members, ",")
	}
	long := func(key string, n int) string { return key + "=" + strings.Repeat("v", n-len(key)-1) }
	seven := strings.Join([]string{long("a", 128), long("b", 128), long("c", 128), long("d", 128), long("e", 128),
		long("f", 128), long("g", 128)}, ",")
	tests := []struct {
		rule   string
		values []string
		want   string
	}{
		{"one member", []string{"foo=1"}, "foo=1"},
		{"order is kept", []string{"foo=1,bar=2"}, "foo=1,bar=2"},
		{"several headers are one list", []string{"foo=1,bar=2", "rojo=3"}, "foo=1,bar=2,rojo=3"},
		{"empty header among several", []string{"foo=1", "", "rojo=3"}, "foo=1,rojo=3"},
		{"empty members are allowed", []string{"foo=1,,bar=2,"}, "foo=1,bar=2"},
		{"blank members are allowed", []string{"foo=1, \t,bar=2"}, "foo=1,bar=2"},
		{"white space around members", []string{" foo=1 \t , \t bar=2 "}, "foo=1,bar=2"},
		{"blanks inside a value", []string{"foo=a b"}, "foo=a b"},
		{"value begins with blanks", []string{"foo=  a"}, "foo=  a"},
		{"value with all punctuation", []string{"foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"},
			"foo=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"},
		{"value without =", []string{"foo=1=2"}, ""},
		{"value is not empty", []string{"foo="}, ""},
		{"value is ASCII", []string{"foo=ä"}, ""},
		{"value up to 256", []string{"foo=" + strings.Repeat("v", 256)}, "foo=" + strings.Repeat("v", 256)},
		{"value over 256", []string{"foo=" + strings.Repeat("v", 257)}, ""},
		{"key is lower case", []string{"Foo=1"}, ""},
		{"key without blanks", []string{"foo =1"}, ""},
		{"key with all characters", []string{"a09_-*/=1"}, "a09_-*/=1"},
		{"key up to 256", []string{strings.Repeat("k", 256) + "=1"}, strings.Repeat("k", 256) + "=1"},
		{"key over 256", []string{strings.Repeat("k", 257) + "=1"}, ""},
		{"key of a tenant", []string{"0tenant@vendor=1"}, "0tenant@vendor=1"},
		{"key of a long tenant", []string{strings.Repeat("t", 241) + "@" + strings.Repeat("v", 14) + "=1"},
			strings.Repeat("t", 241) + "@" + strings.Repeat("v", 14) + "=1"},
		{"key with a leading digit costs itself only", []string{"foo=1,1bar=2,rojo=3"}, "foo=1,rojo=3"},
		{"key with two @ costs itself only", []string{"foo=1,a@b@c=2"}, "foo=1"},
		{"key is not empty", []string{"=1"}, ""},
		{"member without =", []string{"foo=1,bar"}, ""},
		{"of duplicate keys the first stays", []string{"foo=1,bar=2,foo=3"}, "foo=1,bar=2"},
		{"of duplicate keys the first stays across headers", []string{"foo=1", "foo=1"}, "foo=1"},
		{"32 members", []string{list(32)}, list(32)},
		{"33 members are dropped", []string{list(33)}, ""},
		{"33 members in two headers are dropped", []string{list(32), "foo=1"}, ""},
		{"512 characters pass", []string{long("a", 255) + "," + long("b", 256)}, long("a", 255) + "," + long("b", 256)},
		{"too long: members over 128 go first, from the end",
			[]string{long("a", 258) + ",s=1," + long("b", 258) + "," + long("c", 258) + "," + long("d", 258) + ",t=2"},
			long("a", 258) + ",s=1," + long("b", 258) + "," + long("c", 258) + ",t=2"},
		{"too long: then those at the end", []string{seven + "," + long("h", 122)}, seven},
		{"not too long", []string{seven + "," + long("h", 121)}, seven + "," + long("h", 121)},
		{"a megabyte of commas", []string{strings.Repeat(",", 1<<20) + "foo=1"}, ""},
		{"a megabyte", []string{"foo=" + strings.Repeat("x", 1<<20)}, ""},
	}
	p := defaultPropagator(t)
	for _, tt := range tests {
		sc := extract(p, http.Header{"Traceparent": {w3cParent}, "Tracestate": tt.values})
		if sc.SpanID().String() != w3cSpanID {
			t.Errorf("%s: traceparent lost", tt.rule)
		}
		if got := sc.TraceState().String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.rule, got, tt.want)
		}
	}
	if sc := extract(p, http.Header{"Tracestate": {"foo=1"}}); sc.IsValid() || sc.TraceState().Len() > 0 {
		t.Errorf("tracestate without traceparent: %v", sc)
	}
}
