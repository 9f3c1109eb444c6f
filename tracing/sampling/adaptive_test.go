package sampling

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// adaptiveRun drives an adaptive sampler with traces of random ids.
type adaptiveRun struct {
	clock   samplerClock
	rnd     *rand.Rand
	sampler sdktrace.Sampler
	each    func() // called after each arrival, when set
}

func newAdaptiveRun(target float64, seed uint64) *adaptiveRun {
	r := &adaptiveRun{rnd: rand.New(rand.NewPCG(13, seed))}
	r.sampler = New(Config{Name: SamplerAdaptive, TracesPerSecond: target}, r.clock.now)
	return r
}

// arrive makes one trace arrive and reports whether it was kept.
func (r *adaptiveRun) arrive() bool { return isKept(r.sampler, rootParameters(randomTraceID(r.rnd))) }

type arrivals func(rnd *rand.Rand, perSecond float64) time.Duration // until the next one

func evenly(_ *rand.Rand, perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}

func atRandom(rnd *rand.Rand, perSecond float64) time.Duration {
	return time.Duration(rnd.ExpFloat64() * float64(time.Second) / perSecond)
}

// load makes traces arrive for a time and returns how many arrived and how many were kept.
func (r *adaptiveRun) load(perSecond float64, d time.Duration, next arrivals) (arrived, kept int) {
	end := time.Duration(r.clock.elapsed.Load()) + d
	for {
		wait := next(r.rnd, perSecond)
		if left := end - time.Duration(r.clock.elapsed.Load()); wait >= left {
			r.clock.advance(left)
			return arrived, kept
		}
		r.clock.advance(wait)
		arrived++
		if r.arrive() {
			kept++
		}
		if r.each != nil {
			r.each()
		}
	}
}

// ratio is the one in force.
func (r *adaptiveRun) ratio() float64 {
	a := r.sampler.(*sampler).adaptive
	return float64(randomnessRange-a.verdict.threshold) / randomnessRange
}

func TestAdaptiveHoldsItsTargetUnderConstantLoad(t *testing.T) {
	const measured = 60 * time.Second
	for _, tt := range []struct {
		target, load float64
		warmUp       time.Duration
		runs         uint64 // enough traces to tell 10 % from chance
	}{
		{1, 0.1, time.Minute, 5}, {1, 1, time.Minute, 20}, {1, 2, time.Minute, 20}, {1, 100, 10 * time.Second, 20},
		{10, 1, time.Minute, 2}, {10, 5, time.Minute, 2}, {10, 10, time.Minute, 2}, {10, 20, time.Minute, 2},
		{10, 50, time.Minute, 2}, {10, 100, 10 * time.Second, 2}, {10, 1000, 10 * time.Second, 2},
		{10, 10_000, 10 * time.Second, 2},
	} {
		for name, next := range map[string]arrivals{"evenly": evenly, "at random": atRandom} {
			var arrived, kept int
			for seed := range tt.runs {
				run := newAdaptiveRun(tt.target, seed)
				run.load(tt.load, tt.warmUp, next)
				a, k := run.load(tt.load, measured, next)
				arrived, kept = arrived+a, kept+k
			}
			want := min(float64(arrived), tt.target*measured.Seconds()*float64(tt.runs))
			off := float64(kept)/want - 1
			t.Logf("target %v/s, load %v/s %s: off by %+.1f %%", tt.target, tt.load, name, 100*off)
			if math.Abs(off) > 0.1 {
				t.Errorf("target %v/s, load %v/s %s: kept %d of %d, want %.0f", tt.target, tt.load, name, kept, arrived, want)
			}
		}
	}
}

