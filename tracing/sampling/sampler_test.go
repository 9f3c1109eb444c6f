package sampling

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

var (
	lowID  = trace.TraceID{0: 1, 9: 0x00, 15: 1}           // rejected by every ratio below 1
	midID  = trace.TraceID{0: 1, 9: 0x80, 15: 1}           // kept from 0.5 up
	highID = trace.TraceID{0: 1, 9: 0xff, 10: 0xff, 15: 1} // kept by every ratio of these tests
)

func remoteParent(tb testing.TB, id trace.TraceID, flags trace.TraceFlags, state string) sdktrace.SamplingParameters {
	return samplerParent(tb, trace.SpanContextConfig{TraceID: id, TraceFlags: flags, Remote: true}, state)
}

func samplerParent(tb testing.TB, c trace.SpanContextConfig, state string) sdktrace.SamplingParameters {
	tb.Helper()
	c.SpanID = trace.SpanID{1}
	c.TraceState = mustTraceState(tb, state)
	return sdktrace.SamplingParameters{
		ParentContext: trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(c)),
		TraceID:       c.TraceID,
	}
}

func rootParameters(id trace.TraceID) sdktrace.SamplingParameters {
	return sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id}
}

func randomTraceID(rnd *rand.Rand) (id trace.TraceID) {
	for i := range id {
		id[i] = byte(rnd.Uint32())
	}
	return id
}

func ratioSampler(p float64) sdktrace.Sampler {
	var clock samplerClock
	return New(Config{Name: SamplerTraceIDRatio, Ratio: p}, clock.now)
}

func isKept(s sdktrace.Sampler, p sdktrace.SamplingParameters) bool {
	return s.ShouldSample(p).Decision == sdktrace.RecordAndSample
}

