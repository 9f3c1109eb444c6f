package sampling

import (
	"strings"

	"go.opentelemetry.io/otel/trace"
)

const (
	otMember   = "ot" // OpenTelemetry's own member of the tracestate
	otMaxBytes = 256  // of a member's value, W3C Trace Context
)

// otState is what the sampler reads in the ot member of a tracestate, a list like "th:e666;rv:0123456789abcd".
// A sub-key that is malformed or there twice counts as absent.
//
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/
type otState struct {
	value string // as it came; "" without an ot member

	threshold    samplingThreshold
	hasThreshold bool
	randomness   uint64
	hasRandom    bool
	mentionsTh   bool // there is a th, valid or not
}

func readOT(state trace.TraceState) otState {
	if state.Len() == 0 {
		return otState{}
	}
	return parseOT(state.Get(otMember))
}

func parseOT(value string) otState {
	ot := otState{value: value}
	mentionsRv := false
	for rest := value; rest != ""; {
		var sub string
		sub, rest, _ = strings.Cut(rest, ";")
		key, val, _ := strings.Cut(strings.TrimSpace(sub), ":")
		switch key {
		case "th":
			ot.threshold, ot.hasThreshold = parseThreshold(val)
			ot.hasThreshold = ot.hasThreshold && !ot.mentionsTh
			ot.mentionsTh = true
		case "rv":
			ot.randomness, ot.hasRandom = parseRandomness(val)
			ot.hasRandom = ot.hasRandom && !mentionsRv
			mentionsRv = true
		}
	}
	return ot
}

// randomnessOf returns the number that decides about a trace: the explicit rv if there is one, else it comes from
// the trace id.
func (ot otState) randomnessOf(id trace.TraceID) uint64 {
	if ot.hasRandom {
		return ot.randomness
	}
	return traceRandomness(id)
}

// withThreshold returns state with th set to the threshold of v in the ot member, which moves to the front as W3C
// wants of a changed member; the last of 32 others makes room. Other sub-keys and members stay. Where th does not
// fit into the 256 bytes of the member it is left out: an unknown probability is legal, a wrong one is not.
func (ot otState) withThreshold(state trace.TraceState, v *samplingVerdict) trace.TraceState {
	switch {
	case state.Len() == 0:
		return v.state
	case ot.hasThreshold && ot.threshold == v.threshold:
		return state
	}
	value := "th:" + v.th
	if others := ot.others(); others != "" {
		value += ";" + others
	}
	if len(value) > otMaxBytes {
		return ot.withoutThreshold(state)
	}
	return insertOT(state, value)
}

// withoutThreshold returns state without th. A th says with which probability a sampler kept the trace; where none
// did, an old one would make a backend that counts with it multiply the wrong traces.
func (ot otState) withoutThreshold(state trace.TraceState) trace.TraceState {
	if !ot.mentionsTh {
		return state
	}
	return insertOT(state, ot.others())
}

// others returns the sub-keys beside th.
func (ot otState) others() string {
	var kept []string
	for sub := range strings.SplitSeq(ot.value, ";") {
		sub = strings.TrimSpace(sub)
		key, _, _ := strings.Cut(sub, ":")
		if sub != "" && key != "th" {
			kept = append(kept, sub)
		}
	}
	return strings.Join(kept, ";")
}

func insertOT(state trace.TraceState, value string) trace.TraceState {
	if value == "" {
		return state.Delete(otMember)
	}
	changed, err := state.Insert(otMember, value)
	if err != nil { // no valid member gets here; rather no ot member than one with a false th
		return state.Delete(otMember)
	}
	return changed
}
