package tracingtest

import (
	"context"
	"slices"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Recorder is a tracer provider that keeps the finished spans in memory. Its exporter can be used without the
// provider, at the end of another pipeline. Both are safe for concurrent use.
type Recorder struct {
	*sdktrace.TracerProvider
	exporter memoryExporter
}

// NewRecorder returns a Recorder. The options come after its own, which export every span at its end; without others
// it samples everything.
func NewRecorder(opts ...sdktrace.TracerProviderOption) *Recorder {
	r := &Recorder{}
	r.TracerProvider = sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{
		sdktrace.WithSyncer(&r.exporter),
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
	}, opts...)...)
	return r
}

// Spans returns the finished spans in the order they came in.
func (r *Recorder) Spans() []sdktrace.ReadOnlySpan { return r.exporter.all() }

// Reset forgets all spans.
func (r *Recorder) Reset() { r.exporter.reset() }

// Exporter returns the exporter that fills the Recorder. Shutting it down does not forget the spans.
func (r *Recorder) Exporter() sdktrace.SpanExporter { return &r.exporter }

type memoryExporter struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

var _ sdktrace.SpanExporter = (*memoryExporter)(nil)

func (e *memoryExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spans = append(e.spans, spans...)
	return nil
}

func (e *memoryExporter) Shutdown(context.Context) error { return nil }

func (e *memoryExporter) all() []sdktrace.ReadOnlySpan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.spans)
}

func (e *memoryExporter) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spans = nil
}
