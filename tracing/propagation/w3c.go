package propagation

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Limits of https://www.w3.org/TR/trace-context-2/ and our own.
const (
	traceparentLen         = 55   // version 00; later versions may only be longer
	maxTraceparent         = 512  // ours: no version known needs more
	maxTracestateMembers   = 32   // more: the whole header is dropped
	maxTracestate          = 1024 // ours; the specification asks for at least 512
	longTracestateMember   = 128  // dropped first when the header is too long
	maxTracestateOversized = 32 * (256 + 1 + 256 + 1)
)

// extractW3C reads traceparent and tracestate after W3C Trace Context level 2, on top of the library's parser, which
// falls short in these rules:
//   - several traceparent headers are no traceparent;
//   - a traceparent of version 00 ends with its flags, without a dash;
//   - unknown flags of version 00 are ignored, not refused;
//   - several tracestate headers are one list, and list members may be empty or blank;
//   - of two members with one key the first (newer) stays, instead of losing all;
//   - keys may begin with a digit or have @ anywhere: the library's type cannot hold such members, so they are carried
//     beside it;
//   - a list that is too long loses members over 128 characters first, then those at its end.
//
// A tracestate that is otherwise malformed is dropped and the traceparent kept.
func extractW3C(carrier propagation.TextMapCarrier) (sc trace.SpanContext, beside []string) {
	values := headerValues(carrier, headerTraceparent)
	if len(values) != 1 || !plausibleTraceparent(values[0]) {
		return trace.SpanContext{}, nil
	}
	w3c := &w3cCarrier{traceparent: maskFlags(values[0])}
	w3c.tracestate, beside = cleanTracestate(headerValues(carrier, headerTracestate))
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), w3c)), beside
}

func plausibleTraceparent(h string) bool {
	return len(h) == traceparentLen || len(h) > traceparentLen && len(h) <= maxTraceparent && h[:2] != "00"
}

// maskFlags clears the flag bits that version 00 does not define.
func maskFlags(traceparent string) string {
	if len(traceparent) != traceparentLen || traceparent[:2] != "00" {
		return traceparent
	}
	high, low := traceparent[53], traceparent[54]
	if high == '0' && low <= '3' || !isLowerHex(high) || !isLowerHex(low) {
		return traceparent
	}
	if low >= 'a' {
		low -= 'a' - 10
	}
	return traceparent[:53] + "0" + string('0'+rune(low&3))
}

func isLowerHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

// formatTraceparent writes sc as traceparent of version 00. The B3 ids are parts of it.
func formatTraceparent(sc trace.SpanContext) string {
	traceID, spanID := sc.TraceID(), sc.SpanID()
	flags := [1]byte{byte(sc.TraceFlags() & (trace.FlagsSampled | trace.FlagsRandom))}
	buf := [traceparentLen]byte{0: '0', 1: '0', 2: '-', 35: '-', 52: '-'}
	hex.Encode(buf[3:35], traceID[:])
	hex.Encode(buf[36:52], spanID[:])
	hex.Encode(buf[53:55], flags[:])
	return string(buf[:])
}

// cleanTracestate joins the values of the tracestate headers into one list the library accepts, and gives the members that
// it does not; both are empty when the list is malformed.
func cleanTracestate(values []string) (state string, beside []string) {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	if size == 0 || size > maxTracestateOversized {
		return "", nil
	}
	var buf [maxTracestateMembers]string
	members, count, length := buf[:0], 0, 0
	for _, v := range values {
		for m := range strings.SplitSeq(v, ",") {
			if m = strings.Trim(m, " \t"); m == "" {
				continue
			}
			if count++; count > maxTracestateMembers {
				return "", nil
			}
			key, value, _ := strings.Cut(m, "=")
			if !validTracestateKey(key) || !validTracestateValue(value) {
				return "", nil
			}
			if hasTracestateKey(members, key) {
				continue
			}
			members, length = append(members, m), length+len(m)+1
		}
	}
	for limit := longTracestateMember; length-1 > maxTracestate; limit = 0 {
		for i := len(members) - 1; i >= 0 && length-1 > maxTracestate; i-- {
			if len(members[i]) > limit {
				length -= len(members[i]) + 1
				members = append(members[:i], members[i+1:]...)
			}
		}
	}
	kept := members[:0]
	for _, m := range members {
		if representable(m) {
			kept = append(kept, m)
		} else {
			beside = append(beside, strings.Clone(m))
		}
	}
	if len(values) == 1 && length-1 == size && beside == nil {
		return values[0], nil
	}
	return strings.Join(kept, ","), beside
}

type besideKey struct{}

// besideState is what of a trace's tracestate the library's type cannot hold.
type besideState struct {
	trace   trace.TraceID
	members []string
}

// withBeside adds to a tracestate what came with it, as far as the limits allow.
func withBeside(ctx context.Context, sc trace.SpanContext, state string) string {
	b, ok := ctx.Value(besideKey{}).(besideState)
	if !ok || b.trace != sc.TraceID() {
		return state
	}
	n := sc.TraceState().Len()
	for _, m := range b.members {
		if n++; n > maxTracestateMembers || len(state)+1+len(m) > maxTracestate {
			break
		}
		if state != "" {
			state += ","
		}
		state += m
	}
	return state
}

func validTracestateKey(key string) bool {
	if key == "" || len(key) > 256 {
		return false
	}
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@'):
		default:
			return false
		}
	}
	return true
}

// validTracestateValue expects a value without blanks at its end.
func validTracestateValue(value string) bool {
	if value == "" || len(value) > 256 {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return true
}

func hasTracestateKey(members []string, key string) bool {
	for _, m := range members {
		if len(m) > len(key) && m[len(key)] == '=' && m[:len(key)] == key {
			return true
		}
	}
	return false
}

// representable reports whether the library's TraceState can hold a member that is valid by level 2.
func representable(member string) bool {
	key, _, _ := strings.Cut(member, "=")
	if key[0] >= 'a' && !strings.Contains(key, "@") {
		return true
	}
	_, err := trace.ParseTraceState(member)
	return err == nil
}

// w3cCarrier hands cleaned headers to the library.
type w3cCarrier struct{ traceparent, tracestate string }

func (c *w3cCarrier) Get(key string) string {
	switch key {
	case headerTraceparent.wire:
		return c.traceparent
	case headerTracestate.wire:
		return c.tracestate
	}
	return ""
}

func (c *w3cCarrier) Set(string, string) {}
func (c *w3cCarrier) Keys() []string     { return nil }
