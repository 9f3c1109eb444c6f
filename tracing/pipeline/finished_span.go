package pipeline

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// finishedSpan is an ended span on its way to the exporters. It differs from the SDK's snapshot in what is known only
// after the end: a span of a trace that was kept at its end carries the sampled flag; a local root says why it was
// kept; a span whose parent was filtered out or lost hangs on a kept ancestor; and the resource is the one of our
// configuration, known in full perhaps only after the span.
type finishedSpan struct {
	sdktrace.ReadOnlySpan
	verdict  []attribute.KeyValue      // on a local root that is kept: sampling.*, process.*
	reparent trace.SpanID              // invalid: the parent as recorded
	resource func() *resource.Resource // in place of the one recorded
	size     int                       // estimated bytes
	failed   bool
}

// SpanContext returns the recorded span context with the sampled flag: only kept spans are exported.
func (f *finishedSpan) SpanContext() trace.SpanContext {
	sc := f.ReadOnlySpan.SpanContext()
	if sc.IsSampled() {
		return sc
	}
	return sc.WithTraceFlags(sc.TraceFlags().WithSampled(true))
}

// Parent returns the parent that the backend will know.
func (f *finishedSpan) Parent() trace.SpanContext {
	p := f.ReadOnlySpan.Parent()
	if f.reparent.IsValid() {
		p = p.WithSpanID(f.reparent)
	}
	return p
}

// Resource returns the resource as it is known by now. It may wait for the metadata server: it is for exporters.
func (f *finishedSpan) Resource() *resource.Resource {
	return f.resource()
}

// Attributes returns those of the span and, after them, the verdict. This is the only place where a span gets
// attributes after its end: no span processor sees them, and no span limit counts them.
func (f *finishedSpan) Attributes() []attribute.KeyValue {
	own := f.ReadOnlySpan.Attributes()
	if len(f.verdict) == 0 {
		return own
	}
	own = slices.DeleteFunc(slices.Clone(own), func(kv attribute.KeyValue) bool { // as if it had been set anew
		return slices.ContainsFunc(f.verdict, func(v attribute.KeyValue) bool { return v.Key == kv.Key })
	})
	return append(own, f.verdict...)
}

// export.LocalRoot goes by the recorded parent, whatever the span was hung on since.
func (f *finishedSpan) isLocalRoot() bool { return export.LocalRoot(f.ReadOnlySpan) }

func (f *finishedSpan) duration() time.Duration { return f.EndTime().Sub(f.StartTime()) }
