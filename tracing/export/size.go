package export

import (
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Size estimates the bytes of a span in memory, which is more than it takes on the wire.
func Size(s sdktrace.ReadOnlySpan) int {
	n := 600 + len(s.Name()) + attributesSize(s.Attributes()) + len(s.Status().Description)
	for _, e := range s.Events() {
		n += 80 + len(e.Name) + attributesSize(e.Attributes)
	}
	for _, l := range s.Links() {
		n += 120 + attributesSize(l.Attributes)
	}
	return n
}

func attributesSize(attrs []attribute.KeyValue) int {
	n := 0
	for i := range attrs {
		n += 64 // its place in the slice; keys are constants
		switch v := &attrs[i].Value; v.Type() {
		case attribute.STRING:
			n += len(v.AsString())
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		case attribute.STRINGSLICE:
			for _, s := range v.AsStringSlice() {
				n += 16 + len(s)
			}
		default: // other lists are short here
			n += 100
		}
	}
	return n
}
