package sampling

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// The values are those of the specification's table of 1-in-N probabilities, at 3, 4 and 5 digits.
func TestThresholdForFollowsTheSpecification(t *testing.T) {
	for _, tt := range []struct {
		p    float64
		want [3]string
	}{
		{1, [3]string{"0", "0", "0"}},
		{1. / 2, [3]string{"8", "8", "8"}},
		{1. / 3, [3]string{"aab", "aaab", "aaaab"}},
		{1. / 4, [3]string{"c", "c", "c"}},
		{1. / 5, [3]string{"ccd", "cccd", "ccccd"}},
		{1. / 8, [3]string{"e", "e", "e"}},
		{1. / 10, [3]string{"e66", "e666", "e6666"}},
		{1. / 16, [3]string{"f", "f", "f"}},
		{1. / 100, [3]string{"fd71", "fd70a", "fd70a4"}},
		{1. / 1000, [3]string{"ffbe7", "ffbe77", "ffbe76d"}},
		{1. / 10000, [3]string{"fff972", "fff9724", "fff97247"}},
		{1. / 100000, [3]string{"ffff584", "ffff583a", "ffff583a5"}},
		{1. / 1000000, [3]string{"ffffef4", "ffffef39", "ffffef391"}},
	} {
		for i, want := range tt.want {
			if got := thresholdFor(tt.p, 3+i).String(); got != want {
				t.Errorf("thresholdFor(%v, %d) = %s, want %s", tt.p, 3+i, got, want)
			}
		}
	}
}

func TestThresholdForCutsToWhatIsDefined(t *testing.T) {
	for _, tt := range []struct {
		p    float64
		want string
	}{
		{2, "0"},
		{1 - 1e-12, "0"}, // rounds to everything
		{math.Ldexp(1, -56), "ffffffffffffff"},
		{1e-300, "ffffffffffffff"},
		{0, "ffffffffffffff"},
	} {
		if got := thresholdFor(tt.p, fixedPrecision).String(); got != tt.want {
			t.Errorf("thresholdFor(%v) = %s, want %s", tt.p, got, tt.want)
		}
	}
}

// What a service writes is what it applies: decoding the written th gives the very threshold, for any probability.
func TestThresholdRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		p := math.Exp2(-56 * rnd.Float64())
		precision := 1 + rnd.IntN(thresholdDigits)
		want := thresholdFor(p, precision)
		th := want.String()
		got, ok := parseThreshold(th)
		if !ok || got != want {
			t.Fatalf("p %v, precision %d: %d is written %s and read %d, %v", p, precision, want, th, got, ok)
		}
		if len(th) > 1 && strings.HasSuffix(th, "0") || len(th) > thresholdDigits {
			t.Fatalf("p %v: th %s is not the shortest form", p, th)
		}
	}
	for range 100_000 { // any threshold, not only rounded ones
		want := samplingThreshold(rnd.Uint64N(randomnessRange))
		if got, ok := parseThreshold(want.String()); !ok || got != want {
			t.Fatalf("%d is written %s and read %d, %v", want, want, got, ok)
		}
	}
}

// Rounding moves the ratio by less than 0.02 % at the precision of fixed ratios and 0.2 % at the adaptive one, as long
// as a threshold has digits enough for it.
func TestThresholdPrecision(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		p := math.Exp2(-40 * rnd.Float64())
		for precision, limit := range map[int]float64{fixedPrecision: 2e-4, adaptivePrecision: 2.1e-3} {
			applied := 1 - float64(thresholdFor(p, precision))/randomnessRange
			if off := math.Abs(applied/p - 1); off > limit {
				t.Fatalf("p %v becomes %v at precision %d: off by %v", p, applied, precision, off)
			}
		}
	}
}

func TestParseThreshold(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want samplingThreshold
		ok   bool
	}{
		{"0", 0, true},
		{"8", 1 << 55, true},
		{"80000000000000", 1 << 55, true},
		{"E666", 0xe666 << 40, true},
		{"00000000000001", 1, true},
		{"ffffffffffffff", 1<<56 - 1, true},
		{"", 0, false},
		{"000000000000000", 0, false},
		{"0x8", 0, false},
		{"-1", 0, false},
		{"8 ", 0, false},
		{"é", 0, false},
	} {
		if got, ok := parseThreshold(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("parseThreshold(%q) = %x, %v, want %x, %v", tt.in, uint64(got), ok, uint64(tt.want), tt.ok)
		}
	}
}

func TestThresholdProbabilityReadsAsConfigured(t *testing.T) {
	for _, p := range []float64{1, 0.999, 0.5, 0.333, 0.25, 0.1, 0.05, 0.01, 0.00123, 1e-6, 1e-9} {
		if got := thresholdFor(p, fixedPrecision).probability(); got != p {
			t.Errorf("a ratio of %v reads as %v", p, got)
		}
	}
}

// W3C Trace Context Level 2: the rightmost 7 bytes are the random ones.
func TestTraceRandomnessIsTheLowSevenBytes(t *testing.T) {
	id := trace.TraceID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7}
	if got, want := traceRandomness(id), uint64(0x01020304050607); got != want {
		t.Errorf("traceRandomness = %#x, want %#x", got, want)
	}
}
