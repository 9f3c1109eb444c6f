package agenttrace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// Retry says why a model call is tried again and what is waited for before.
type Retry struct {
	Attempt   int           // that failed, from 1
	Reason    string        // the error.type it would have had
	Wait      time.Duration // until the next attempt
	AskedWait time.Duration // that the service asked for; 0: none
}

// AddRetry adds the event llm.retry to the current span of ctx, which is the model call's.
func AddRetry(ctx context.Context, r Retry) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.AddEvent(semconv.EventRetry, trace.WithAttributes(
		semconv.KeyAttempt.Int(r.Attempt),
		semconv.KeyReason.String(redact.Runes(r.Reason, maxIdentRunes)),
		semconv.KeyWait.Int64(r.Wait.Milliseconds()),
		semconv.KeyAskedWait.Int64(r.AskedWait.Milliseconds()),
	))
}
