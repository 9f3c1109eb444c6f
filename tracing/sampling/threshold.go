package sampling

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

const (
	randomnessBits  = 56
	randomnessRange = 1 << randomnessBits
	thresholdDigits = randomnessBits / 4

	// fixedPrecision is what OpenTelemetry recommends for a configured ratio, in hex digits. Services of any
	// language then derive the same threshold from the same ratio.
	fixedPrecision = 4
	// adaptivePrecision is coarser (0.2 % of the ratio), so that noise in the measured load moves the threshold less.
	adaptivePrecision = 3
)

// samplingThreshold is the rejection threshold of OpenTelemetry's consistent probability sampling: of the 2^56
// possible randomness values, the lowest samplingThreshold ones are rejected. So whatever a higher threshold keeps,
// a lower one keeps too, in every service.
//
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
type samplingThreshold uint64

// thresholdFor returns the threshold that keeps the share p of all traces, rounded to precision hex digits. Digits
// that only say "rare" (leading f) do not count, so a ratio of 1e-6 is as exact as one of 0.1. The rounded value is
// the one that is applied: what String writes is exactly what keeps compares with.
// p is cut to [2^-56, 1]; keeping nothing is no threshold.
func thresholdFor(p float64, precision int) samplingThreshold {
	if p >= 1 {
		return 0
	}
	p = max(p, 1.0/randomnessRange)
	_, exp := math.Frexp(p)
	digits := min(thresholdDigits, precision+max(0, -exp)/4)
	step := uint64(1) << (4 * (thresholdDigits - digits))
	rejected := randomnessRange - uint64(math.RoundToEven(p*randomnessRange))
	return samplingThreshold(min((rejected+step/2)/step*step, randomnessRange-1))
}

// keeps reports whether a trace of randomness r is kept.
func (t samplingThreshold) keeps(r uint64) bool { return r >= uint64(t) }

// probability returns the share of traces that t keeps, to three significant digits: what a threshold of the
// precisions above can hold, and what makes e666 read as 0.1 again.
func (t samplingThreshold) probability() float64 {
	p := float64(randomnessRange-uint64(t)) / randomnessRange
	scale := math.Pow10(2 - int(math.Floor(math.Log10(p))))
	return math.Round(p*scale) / scale
}

// String encodes t as the th value of the ot tracestate member: 14 hex digits without trailing zeros.
func (t samplingThreshold) String() string {
	if t == 0 {
		return "0"
	}
	hex := strconv.FormatUint(randomnessRange|uint64(t), 16)[1:] // the added bit keeps the leading zeros
	return strings.TrimRight(hex, "0")
}

// parseThreshold decodes a th value: 1 to 14 hex digits, the missing ones being zeros.
func parseThreshold(s string) (samplingThreshold, bool) {
	v, ok := parseHex(s)
	if !ok {
		return 0, false
	}
	return samplingThreshold(v << (4 * (thresholdDigits - len(s)))), true
}

// parseRandomness decodes an rv value: exactly 14 hex digits.
func parseRandomness(s string) (uint64, bool) {
	if len(s) != thresholdDigits {
		return 0, false
	}
	return parseHex(s)
}

// parseHex reads 1 to 14 hex digits. Unlike strconv.ParseUint it makes no error value of a stranger's text.
func parseHex(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > thresholdDigits {
		return 0, false
	}
	var v uint64
	for i := range len(s) {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(c)
	}
	return v, true
}

// traceRandomness returns the low 56 bits of a trace id, which W3C Trace Context Level 2 makes the random ones. The
// random flag is not asked for: SDKs do not set it yet, although their ids are random.
func traceRandomness(id trace.TraceID) uint64 {
	return binary.BigEndian.Uint64(id[8:]) & (randomnessRange - 1)
}
