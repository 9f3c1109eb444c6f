package sampling

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A caller that chooses its trace ids, or an rv, gets no more kept than the share and the budget.
func TestChosenTraceIDsCountAgainstTheBudget(t *testing.T) {
	for name, parent := range map[string]func(n int) (trace.TraceID, string){
		"trace ids": func(n int) (trace.TraceID, string) {
			return trace.TraceID{0: 1, 1: byte(n), 2: byte(n >> 8), 9: 0xff, 10: 0xff, 11: 0xff}, ""
		},
		"rv": func(n int) (trace.TraceID, string) {
			return trace.TraceID{0: 1, 1: byte(n), 2: byte(n >> 8), 15: 1}, "ot=rv:ffffffffffffff"
		},
	} {
		for _, sampler := range []Name{SamplerTraceIDRatio, SamplerParentBasedTraceIDRatio} {
			now := time.Unix(0, 0)
			s := New(Config{Name: sampler, Ratio: 0.01, RemotePerSecond: 5}, func() time.Time { return now })
			kept := 0
			const seconds, perSecond = 60, 200
			for n := range seconds * perSecond {
				id, state := parent(n)
				if isKept(s, remoteParent(t, id, 0, state)) {
					kept++
				}
				now = now.Add(time.Second / perSecond)
			}
			if most := seconds*5 + seconds*perSecond/100 + creditMost + 5; kept > most || kept < seconds*5 {
				t.Errorf("%s, %s: kept %d of %d, want at most %d", sampler, name, kept, seconds*perSecond, most)
			}
		}
	}
}

// Honest ids do not feel it: all that the threshold keeps is kept.
func TestRandomTraceIDsOfCallersAreNotLimited(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(0, 0)
	remote := New(Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1, RemotePerSecond: 10},
		func() time.Time { return now })
	local := ratioSampler(0.1)
	for n := range 60 * 200 {
		id := randomTraceID(rnd)
		if isKept(local, rootParameters(id)) != isKept(remote, remoteParent(t, id, 0, "")) {
			t.Fatalf("trace %d is not decided by its id", n)
		}
		now = now.Add(5 * time.Millisecond)
	}
}
