package session

import (
	"encoding/json"

	"example.com/gemini-agent/agent"
)

// content is a message of one text in the form of the model's service.
func content(role, text string) json.RawMessage {
	type part struct {
		Text string `json:"text"`
	}
	return encode(struct {
		Parts []part `json:"parts"`
		Role  string `json:"role"`
	}{[]part{{text}}, role})
}

// TurnOf is the turn that a run has made, for [Conversation.Complete].
//
// Its contents end with the model's words, as whatever is said next needs. Where the model has said none, as at the step
// limit, what the caller was told stands in their place, so that what the tools have found is not lost. A turn whose
// answer was held back has no contents: it is not told again.
func TurnOf(task agent.Task, r *agent.Result, traceID string) Turn {
	u := r.Usage
	t := Turn{
		Task: task.Text, Response: r.Response, FinishReason: r.FinishReason, Model: r.Model, TraceID: traceID, SpanID: r.SpanID,
		Usage: Usage{
			InputTokens: u.InputTokens, OutputTokens: u.OutputTokens,
			CachedTokens: u.CachedInputTokens, ReasoningTokens: u.ReasoningTokens,
		},
	}
	if len(r.Contents) == 0 || r.FinishReason == agent.ReasonBlocked {
		return t
	}
	t.Contents = r.Contents
	if last := r.Contents[len(r.Contents)-1]; role(last) != "model" {
		t.Contents = append(r.Contents[:len(r.Contents):len(r.Contents)], content("model", r.Response))
	}
	return t
}

func role(raw json.RawMessage) string {
	var c struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(raw, &c) // what is no content has no role
	return c.Role
}

// Contents is the history as the model is told it: what was said word for word, and of a turn without contents its task
// and its answer.
func (conv *Conversation) Contents() []json.RawMessage { return contents(conv.History) }

func contents(turns []*Turn) []json.RawMessage {
	var list []json.RawMessage
	for _, t := range turns {
		if t.Contents != nil {
			list = append(list, t.Contents...)
			continue
		}
		list = append(list, content("user", t.Task), content("model", t.Response))
	}
	return list
}