// The ratio itself, without the chance in ids and arrivals: from the third second on it is right on average, and at
// every moment nearly so. Remains of the old load that look like chance may shift it for a while.
func TestAdaptiveRatioIsRightThreeSecondsAfterAStep(t *testing.T) {
	const target, phases, warmUp = 10.0, 10, 5 * time.Second
	for _, step := range []struct{ from, to float64 }{
		{20, 2000}, {2000, 20}, {10, 1000}, {1000, 10}, {1, 100}, {100, 1}, {0.01, 1000},
	} {
		var sum, n float64
		for phase := range phases { // of the step against the slots
			run := newAdaptiveRun(target, uint64(phase))
			run.load(step.from, warmUp+time.Duration(phase)*loadSlot/phases, evenly)
			run.load(step.to, 3*time.Second, evenly)
			run.each = func() {
				off := run.ratio() / min(1, target/step.to)
				sum, n = sum+off, n+1
				if off > 1.6 || off < 1/1.6 {
					now := time.Duration(run.clock.elapsed.Load())
					t.Fatalf("from %v/s to %v/s, phase %d, at %v: %v times the right ratio",
						step.from, step.to, phase, now, off)
				}
			}
			run.load(step.to, 5*time.Second, evenly)
		}
		t.Logf("from %v/s to %v/s: off by %+.1f %%", step.from, step.to, 100*(sum/n-1))
		if math.Abs(sum/n-1) > 0.1 {
			t.Errorf("from %v/s to %v/s: %v times the right ratio on average", step.from, step.to, sum/n)
		}
	}
}

func TestAdaptiveHoldsItsTargetThreeSecondsAfterAStepOfRandomArrivals(t *testing.T) {
	const target, runs, warmUp, measured = 10.0, 40, 5 * time.Second, 5 * time.Second
	for _, step := range []struct{ from, to float64 }{{20, 2000}, {2000, 20}, {10, 1000}, {1000, 10}} {
		var kept int
		for seed := range uint64(runs) {
			run := newAdaptiveRun(target, seed)
			run.load(step.from, warmUp+time.Duration(seed)*loadSlot/runs, atRandom)
			run.load(step.to, 3*time.Second, atRandom)
			_, k := run.load(step.to, measured, atRandom)
			kept += k
		}
		want := target * runs * measured.Seconds()
		off := float64(kept)/want - 1
		t.Logf("from %v/s to %v/s: off by %+.1f %%", step.from, step.to, 100*off)
		if math.Abs(off) > 0.1 {
			t.Errorf("from %v/s to %v/s: kept %d, want %.0f", step.from, step.to, kept, want)
		}
	}
}

// What a flood costs before it is measured: a second's worth of the target, and a quarter of that per doubling.
func TestAdaptiveBoundsWhatAFloodCosts(t *testing.T) {
	const target = 10.0
	for _, start := range []struct {
		name    string
		prepare func(*adaptiveRun)
	}{
		{"cold start", func(*adaptiveRun) {}},
		{"after quiet traffic", func(r *adaptiveRun) { r.load(5, time.Minute, evenly) }},
		{"after traffic at the target", func(r *adaptiveRun) { r.load(10, time.Minute, evenly) }},
		{"after an idle hour", func(r *adaptiveRun) { r.load(500, time.Minute, evenly); r.clock.advance(time.Hour) }},
	} {
		for _, perSecond := range []float64{100, 1000, 10_000, 100_000} {
			// The flood, the rest of the second, the doublings. A flood that begins at the end of a slot costs the first
			// twice, as its first slot is no measure of it.
			most := target * (2 + 1 + 0.5*math.Log2(perSecond/target))
			const phases = 3
			for phase := range phases {
				run := newAdaptiveRun(target, uint64(phase))
				start.prepare(run)
				run.clock.advance(time.Duration(phase) * loadSlot / phases)
				_, kept := run.load(perSecond, time.Second, evenly)
				if float64(kept) > most || kept < target/2 {
					t.Errorf("%s, then %v/s, phase %d: %d traces kept in the first second, want %v to %.0f",
						start.name, perSecond, phase, kept, target/2, most)
				}
			}
		}
	}
}

func TestAdaptiveKeepsEverythingAtLowTraffic(t *testing.T) {
	for _, target := range []float64{0.5, 1, 10} {
		run := newAdaptiveRun(target, 1)
		if arrived, kept := run.load(target/10, 10*time.Minute, atRandom); kept != arrived || arrived == 0 {
			t.Errorf("target %v/s: kept %d of %d", target, kept, arrived)
		}
	}
}

