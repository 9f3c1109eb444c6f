package sampling

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/semconv"
)

// The values of sampling.reason: why a trace was kept.
const (
	reasonParent   = "parent"    // the caller sampled it, within the budget
	reasonRatio    = "ratio"     // its id is within the configured ratio
	reasonAdaptive = "adaptive"  // its id is within the ratio that the load allows
	reasonAlwaysOn = "always_on" // everything is kept
	ReasonError    = "error"     // decided at the end: it holds an error
	ReasonSlow     = "slow"      // decided at the end: it took long
	// ReasonDownstream is decided at the end: a service that was called kept its part.
	ReasonDownstream = "downstream"
)

// sampler decides at local roots, the spans without a parent or with a remote one; other spans follow their local
// parent. A local root is
//
//   - RecordAndSample when it is kept from here on. sampling.reason says why; sampling.ratio is the share of traces
//     that is kept for this reason and stands in the tracestate as ot=th. A caller's sampled flag that came without a
//     (plausible) th has no known ratio, so neither is there.
//   - RecordOnly when nothing is decided: the pipeline keeps it if it turns out to hold an error. A th of the caller
//     is removed, see otState.withoutThreshold.
//   - Drop with always_off, and with it only.
//
// A remote parent that is sampled is honoured within the budget. One that is not sampled decides nothing (Google's
// front end says so on nearly every request), nor does one over budget: the trace id does, or the rv of the
// tracestate, so that all services with one ratio keep the same traces. A caller can make ids up that are above any
// threshold. So of what comes with a remote parent no more is kept than the threshold's share, and what goes beyond that
// takes from the budget too: chance needs little of it, and a caller that chooses gets no more than the sampled flag would.
//
// Names, attributes and links are not looked at. Safe for concurrent use; deciding about a span without an incoming
// tracestate, and about any child, allocates nothing.
type sampler struct {
	cfg      Config
	budget   *Budget           // of what callers make us keep; nil: nothing
	share    credit            // of the remote traces that are due to the own decision
	fixed    *samplingVerdict  // the own decision; nil: adaptive has it, or nothing is kept
	adaptive *adaptiveSampling // nil unless configured
	unkept   sdktrace.SamplingDecision
	honoured []attribute.KeyValue // of a local root that a caller sampled, the ratio being unknown
}

// samplingVerdict is a positive decision, made up once so that taking it allocates nothing.
type samplingVerdict struct {
	threshold samplingThreshold
	share     float64              // of the traces that the threshold keeps
	th        string               // threshold as the th sub-key
	state     trace.TraceState     // ot=th alone, for traces that come without a tracestate
	attrs     []attribute.KeyValue // of the local root
	honoured  []attribute.KeyValue // of the local root when a caller with the same threshold made the decision
}

func newSamplingVerdict(t samplingThreshold, reason string, ratio float64) *samplingVerdict {
	v := &samplingVerdict{threshold: t, share: t.probability(), th: t.String()}
	v.state = insertOT(trace.TraceState{}, "th:"+v.th)
	v.attrs = samplingAttributes(reason, ratio)
	v.honoured = samplingAttributes(reasonParent, ratio)
	return v
}

func samplingAttributes(reason string, ratio float64) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.KeySamplingReason.String(reason), semconv.KeySamplingRatio.Float64(ratio)}
}

// New returns the sampler that cfg describes. It measures time by now alone.
func New(cfg Config, now func() time.Time) sdktrace.Sampler {
	if cfg.Custom != nil {
		return cfg.Custom
	}
	cfg = cfg.withDefaults()
	s := &sampler{
		cfg:      cfg,
		unkept:   sdktrace.RecordOnly,
		honoured: []attribute.KeyValue{semconv.KeySamplingReason.String(reasonParent)},
	}
	s.budget = NewBudget(cfg.RemotePerSecond, now)
	s.share.earn(creditMost)
	switch cfg.Name {
	case SamplerAlwaysOff:
		s.unkept = sdktrace.Drop
	case SamplerParentBasedAlwaysOff:
	case SamplerTraceIDRatio, SamplerParentBasedTraceIDRatio:
		if cfg.Ratio > 0 {
			ratio := min(cfg.Ratio, 1)
			s.fixed = newSamplingVerdict(thresholdFor(ratio, fixedPrecision), reasonRatio, ratio)
		}
	case SamplerAdaptive:
		s.adaptive = newAdaptiveSampling(cfg.TracesPerSecond, now)
	default:
		s.fixed = newSamplingVerdict(0, reasonAlwaysOn, 1)
	}
	return s
}

// ShouldSample implements [sdktrace.Sampler].
func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	if !parent.IsValid() {
		parent = trace.SpanContext{} // a tracestate without its traceparent says nothing
	}
	state := parent.TraceState()
	if parent.IsValid() && !parent.IsRemote() {
		if parent.IsSampled() && s.unkept != sdktrace.Drop {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
		}
		return sdktrace.SamplingResult{Decision: s.unkept, Tracestate: state}
	}

	ot := readOT(state)
	r := ot.randomnessOf(p.TraceID)
	if parent.IsSampled() && s.cfg.honoursParent() && s.budget.Take() {
		return s.honour(state, ot, r)
	}
	if v := s.own(); v != nil && s.keeps(v, r, parent.IsValid()) {
		return sdktrace.SamplingResult{
			Decision:   sdktrace.RecordAndSample,
			Attributes: v.attrs,
			Tracestate: ot.withThreshold(state, v),
		}
	}
	return sdktrace.SamplingResult{Decision: s.unkept, Tracestate: ot.withoutThreshold(state)}
}

// keeps applies the own decision. A remote trace id may have been chosen to be kept.
func (s *sampler) keeps(v *samplingVerdict, r uint64, remote bool) bool {
	if v.threshold == 0 {
		return true
	}
	if remote {
		s.share.earn(v.share)
	}
	return v.threshold.keeps(r) && (!remote || s.share.spend() || s.budget.Take())
}

// own returns the verdict of this service on the traces above its threshold, nil when it keeps none.
func (s *sampler) own() *samplingVerdict {
	if s.adaptive != nil {
		return s.adaptive.next()
	}
	return s.fixed
}

// honour keeps what the caller sampled. Its th stays, unless it is one that would have rejected the trace.
func (s *sampler) honour(state trace.TraceState, ot otState, r uint64) sdktrace.SamplingResult {
	res := sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: state}
	switch {
	case !ot.hasThreshold || !ot.threshold.keeps(r):
		res.Attributes = s.honoured
		res.Tracestate = ot.withoutThreshold(state)
	case s.fixed != nil && s.fixed.threshold == ot.threshold:
		res.Attributes = s.fixed.honoured
	default:
		res.Attributes = samplingAttributes(reasonParent, ot.threshold.probability())
	}
	return res
}

// Description implements [sdktrace.Sampler].
func (s *sampler) Description() string {
	if s.budget == nil || !s.cfg.honoursParent() {
		return fmt.Sprintf("Sampler{%s}", s.cfg)
	}
	return fmt.Sprintf("Sampler{%s, remote %v/s}", s.cfg, s.cfg.RemotePerSecond)
}