func TestSamplerDecidesAtLocalRoots(t *testing.T) {
	const (
		keep, hold, drop    = sdktrace.RecordAndSample, sdktrace.RecordOnly, sdktrace.Drop
		sampled, notSampled = trace.FlagsSampled, trace.TraceFlags(0)
	)
	why := func(reason string, ratio ...float64) []attribute.KeyValue {
		kvs := []attribute.KeyValue{attribute.String("sampling.reason", reason)}
		for _, r := range ratio {
			kvs = append(kvs, attribute.Float64("sampling.ratio", r))
		}
		return kvs
	}
	root := rootParameters
	remote := func(id trace.TraceID, flags trace.TraceFlags, state string) sdktrace.SamplingParameters {
		return remoteParent(t, id, flags, state)
	}
	half := Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.5}
	plainHalf := Config{Name: SamplerTraceIDRatio, Ratio: 0.5}
	for _, tt := range []struct {
		name  string
		cfg   Config
		in    sdktrace.SamplingParameters
		want  sdktrace.SamplingDecision
		attrs []attribute.KeyValue
		state string
	}{
		{"zero value keeps", Config{}, root(lowID), keep, why("always_on", 1), "ot=th:0"},
		{"unknown name keeps", Config{Name: "?"}, root(lowID), keep, why("always_on", 1), "ot=th:0"},
		{"always_on ignores the flag", Config{}, remote(lowID, notSampled, "ot=th:8,a=1"),
			keep, why("always_on", 1), "ot=th:0,a=1"},
		{"always_off drops a root", Config{Name: SamplerAlwaysOff}, root(highID), drop, nil, ""},
		{"always_off ignores the flag", Config{Name: SamplerAlwaysOff},
			remote(highID, sampled, "ot=th:8,a=1"), drop, nil, "a=1"},

		{"ratio keeps above", plainHalf, root(midID), keep, why("ratio", 0.5), "ot=th:8"},
		{"ratio holds below", plainHalf, root(lowID), hold, nil, ""},
		{"ratio ignores a sampled flag", plainHalf, remote(lowID, sampled, "ot=th:0,a=1"), hold, nil, "a=1"},
		{"ratio 0 holds", Config{Name: SamplerTraceIDRatio}, root(highID), hold, nil, ""},
		{"ratio 1 keeps", Config{Name: SamplerTraceIDRatio, Ratio: 1}, root(lowID), keep, why("ratio", 1), "ot=th:0"},
		{"ratio above 1 keeps", Config{Name: SamplerTraceIDRatio, Ratio: 7}, root(lowID),
			keep, why("ratio", 1), "ot=th:0"},
		{"ratio NaN holds", Config{Name: SamplerTraceIDRatio, Ratio: math.NaN()}, root(highID), hold, nil, ""},

		{"parentbased ratio decides a root", half, root(midID), keep, why("ratio", 0.5), "ot=th:8"},
		{"sampled is honoured, its ratio unknown", half, remote(lowID, sampled, "a=1"), keep, why("parent"), "a=1"},
		{"sampled with the ratio we have", half, remote(highID, sampled, "ot=th:8"), keep, why("parent", 0.5), "ot=th:8"},
		{"sampled with another ratio", half, remote(highID, sampled, "a=1,ot=th:e666;x:1"),
			keep, why("parent", 0.1), "a=1,ot=th:e666;x:1"},
		{"sampled with a th that rejects", half, remote(lowID, sampled, "ot=th:e666;x:1"), keep, why("parent"), "ot=x:1"},
		{"not sampled is no decision", half, remote(highID, notSampled, "ot=th:e666,a=1"),
			keep, why("ratio", 0.5), "ot=th:8,a=1"},
		{"not sampled, own ratio rejects", half, remote(lowID, notSampled, "ot=th:0,a=1"), hold, nil, "a=1"},
		{"rv keeps", half, remote(lowID, notSampled, "ot=rv:80000000000000"),
			keep, why("ratio", 0.5), "ot=th:8;rv:80000000000000"},
		{"rv rejects", half, remote(highID, notSampled, "ot=rv:7fffffffffffff"), hold, nil, "ot=rv:7fffffffffffff"},
		{"no budget at all", Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.5, RemotePerSecond: -1},
			remote(lowID, sampled, ""), hold, nil, ""},

		{"parentbased always_on honours", Config{Name: SamplerParentBasedAlwaysOn},
			remote(highID, sampled, "ot=th:8"), keep, why("parent", 0.5), "ot=th:8"},
		{"parentbased always_on keeps the rest", Config{Name: SamplerParentBasedAlwaysOn},
			remote(lowID, notSampled, ""), keep, why("always_on", 1), "ot=th:0"},
		{"parentbased always_off honours", Config{Name: SamplerParentBasedAlwaysOff},
			remote(lowID, sampled, ""), keep, why("parent"), ""},
		{"parentbased always_off holds the rest", Config{Name: SamplerParentBasedAlwaysOff},
			root(highID), hold, nil, ""},

		{"adaptive keeps at the start", Config{Name: SamplerAdaptive}, root(lowID),
			keep, why("adaptive", 1), "ot=th:0"},
		{"adaptive honours", Config{Name: SamplerAdaptive}, remote(lowID, sampled, ""), keep, why("parent"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var clock samplerClock
			got := New(tt.cfg, clock.now).ShouldSample(tt.in)
			if got.Decision != tt.want {
				t.Errorf("decision %v, want %v", got.Decision, tt.want)
			}
			gotAttrs, wantAttrs := attribute.NewSet(got.Attributes...), attribute.NewSet(tt.attrs...)
			if !gotAttrs.Equals(&wantAttrs) {
				t.Errorf("attributes %v, want %v", got.Attributes, tt.attrs)
			}
			if got.Tracestate.String() != tt.state {
				t.Errorf("tracestate %q, want %q", got.Tracestate, tt.state)
			}
		})
	}
}

func TestSamplerChildrenFollowTheirLocalParent(t *testing.T) {
	const state = "a=1,ot=th:8;rv:00000000000001" // inconsistent on purpose: a child looks at the flag alone
	for _, name := range []Name{
		SamplerAlwaysOn, SamplerAlwaysOff, SamplerTraceIDRatio, SamplerParentBasedAlwaysOn,
		SamplerParentBasedAlwaysOff, SamplerParentBasedTraceIDRatio, SamplerAdaptive,
	} {
		for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
			var clock samplerClock
			s := New(Config{Name: name, Ratio: 0.5}, clock.now)
			want := sdktrace.RecordOnly
			switch {
			case name == SamplerAlwaysOff:
				want = sdktrace.Drop
			case flags.IsSampled():
				want = sdktrace.RecordAndSample
			}
			got := s.ShouldSample(samplerParent(t, trace.SpanContextConfig{TraceID: midID, TraceFlags: flags}, state))
			if got.Decision != want || got.Attributes != nil || got.Tracestate.String() != state {
				t.Errorf("%s, parent's flags %v: %v %v %q, want %v",
					name, flags, got.Decision, got.Attributes, got.Tracestate, want)
			}
		}
	}
}

