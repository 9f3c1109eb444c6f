package sampling

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

func mustTraceState(tb testing.TB, s string) trace.TraceState {
	tb.Helper()
	state, err := trace.ParseTraceState(s)
	if err != nil {
		tb.Fatalf("tracestate %q of the test: %v", s, err)
	}
	return state
}

func TestParseOT(t *testing.T) {
	const e666 = samplingThreshold(0xe666 << 40)
	for _, tt := range []struct {
		value string
		want  otState
	}{
		{"", otState{}},
		{"th:e666", otState{threshold: e666, hasThreshold: true, mentionsTh: true}},
		{"rv:00000000000001", otState{randomness: 1, hasRandom: true}},
		{"a:1;rv:00000000000001;th:e666;b", otState{
			threshold: e666, hasThreshold: true, mentionsTh: true, randomness: 1, hasRandom: true,
		}},
		{";; th:e666 ;", otState{threshold: e666, hasThreshold: true, mentionsTh: true}},
		{"th", otState{mentionsTh: true}},
		{"th:nonsense", otState{mentionsTh: true}},
		{"th:8;th:8", otState{threshold: 1 << 55, mentionsTh: true}}, // which one counts?
		{"rv:1", otState{}}, // a short rv is malformed, not padded
		{"rv:00000000000001;rv:00000000000001", otState{randomness: 1}},
		{"xth:8;rvx:00000000000001;TH:8", otState{}},
	} {
		tt.want.value = tt.value
		if got := parseOT(tt.value); got != tt.want {
			t.Errorf("parseOT(%q) = %+v, want %+v", tt.value, got, tt.want)
		}
	}
}

func TestThresholdInTracestate(t *testing.T) {
	v := newSamplingVerdict(thresholdFor(0.1, fixedPrecision), reasonRatio, 0.1)
	long := "x:" + strings.Repeat("y", otMaxBytes-len("x:")) // fills the member to the last byte
	for _, tt := range []struct {
		name, in, kept, undecided string
	}{
		{"none", "", "ot=th:e666", ""},
		{"other vendors stay in order", "a=1,b=2", "ot=th:e666,a=1,b=2", "a=1,b=2"},
		{"ours replaces the caller's", "ot=th:8", "ot=th:e666", ""},
		{"the same stays where it is", "a=1,ot=th:e666", "a=1,ot=th:e666", "a=1"},
		{"the same, written longer", "ot=th:e6660", "ot=th:e6660", ""},
		{"rv stays", "ot=rv:0123456789abcd", "ot=th:e666;rv:0123456789abcd", "ot=rv:0123456789abcd"},
		{"unknown sub-keys stay", "a=1,ot=p:8;th:0;r:62,b=2", "ot=th:e666;p:8;r:62,a=1,b=2", "ot=p:8;r:62,a=1,b=2"},
		{"malformed and double th go", "ot=th:x;a:1;th:8", "ot=th:e666;a:1", "ot=a:1"},
		{"no room for th", "ot=" + long, "ot=" + long, "ot=" + long},
		{"no room for ours, the old one is wrong", "ot=th:0;" + long[:otMaxBytes-5], "ot=" + long[:otMaxBytes-5],
			"ot=" + long[:otMaxBytes-5]},
		{"a tenant's ot is not ours", "t@ot=th:8", "ot=th:e666,t@ot=th:8", "t@ot=th:8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			state := mustTraceState(t, tt.in)
			ot := readOT(state)
			if got := ot.withThreshold(state, v).String(); got != tt.kept {
				t.Errorf("kept:\n got %s\nwant %s", got, tt.kept)
			}
			if got := ot.withoutThreshold(state).String(); got != tt.undecided {
				t.Errorf("undecided:\n got %s\nwant %s", got, tt.undecided)
			}
			if state.String() != tt.in {
				t.Errorf("the caller's tracestate was changed to %s", state)
			}
		})
	}
}

func TestThresholdTakesThePlaceOfTheLastOf32Members(t *testing.T) {
	members := make([]string, 32)
	for i := range members {
		members[i] = fmt.Sprintf("v%d=%d", i, i)
	}
	state := mustTraceState(t, strings.Join(members, ","))
	v := newSamplingVerdict(0, reasonAlwaysOn, 1)
	want := "ot=th:0," + strings.Join(members[:31], ",")
	if got := readOT(state).withThreshold(state, v).String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// Whatever a caller sends: the result is a valid tracestate, its th is ours or absent, its rv and all else are the
// caller's.
func FuzzOTState(f *testing.F) {
	for _, seed := range []string{
		"", "ot=th:8", "ot=th:e666;rv:0123456789abcd,a=1", "a=1,ot= th:8 ;b:2 ;;c", "ot=th:8;th:9;rv:0;rv:1",
		"ot=" + strings.Repeat("x", 256), "ot=th:" + strings.Repeat("f", 14), "ot=a:1 ;th:0", "t@ot=th:8", "ot=th:;rv:",
	} {
		f.Add(seed, uint64(len(seed))<<48)
	}
	f.Fuzz(func(t *testing.T, header string, threshold uint64) {
		state, err := trace.ParseTraceState(header)
		if err != nil {
			return // the propagator drops it before we see it
		}
		before := readOT(state)
		v := newSamplingVerdict(samplingThreshold(threshold%randomnessRange), reasonRatio, 0.5)
		kept, undecided := before.withThreshold(state, v), before.withoutThreshold(state)

		for name, got := range map[string]trace.TraceState{"kept": kept, "undecided": undecided} {
			if _, err := trace.ParseTraceState(got.String()); err != nil {
				t.Fatalf("%s: %q is invalid: %v", name, got, err)
			}
			after := readOT(got)
			if after.hasRandom != before.hasRandom || after.randomness != before.randomness {
				t.Errorf("%s: the randomness changed: %q", name, got)
			}
			want := membersBeside(state, otMember)
			if len(want) == 32 && got.Get(otMember) != "" {
				want = want[:31]
			}
			if members := membersBeside(got, otMember); !slices.Equal(members, want) {
				t.Errorf("%s: other members are %q, want %q", name, members, want)
			}
			if before.others() != after.others() {
				t.Errorf("%s: other sub-keys are %q, want %q", name, after.others(), before.others())
			}
		}
		if ot := readOT(kept); ot.mentionsTh && (!ot.hasThreshold || ot.threshold != v.threshold) {
			t.Errorf("kept: th is not ours: %q", kept)
		}
		if readOT(undecided).mentionsTh {
			t.Errorf("undecided: th is still there: %q", undecided)
		}
	})
}

func membersBeside(state trace.TraceState, key string) (members []string) {
	state.Walk(func(k, v string) bool {
		if k != key {
			members = append(members, k+"="+v)
		}
		return true
	})
	return members
}
