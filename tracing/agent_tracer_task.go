package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// TaskStart opens the agent.task span.
type TaskStart struct {
	AgentName, AgentDescription          string
	Description, Type, UserID, SessionID string // SessionID "" when the caller gave none
	Model                                string
}

// TaskResult ends it.
type TaskResult struct {
	TotalSteps     int
	Reason         string // finish reason of the run: stop, max_steps, …; "": stop, or the error's type
	ResponseLength int    // runes
	Usage          Usage
	FinishReasons  []string // of the last model answer, conventions' names
}

// TaskSpan is an open agent.task span.
type TaskSpan struct {
	handle
	buffer [18]attribute.KeyValue
}

const (
	maxDescriptionRunes = 200 // of agent.task.description
	reasonStop          = "stop"
)

// StartTask opens agent.task, which is invoke_agent (INTERNAL) in the conventions.
func (t *AgentTracer) StartTask(ctx context.Context, in TaskStart) (context.Context, *TaskSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &TaskSpan{}
	a := append(s.buffer[:0], KeyGenAIOperationName.String(opInvokeAgent))
	a = appendText(a, KeyGenAIAgentName, in.AgentName, maxIdentRunes)
	a = appendText(a, KeyGenAIAgentDescription, in.AgentDescription, maxTextRunes)
	a = appendText(a, KeyGenAIRequestModel, in.Model, maxIdentRunes)
	a = appendText(a, KeyTaskType, in.Type, maxIdentRunes)
	a = appendText(a, KeyUserID, in.UserID, maxIdentRunes)
	if in.SessionID != "" {
		id := cutRunes(in.SessionID, maxIdentRunes)
		a = append(a, KeySessionID.String(id), KeyGenAIConversationID.String(id))
	}
	if t.previews() {
		a = appendText(a, KeyTaskDescription, preview(in.Description, maxDescriptionRunes), maxDescriptionRunes)
	}
	ctx, ok := s.start(ctx, t, SpanTask, t.internal, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

// End adds the event agent.finished and ends the span. A Reason other than stop is an error even without err, and
// names it: a run that hit its step limit or was blocked is no success.
func (s *TaskSpan) End(out TaskResult, err error) {
	if s == nil || !s.recording() {
		return
	}
	if err == nil && out.Reason != "" && out.Reason != reasonStop {
		err = runOutcome(cutRunes(out.Reason, maxIdentRunes))
	}
	reason := out.Reason
	if reason == "" && err == nil {
		reason = reasonStop
	} else if reason == "" {
		reason = ErrorType(err)
	}
	s.span.AddEvent(EventFinished,
		trace.WithAttributes(KeyReason.String(cutRunes(reason, maxIdentRunes)), KeyTotalSteps.Int(out.TotalSteps)))

	a := append(s.attrs,
		KeyAgentTotalSteps.Int(out.TotalSteps),
		KeyFinalResponseLength.Int(out.ResponseLength))
	if err == nil || out.Usage != (Usage{}) {
		a = append(a,
			KeyGenAIInputTokens.Int(out.Usage.InputTokens),
			KeyGenAIOutputTokens.Int(out.Usage.OutputTokens))
	}
	s.end(s.t.appendFinishReasons(a, out.FinishReasons), err, codes.Ok)
}
