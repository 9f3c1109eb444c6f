package agenttrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// AgentCallStart opens the CLIENT span around a call of a remote agent.
type AgentCallStart struct {
	AgentName     string
	Provider      string // default gemini-agent: an agent of this module
	ServerAddress string
	ServerPort    int
	SessionID     string
	Task          func() string // what it is asked; may be nil; called at most once, when content is recorded
}

// AgentCallSpan is an open invoke_agent NAME span.
type AgentCallSpan struct {
	handle
	buffer [8]attribute.KeyValue
}

// StartAgentCall opens "invoke_agent NAME" (CLIENT), or "invoke_agent" when the agent has no name.
func (t *AgentTracer) StartAgentCall(ctx context.Context, in AgentCallStart) (context.Context, *AgentCallSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &AgentCallSpan{}
	provider, name := in.Provider, semconv.OpInvokeAgent
	if provider == "" {
		provider = "gemini-agent"
	}
	a := append(s.buffer[:0],
		semconv.KeyGenAIOperationName.String(semconv.OpInvokeAgent),
		semconv.KeyGenAIProviderName.String(provider))
	if in.AgentName != "" {
		agent := redact.Runes(in.AgentName, maxIdentRunes)
		name = semconv.SpanAgentCallPrefix + agent
		a = append(a, semconv.KeyGenAIAgentName.String(agent))
	}
	a = appendPeer(a, in.ServerAddress, in.ServerPort)
	a = appendText(a, semconv.KeyGenAIConversationID, in.SessionID, maxIdentRunes)
	if in.Task != nil && t.content() {
		a = appendContent(a, func() ModelContent { return ModelContent{Input: textMessage("user", in.Task(), "")} })
	}
	ctx, ok := s.start(ctx, t, name, t.client, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

// SetAnswer says what the agent answered; answer is called at most once, when content is recorded.
func (s *AgentCallSpan) SetAnswer(answer func() string) {
	if s == nil || !s.recording() || !s.t.content() {
		return
	}
	s.span.SetAttributes(appendOutput(nil, func() []Message { return textMessage("assistant", answer(), reasonStop) })...)
}

// End ends the span. As the conventions have it, success leaves the status unset.
func (s *AgentCallSpan) End(err error) {
	if s == nil || !s.recording() {
		return
	}
	s.end(s.attrs, err, codes.Unset)
}
