package agent

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
)

// history makes turns of earlier contents. They go to the model as they are.
func history(contents []json.RawMessage) []Turn {
	turns := make([]Turn, 0, len(contents)+8)
	for _, raw := range contents {
		turns = append(turns, Turn{Native: raw, Message: func() agenttrace.Message { return contentMessage(raw) }})
	}
	return turns
}

// keep puts the answer into the conversation and the conversation into the result.
func (r *run) keep(p *Reply) error {
	if t, ok := p.answer(); ok {
		r.turns = append(r.turns, t)
	}
	contents, err := r.contents()
	if err != nil {
		return &Error{Kind: KindInternal, Reason: "conversation", Err: err, Message: "The conversation could not be kept."}
	}
	r.result.Contents = contents
	return nil
}

// contents is what was said in this run, for the History of a later one: see [Result.Contents].
func (r *run) contents() ([]json.RawMessage, error) {
	var contents []json.RawMessage
	for _, t := range r.turns[len(r.task.History):] {
		if t.nudge {
			continue
		}
		raw, err := t.content, error(nil)
		if raw == nil {
			raw, err = encodeTurn(t)
		}
		if err != nil {
			return nil, fmt.Errorf("writing the conversation: %w", err)
		}
		contents = append(contents, raw)
	}
	return contents, nil
}

// turn is the reply as a turn of the conversation, with its text and calls as a content where the model keeps what it said
// in a form of its own.
func (p *Reply) turn() Turn {
	t := p.Turn
	if _, raw := t.Native.(json.RawMessage); raw {
		return t
	}
	var parts []any
	if p.Text != "" {
		parts = append(parts, geminiText{p.Text})
	}
	for _, c := range p.Calls {
		parts = append(parts, map[string]any{"functionCall": map[string]any{"id": c.ID, "name": c.Name, "args": c.Args}})
	}
	if len(parts) > 0 {
		t.content, _ = marshal(geminiContent{Parts: parts, Role: "model"}) // arguments that are no JSON are not kept
	}
	return t
}

// answer is the last turn, which the model is not asked about any more: what it said, without calls that were not run.
func (p *Reply) answer() (Turn, bool) {
	switch _, raw := p.Turn.Native.(json.RawMessage); {
	case p.Finish == FinishBlocked, strings.TrimSpace(p.Text) == "":
		return Turn{}, false
	case raw && len(p.Calls) == 0:
		return p.Turn, true
	}
	content, err := marshal(geminiContent{Parts: []any{geminiText{p.Text}}, Role: "model"})
	return Turn{content: content}, err == nil
}

// contentMessage describes a content in the shape of the GenAI conventions, as far as it can be read.
func contentMessage(raw json.RawMessage) agenttrace.Message {
	var content struct {
		Role  looseText         `json:"role"`
		Parts []json.RawMessage `json:"parts"`
	}
	_ = json.Unmarshal(raw, &content) // what cannot be read is not shown
	parts := make([]geminiPart, 0, len(content.Parts))
	for _, one := range content.Parts {
		part := geminiPart{raw: one}
		if json.Unmarshal(one, &part) == nil {
			parts = append(parts, part)
		}
	}
	m := geminiMessage(parts)
	if content.Role != "model" {
		m.Role = "user"
	}
	return m
}
