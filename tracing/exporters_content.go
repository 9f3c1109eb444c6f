package tracing

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/semconv"
)

// withoutContent is an exporter that gets spans without what was said in them.
type withoutContent struct{ sdktrace.SpanExporter }

func (x withoutContent) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	without := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		without[i] = contentFreeSpan{s}
	}
	return x.SpanExporter.ExportSpans(ctx, without)
}

// Warm warms the exporter, if it can be.
func (x withoutContent) Warm(ctx context.Context) {
	if w, ok := x.SpanExporter.(interface{ Warm(context.Context) }); ok {
		w.Warm(ctx)
	}
}

type contentFreeSpan struct{ sdktrace.ReadOnlySpan }

func (s contentFreeSpan) Attributes() []attribute.KeyValue {
	attrs := s.ReadOnlySpan.Attributes()
	if !slices.ContainsFunc(attrs, isContent) {
		return attrs
	}
	return slices.DeleteFunc(slices.Clone(attrs), isContent)
}

// isContent reports whether an attribute is only recorded in content mode.
func isContent(a attribute.KeyValue) bool {
	switch a.Key {
	case semconv.KeyGenAIInstructions, semconv.KeyGenAIInputMessages, semconv.KeyGenAIOutputMessages,
		semconv.KeyGenAIToolDefinitions, semconv.KeyGenAIToolCallArguments, semconv.KeyGenAIToolCallResult,
		semconv.KeyGenAIMemoryQuery, semconv.KeyGenAIMemoryRecords, semconv.KeyContentShortened:
		return true
	}
	return false
}