func TestSamplerIgnoresTheTracestateOfAnInvalidParent(t *testing.T) {
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceFlags: trace.FlagsSampled,
		TraceState: mustTraceState(t, "ot=rv:ffffffffffffff,a=1"),
	}))
	got := ratioSampler(0.5).ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx, TraceID: lowID})
	if got.Decision != sdktrace.RecordOnly || got.Tracestate.Len() != 0 {
		t.Errorf("%v %q, want RecordOnly without a tracestate", got.Decision, got.Tracestate)
	}
}

// Four standard deviations of a binomial count: one seed in 16,000 would fail, and the seed is fixed.
func TestRatioKeepsItsShareOfRandomTraceIDs(t *testing.T) {
	for _, p := range []float64{0.9, 0.5, 0.25, 0.1, 0.01, 1e-3, 1e-4} {
		rnd := rand.New(rand.NewPCG(7, math.Float64bits(p)))
		s, n, kept := ratioSampler(p), 100_000, 0
		for range n {
			if isKept(s, rootParameters(randomTraceID(rnd))) {
				kept++
			}
		}
		want := p * float64(n)
		if tolerance := 4 * math.Sqrt(want*(1-p)); math.Abs(float64(kept)-want) > tolerance {
			t.Errorf("ratio %v kept %d of %d, want %.0f ± %.0f", p, kept, n, want, tolerance)
		}
	}
}

// Random ids cannot show a ratio of 1e-9, the ids around its threshold can: the last 1e-9 of the range is kept.
func TestTinyRatioKeepsTheEndOfTheRange(t *testing.T) {
	const p = 1e-9
	s := ratioSampler(p)
	at := func(share float64) trace.TraceID {
		r := uint64(randomnessRange - share*randomnessRange)
		id := trace.TraceID{0: 1}
		for i := range 7 {
			id[15-i] = byte(r >> (8 * i))
		}
		return id
	}
	if !isKept(s, rootParameters(at(0.999*p))) || isKept(s, rootParameters(at(1.001*p))) {
		t.Errorf("the threshold of %v is not where it should be", p)
	}
}

// The same ratio in front of and behind Google's front end, which hides the first decision from the second service.
func TestServicesOfOneRatioKeepTheSameTraces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 8))
	for range 200 {
		p := math.Exp2(-6 * rnd.Float64())
		first, second := ratioSampler(p), New(
			Config{Name: SamplerTraceIDRatio, Ratio: p, RemotePerSecond: 1e6}, time.Now)
		for range 200 {
			id := randomTraceID(rnd)
			got := first.ShouldSample(rootParameters(id))
			for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled} {
				again := second.ShouldSample(remoteParent(t, id, flags, got.Tracestate.String()))
				if again.Decision != got.Decision {
					t.Fatalf("ratio %v, trace %s: %v and %v", p, id, got.Decision, again.Decision)
				}
				if again.Tracestate.String() != got.Tracestate.String() {
					t.Fatalf("ratio %v, trace %s: %q and %q", p, id, got.Tracestate, again.Tracestate)
				}
			}
		}
	}
}

// "A positive sampling decision made with probability p1 implies a positive one with p2 >= p1."
func TestLowerRatioIsInsideHigherRatio(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 9))
	for range 500 {
		low, high := math.Exp2(-8*rnd.Float64()), math.Exp2(-8*rnd.Float64())
		if low > high {
			low, high = high, low
		}
		inner, outer := ratioSampler(low), ratioSampler(high)
		for range 200 {
			in := rootParameters(randomTraceID(rnd))
			if isKept(inner, in) && !isKept(outer, in) {
				t.Fatalf("trace %s is kept at %v but not at %v", in.TraceID, low, high)
			}
		}
	}
}

func TestRandomnessValueBeatsTheTraceID(t *testing.T) {
	rnd := rand.New(rand.NewPCG(10, 10))
	for range 2000 {
		p := math.Exp2(-6 * rnd.Float64())
		s := ratioSampler(p)
		rv := randomTraceID(rnd) // its low 7 bytes make the rv
		state := "ot=rv:" + rv.String()[32-thresholdDigits:]
		want := isKept(s, rootParameters(rv))
		got := s.ShouldSample(remoteParent(t, randomTraceID(rnd), 0, state))
		if kept := got.Decision == sdktrace.RecordAndSample; kept != want {
			t.Fatalf("ratio %v, %s: kept %v, want %v", p, state, kept, want)
		}
		if ot := readOT(got.Tracestate); !ot.hasRandom || ot.randomness != traceRandomness(rv) {
			t.Fatalf("the rv did not stay: %q", got.Tracestate)
		}
	}
}

