package cloudtrace

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/semconv"
)

const (
	maxBytes = 4<<20 - 64<<10 // of a request; gRPC servers refuse more than 4 MiB
	maxText  = 64 << 10       // of a value; the library cuts it there
)

// fit returns how many of spans go into one request: at least one.
func fit(spans []sdktrace.ReadOnlySpan) int {
	total := 0
	for i, s := range spans {
		if s == nil {
			continue
		}
		if total += wireSize(s); total > maxBytes && i > 0 {
			return i
		}
	}
	return len(spans)
}

// wireSize is an upper bound of the bytes a span takes in a request, unless its lists are enormous.
func wireSize(s sdktrace.ReadOnlySpan) int {
	n := 600 + min(len(s.Name()), 1024) + len(s.Status().Description) + attributesSize(s.Attributes())
	if r := s.Resource(); r != nil {
		n += 2 * attributesSize(r.Attributes()) // once more as labels of the monitored resource
	}
	for _, e := range s.Events() {
		n += 60 + min(len(e.Name), 1024) + attributesSize(e.Attributes)
	}
	for _, l := range s.Links() {
		n += 120 + attributesSize(l.Attributes)
	}
	return n
}

func attributesSize(attrs []attribute.KeyValue) int {
	n := 0
	for _, kv := range attrs {
		n += 40 + len(kv.Key)
		if kv.Value.Type() == attribute.STRING {
			n += min(len(kv.Value.AsString()), maxText)
		} else if isComposite(kv) {
			n += min(len(kv.Value.String()), maxText)
		}
	}
	return n
}

// resources gives the spans of a request their resource: in full to local roots, to the others what says whose they are.
type resources struct {
	last, full, short *resource.Resource // the last one asked for, and what became of it
}

func (r *resources) of(s sdktrace.ReadOnlySpan) *resource.Resource {
	if res := s.Resource(); r.full == nil || r.last != res {
		r.last = res
		r.full = resource.NewSchemaless(scalarAttributes(res.Attributes())...)
		var own []attribute.KeyValue
		for _, kv := range r.full.Attributes() {
			switch kv.Key {
			case semconv.KeyServiceName, semconv.KeyServiceVersion, semconv.KeyServiceInstanceID,
				"gcp.project.id": // where the library looks for another project
				own = append(own, kv)
			}
		}
		r.short = resource.NewSchemaless(own...)
	}
	if export.LocalRoot(s) {
		return r.full
	}
	return r.short
}