// An instance without CPU between requests, or callers that come in waves: the pauses must not count as a fall of the
// load that opens the sampler for the next wave.
func TestAdaptiveHoldsItsTargetOverPauses(t *testing.T) {
	const target = 10.0
	for _, pause := range []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond} {
		run := newAdaptiveRun(target, 2)
		wave := func() (kept int) {
			_, kept = run.load(2000, 200*time.Millisecond, evenly)
			run.clock.advance(pause)
			return kept
		}
		for range 100 {
			wave()
		}
		var kept int
		const waves = 200
		for range waves {
			kept += wave()
		}
		seconds := (waves * (pause + 200*time.Millisecond)).Seconds()
		t.Logf("pause %v: %.1f traces/s", pause, float64(kept)/seconds)
		if got := float64(kept) / seconds; got > 1.1*target || got < 0.6*target {
			t.Errorf("pause %v: %.1f traces/s, want %v", pause, got, target)
		}
	}
}

// Adaptive sampling only moves the threshold: what it keeps at a ratio is what a fixed sampler of that ratio keeps.
func TestAdaptiveKeepsTheTracesOfTheFixedRatioItWrites(t *testing.T) {
	run := newAdaptiveRun(10, 3)
	distinct := map[samplingThreshold]bool{}
	for i := range 20_000 {
		run.clock.advance(time.Second / time.Duration(20+10*(i/1000)))
		id := randomTraceID(run.rnd)
		res := run.sampler.ShouldSample(rootParameters(id))
		threshold := run.sampler.(*sampler).adaptive.verdict.threshold
		distinct[threshold] = true
		if kept := res.Decision == sdktrace.RecordAndSample; kept != threshold.keeps(traceRandomness(id)) {
			t.Fatalf("trace %s at threshold %s: kept %v", id, threshold, kept)
		}
		if res.Decision != sdktrace.RecordAndSample {
			continue
		}
		if got, want := res.Tracestate.String(), "ot=th:"+threshold.String(); got != want {
			t.Fatalf("tracestate %q, want %q", got, want)
		}
		if got := res.Attributes[1].Value.AsFloat64(); got != threshold.probability() {
			t.Fatalf("sampling.ratio %v, want %v", got, threshold.probability())
		}
	}
	if len(distinct) < 20 {
		t.Errorf("the ratio took only %d values: the load of this test does not move it", len(distinct))
	}
}

// Traces kept for callers come on top of the target and are no load: they do not push our own traces out.
func TestAdaptiveDoesNotCountTracesKeptForCallers(t *testing.T) {
	run := newAdaptiveRun(10, 4)
	reasons := map[string]int{}
	for range 100 * 60 {
		run.clock.advance(time.Second / 200)
		own := run.sampler.ShouldSample(rootParameters(randomTraceID(run.rnd)))
		run.clock.advance(time.Second / 200)
		callers := run.sampler.ShouldSample(remoteParent(t, randomTraceID(run.rnd), 1, ""))
		for _, res := range []sdktrace.SamplingResult{own, callers} {
			if res.Decision == sdktrace.RecordAndSample {
				reasons[res.Attributes[0].Value.AsString()]++
			}
		}
	}
	if n := reasons[reasonParent]; n < 600 || n > 610 {
		t.Errorf("%d traces kept for callers in 60 s, want 10/s", n)
	}
	if n := reasons[reasonAdaptive]; n < 540 || n > 660 {
		t.Errorf("%d traces kept of our own in 60 s, want 10/s", n)
	}
}

func TestAdaptiveSurvivesClocksAndExtremes(t *testing.T) {
	for _, target := range []float64{math.SmallestNonzeroFloat64, 1e-9, 1e300, math.MaxFloat64} {
		run := newAdaptiveRun(target, 5)
		for _, d := range []time.Duration{0, time.Nanosecond, time.Second, -time.Second, 24 * time.Hour, 65 * time.Second} {
			run.clock.advance(d)
			for range 100 {
				run.arrive()
			}
			if ratio := run.ratio(); !(ratio > 0 && ratio <= 1) {
				t.Errorf("target %v, after %v: ratio %v", target, d, ratio)
			}
		}
	}
}
