package agenttrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// TaskStart opens the agent.task span.
type TaskStart struct {
	AgentName, AgentDescription          string
	Description, Type, UserID, SessionID string // SessionID "" when the caller gave none
	Model                                string
	Turn                                 SessionTurn
}

// SessionTurn is where a task stands in its conversation. The zero value is a task of no conversation that is kept.
type SessionTurn struct {
	Number  int // from 1
	Dropped int // earlier turns that the model is not told of

	// The agent.task of the turn before, in hexadecimal; "": there is none, or it was not recorded. The task is linked to it.
	PreviousTraceID, PreviousSpanID string
}

// link is the option that links to the turn before, as it was: another trace, of which nothing more is known.
func (st SessionTurn) link() []trace.SpanStartOption {
	traceID, err := trace.TraceIDFromHex(st.PreviousTraceID)
	if err != nil {
		return nil
	}
	spanID, err := trace.SpanIDFromHex(st.PreviousSpanID)
	if err != nil {
		return nil
	}
	previous := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, Remote: true})
	return []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: previous})}
}

// TaskResult ends it.
type TaskResult struct {
	TotalSteps     int
	Reason         string // finish reason of the run: stop, max_steps, …; "": stop, or the error's type
	ResponseLength int    // runes
	Response       string // the answer; recorded with content only
	Usage          Usage
	CostUSD        *float64 // nil: not known
	Budget         *Budget  // nil: there is none
	FinishReasons  []string // of the last model answer, conventions' names
	PromptVersion  string   // of instructions and tools; "": not known
}

// Budget says how much of its closest limit a task has used, its sub-agents included.
type Budget struct {
	Unit        string // tokens, usd
	Limit, Used float64
	Exceeded    bool // it ended the run
}

// TaskSpan is an open agent.task span.
type TaskSpan struct {
	handle
	buffer [20]attribute.KeyValue
}

const (
	maxDescriptionRunes = 200 // of agent.task.description
	reasonStop          = "stop"
)

// StartTask opens agent.task, which is invoke_agent (INTERNAL) in the conventions. It is linked to the turn before.
func (t *AgentTracer) StartTask(ctx context.Context, in TaskStart) (context.Context, *TaskSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &TaskSpan{}
	a := append(s.buffer[:0], semconv.KeyGenAIOperationName.String(semconv.OpInvokeAgent))
	a = appendText(a, semconv.KeyGenAIAgentName, in.AgentName, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIAgentDescription, in.AgentDescription, maxTextRunes)
	a = appendText(a, semconv.KeyGenAIRequestModel, in.Model, maxIdentRunes)
	a = appendText(a, semconv.KeyTaskType, in.Type, maxIdentRunes)
	a = appendText(a, semconv.KeyUserID, in.UserID, maxIdentRunes)
	if in.SessionID != "" {
		id := redact.Runes(in.SessionID, maxIdentRunes)
		a = append(a, semconv.KeySessionID.String(id), semconv.KeyGenAIConversationID.String(id))
	}
	if in.Turn.Number > 0 {
		a = append(a, semconv.KeySessionTurn.Int(in.Turn.Number))
		a = appendCount(a, semconv.KeySessionTurnsDropped, in.Turn.Dropped)
	}
	if t.previews() {
		a = appendText(a, semconv.KeyTaskDescription, redact.Preview(in.Description, maxDescriptionRunes), maxDescriptionRunes)
	}
	if t.content() && in.Description != "" {
		a = appendContent(a, func() ModelContent { return ModelContent{Input: textMessage("user", in.Description, "")} })
	}
	ctx, ok := s.start(ctx, t, semconv.SpanTask, t.internal, a, in.Turn.link()...)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

// SpanID is the span's id in hexadecimal, "" when nothing is recorded.
func (s *TaskSpan) SpanID() string {
	if s == nil {
		return ""
	}
	return s.span.SpanContext().SpanID().String()
}

// End adds the event agent.finished and ends the span. A Reason other than stop is an error even without err, and
// names it: a run that hit its step limit or was blocked is no success.
func (s *TaskSpan) End(out TaskResult, err error) {
	if s == nil || !s.recording() {
		return
	}
	if err == nil && out.Reason != "" && out.Reason != reasonStop {
		err = runOutcome(redact.Runes(out.Reason, maxIdentRunes))
	}
	reason := out.Reason
	if reason == "" && err == nil {
		reason = reasonStop
	} else if reason == "" {
		reason = semconv.ErrorType(err)
	}
	s.span.AddEvent(semconv.EventFinished,
		trace.WithAttributes(semconv.KeyReason.String(redact.Runes(reason, maxIdentRunes)), semconv.KeyTotalSteps.Int(out.TotalSteps)))

	a := append(s.attrs,
		semconv.KeyAgentTotalSteps.Int(out.TotalSteps),
		semconv.KeyFinalResponseLength.Int(out.ResponseLength))
	if err == nil || out.Usage != (Usage{}) {
		a = append(a,
			semconv.KeyGenAIInputTokens.Int(out.Usage.InputTokens),
			semconv.KeyGenAIOutputTokens.Int(out.Usage.OutputTokens))
	}
	a = appendText(a, semconv.KeyPromptVersion, out.PromptVersion, maxIdentRunes)
	a = appendFloat(a, semconv.KeyLLMCost, out.CostUSD)
	if b := out.Budget; b != nil {
		used := []attribute.KeyValue{
			semconv.KeyBudgetUnit.String(b.Unit), semconv.KeyBudgetLimit.Float64(b.Limit), semconv.KeyBudgetUsed.Float64(b.Used),
		}
		a = append(a, used...)
		if b.Exceeded {
			s.span.AddEvent(semconv.EventBudgetExceeded, trace.WithAttributes(used...))
		}
	}
	if s.t.content() && out.Response != "" {
		finish := reasonStop
		if len(out.FinishReasons) > 0 {
			finish = out.FinishReasons[0]
		}
		a = appendOutput(a, func() []Message { return textMessage("assistant", out.Response, finish) })
	}
	s.end(s.t.appendFinishReasons(a, out.FinishReasons), err, codes.Ok)
}
