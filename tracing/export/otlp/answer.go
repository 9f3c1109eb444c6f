package otlp

import (
	"bytes"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// answer is what an accepted request was answered with.
type answer struct {
	rejected int64  // spans that were refused
	message  string // why, or a warning
	strange  string // what it is when it is no OTLP
}

// readAnswer reads ExportTraceServiceResponse.partial_success from an answer of any type. No body at all is a plain success.
func readAnswer(media string, body []byte) answer {
	if len(bytes.TrimSpace(body)) == 0 {
		return answer{}
	}
	switch media {
	case protobufType, "application/protobuf":
		a, ok := readProtobuf(body)
		if !ok {
			a = answer{strange: "a body that is no protobuf message"}
		}
		return a
	case "application/json":
		var m struct {
			PartialSuccess struct {
				RejectedSpans any    `json:"rejectedSpans"` // int64 is a string in protobuf's JSON, and a number in others'
				ErrorMessage  string `json:"errorMessage"`
			} `json:"partialSuccess"`
		}
		if json.Unmarshal(body, &m) != nil {
			return answer{strange: "a body that is no JSON object"}
		}
		a := answer{message: m.PartialSuccess.ErrorMessage}
		switch n := m.PartialSuccess.RejectedSpans.(type) {
		case string:
			a.rejected, _ = strconv.ParseInt(n, 10, 64)
		case float64:
			a.rejected = int64(n)
		}
		a.rejected = max(0, a.rejected)
		return a
	case "":
		return answer{strange: "a body of no type"}
	}
	return answer{strange: media}
}

func readProtobuf(b []byte) (a answer, ok bool) {
	ok = eachField(b, func(num protowire.Number, _ uint64, partial []byte) {
		if num != 1 {
			return
		}
		eachField(partial, func(num protowire.Number, v uint64, text []byte) {
			switch {
			case num == 1 && text == nil:
				a.rejected = max(0, int64(v))
			case num == 2:
				a.message = string(text)
			}
		})
	})
	return a, ok
}

// eachField calls fn for the varint and bytes fields of a protobuf message and reports whether it is one; it stops at the
// first byte that is none. text is nil for a varint and never nil for bytes.
func eachField(b []byte, fn func(num protowire.Number, v uint64, text []byte)) bool {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return false
			}
			fn(num, v, nil)
			b = b[n:]
		case protowire.BytesType:
			text, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return false
			}
			fn(num, 0, text[:len(text):len(text)])
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(num, typ, b)
			if n < 0 {
				return false
			}
			b = b[n:]
		}
	}
	return true
}
