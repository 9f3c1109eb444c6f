package agenttrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// StepSpan is an open agent.step.TYPE span.
type StepSpan struct {
	handle
	buffer [4]attribute.KeyValue
}

// StartStep opens agent.step.TYPE: one turn of tool calls and the model call that reads their results. number counts
// from 1. typ is one of few words, such as planning, for the span is named after it; "" means reasoning. The conventions have no word for a step, so the span carries none of theirs.
func (t *AgentTracer) StartStep(ctx context.Context, number int, typ string) (context.Context, *StepSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	if typ == "" {
		typ = "reasoning"
	}
	s := &StepSpan{}
	typ = redact.Runes(typ, maxIdentRunes)
	a := append(s.buffer[:0], semconv.KeyStepNumber.Int(number), semconv.KeyStepType.String(typ))
	ctx, ok := s.start(ctx, t, semconv.SpanStepPrefix+typ, t.internal, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

// End ends the span. The exception of a failed step is on the span below that failed; the step has its status and
// error.type only.
func (s *StepSpan) End(err error) {
	if s == nil || !s.recording() {
		return
	}
	if err != nil {
		f := s.t.describe(err)
		s.span.SetAttributes(semconv.KeyErrorType.String(f.kind))
		s.span.SetStatus(codes.Error, f.message)
	}
	s.span.End()
}
