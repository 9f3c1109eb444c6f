package sampling

import (
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type samplerCase struct {
	name string
	cfg  Config
	in   sdktrace.SamplingParameters
}

// samplerCases are the decisions of every day. None of them may allocate.
func samplerCases(tb testing.TB) []samplerCase {
	ratio := Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1}
	unlimited := Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1, RemotePerSecond: 1e12}
	local := samplerParent(tb, trace.SpanContextConfig{TraceID: midID, TraceFlags: trace.FlagsSampled}, "ot=th:8")
	return []samplerCase{
		{"root/always_on", Config{}, rootParameters(midID)},
		{"root/always_off", Config{Name: SamplerAlwaysOff}, rootParameters(midID)},
		{"root/ratio/kept", ratio, rootParameters(highID)},
		{"root/ratio/undecided", ratio, rootParameters(midID)},
		{"root/adaptive", Config{Name: SamplerAdaptive}, rootParameters(midID)},
		{"child", ratio, local},
		{"remote/not_sampled", ratio, remoteParent(tb, midID, 0, "")},
		{"remote/sampled", unlimited, remoteParent(tb, midID, trace.FlagsSampled, "")},
		{"remote/sampled/same_th", unlimited, remoteParent(tb, highID, trace.FlagsSampled, "ot=th:e666")},
		{"remote/over_budget", ratio, remoteParent(tb, midID, trace.FlagsSampled, "")},
		{"remote/not_sampled/same_th", ratio, remoteParent(tb, highID, 0, "ot=th:e666,a=1")},
	}
}

func TestSamplerDecisionsDoNotAllocate(t *testing.T) {
	for _, c := range samplerCases(t) {
		var clock samplerClock
		s := New(c.cfg, clock.now)
		allocs := testing.AllocsPerRun(1000, func() {
			clock.advance(time.Microsecond)
			s.ShouldSample(c.in)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations per decision", c.name, allocs)
		}
	}
}

func BenchmarkSampler(b *testing.B) {
	for _, c := range samplerCases(b) {
		b.Run(c.name, func(b *testing.B) {
			s := New(c.cfg, time.Now)
			b.ReportAllocs()
			for b.Loop() {
				s.ShouldSample(c.in)
			}
		})
	}
}

// One instance, many requests at once: the adaptive sampler has a lock.
func BenchmarkSamplerAdaptiveParallel(b *testing.B) {
	s := New(Config{Name: SamplerAdaptive}, time.Now)
	in := rootParameters(midID)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.ShouldSample(in)
		}
	})
}
