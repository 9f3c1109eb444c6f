package otlp

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// The wire format of protobuf (encoding/protowire), appended to the encoder's bytes.

// begin opens a length-delimited field and returns the mark that end needs. One byte is kept for the
// length; end makes room when it takes more, which for the long messages moves them once.
func (e *encoder) begin(num protowire.Number) int {
	e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
	e.buf = append(e.buf, 0)
	return len(e.buf)
}

func (e *encoder) end(mark int) {
	n := len(e.buf) - mark
	if extra := protowire.SizeVarint(uint64(n)) - 1; extra > 0 {
		e.buf = slices.Grow(e.buf, extra)[:len(e.buf)+extra]
		copy(e.buf[mark+extra:], e.buf[mark:mark+n])
	}
	protowire.AppendVarint(e.buf[:mark-1], uint64(n))
}

// The scalar writers leave zero values out, as proto3 does.

func (e *encoder) str(num protowire.Number, s string) {
	if s != "" {
		e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
		e.buf = protowire.AppendString(e.buf, validUTF8(s))
	}
}

// validUTF8 mends a string that proto3 does not allow: one such byte in one attribute makes a receiver
// refuse the whole request, and with it the spans of other invocations.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func (e *encoder) bytes(num protowire.Number, b []byte) {
	e.buf = protowire.AppendTag(e.buf, num, protowire.BytesType)
	e.buf = protowire.AppendBytes(e.buf, b)
}

func (e *encoder) varint(num protowire.Number, v uint64) {
	if v != 0 {
		e.buf = protowire.AppendTag(e.buf, num, protowire.VarintType)
		e.buf = protowire.AppendVarint(e.buf, v)
	}
}

func (e *encoder) fixed64(num protowire.Number, v uint64) {
	if v != 0 {
		e.buf = protowire.AppendTag(e.buf, num, protowire.Fixed64Type)
		e.buf = protowire.AppendFixed64(e.buf, v)
	}
}

func (e *encoder) fixed32(num protowire.Number, v uint32) {
	if v != 0 {
		e.buf = protowire.AppendTag(e.buf, num, protowire.Fixed32Type)
		e.buf = protowire.AppendFixed32(e.buf, v)
	}
}

func spanKindNumber(k trace.SpanKind) uint64 {
	if k < trace.SpanKindInternal || k > trace.SpanKindConsumer {
		return 0
	}
	return uint64(k) // both count internal, server, client, producer, consumer from 1
}

func statusNumber(c codes.Code) uint64 {
	switch c {
	case codes.Ok:
		return 1
	case codes.Error:
		return 2
	}
	return 0
}

func unixNano(n int64) uint64 { return uint64(max(0, n)) }

func clampUint32(n int) uint64 { return uint64(min(max(0, n), math.MaxUint32)) }