// A caller that sends the flag on everything gets its budget; all beyond is sampled like anybody's traces.
func TestFloodOfRemoteSampledDoesNotSwitchOnFullTracing(t *testing.T) {
	const perSecond, seconds, rate = 10, 30, 2000
	for _, own := range []float64{0, 0.01, 0.1} {
		rnd := rand.New(rand.NewPCG(11, math.Float64bits(own)))
		var clock samplerClock
		s := New(Config{
			Name: SamplerParentBasedTraceIDRatio, Ratio: own, RemotePerSecond: perSecond,
		}, clock.now)
		reasons := map[string]int{}
		for range rate * seconds {
			clock.advance(time.Second / rate)
			res := s.ShouldSample(remoteParent(t, randomTraceID(rnd), trace.FlagsSampled, ""))
			if res.Decision == sdktrace.RecordAndSample {
				reasons[res.Attributes[0].Value.AsString()]++
			}
		}
		if n := reasons[reasonParent]; n < perSecond*seconds || n > perSecond*(seconds+1) {
			t.Errorf("own ratio %v: %d traces kept for the caller in %d s, want %d/s", own, n, seconds, perSecond)
		}
		rest := float64(rate*seconds - reasons[reasonParent])
		want := own * rest
		if n := float64(reasons[reasonRatio]); math.Abs(n-want) > 4*math.Sqrt(want) {
			t.Errorf("own ratio %v: %v of the other %v traces kept, want %.0f", own, n, rest, want)
		}
	}
}

func TestSamplerDescription(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "Sampler{always_on}"},
		{Config{Name: SamplerTraceIDRatio, Ratio: 0.25}, "Sampler{traceidratio 0.25}"},
		{Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1},
			"Sampler{parentbased_traceidratio 0.1, remote 10/s}"},
		{Config{Name: SamplerAdaptive, RemotePerSecond: -1}, "Sampler{adaptive 10}"},
	} {
		if got := New(tt.cfg, time.Now).Description(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// The SDK end to end: the root carries the reason, its child and a remote service the threshold.
func TestSamplerInTheSDK(t *testing.T) {
	var clock samplerClock
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec),
		sdktrace.WithSampler(New(Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.5}, clock.now)))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	tracer := tp.Tracer("test")

	for _, tt := range []struct {
		id    trace.TraceID
		kept  bool
		state string
	}{{highID, true, "ot=th:8"}, {lowID, false, ""}} {
		ctx := remoteParent(t, tt.id, 0, "ot=th:0").ParentContext
		ctx, root := tracer.Start(ctx, "root")
		_, child := tracer.Start(ctx, "child")
		child.End()
		root.End()
		for _, span := range []trace.Span{root, child} {
			sc := span.SpanContext()
			if !span.(sdktrace.ReadOnlySpan).EndTime().After(time.Time{}) {
				t.Errorf("%s: not recorded", tt.id)
			}
			if sc.IsSampled() != tt.kept || sc.TraceState().String() != tt.state {
				t.Errorf("%s: sampled %v, tracestate %q", tt.id, sc.IsSampled(), sc.TraceState())
			}
		}
	}
	if ended := rec.Ended(); len(ended) != 4 || len(ended[1].Attributes()) != 2 || len(ended[0].Attributes()) != 0 {
		t.Errorf("want 4 spans, the attributes on the root only: %v", ended)
	}
}

func TestSamplerConcurrentUse(t *testing.T) {
	for _, name := range []Name{SamplerParentBasedTraceIDRatio, SamplerAdaptive} {
		var clock samplerClock
		s := New(Config{Name: name, Ratio: 0.5}, clock.now)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(12, uint64(g)))
				for range 2000 {
					clock.advance(time.Millisecond)
					id := randomTraceID(rnd)
					res := s.ShouldSample(remoteParent(t, id, trace.TraceFlags(rnd.IntN(2)), ""))
					ot := readOT(res.Tracestate)
					if ot.hasThreshold && !ot.threshold.keeps(traceRandomness(id)) {
						t.Errorf("%s: kept trace %s below its threshold %s", name, id, ot.threshold)
					}
				}
			})
		}
		wg.Wait()
	}
}
