package pipeline

import (
	"runtime"
	"runtime/metrics"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"example.com/gemini-agent/tracing/semconv"
)

// processFacts tells the state of the process on the local root of each kept trace. What never changes is on the
// resource instead.
type processFacts struct{ start time.Time }

func newProcessFacts() *processFacts { return &processFacts{start: time.Now()} }

// attributes reads the facts. It costs about a microsecond and stops nothing.
func (f *processFacts) attributes() []attribute.KeyValue {
	heap := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap[:])
	attrs := make([]attribute.KeyValue, 0, 6) // room for why the trace was kept
	return append(attrs,
		semconv.KeyProcessGoroutines.Int(runtime.NumGoroutine()),
		semconv.KeyProcessHeap.Int64(int64(heap[0].Value.Uint64())),
		semconv.KeyProcessUptime.Float64(semconv.Milliseconds(time.Since(f.start))),
	)
}
