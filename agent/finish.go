package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"example.com/gemini-agent/tracing/agenttrace"
)

// finish makes the result of a reply that asks for no tools.
func (r *run) finish(p *Reply) error {
	if r.exhausted && p.Finish != FinishBlocked {
		r.stopAtBudget()
		return nil
	}
	text := strings.TrimSpace(p.Text)
	switch p.Finish {
	case FinishStop:
		r.conclude(ReasonStop, p.Text, "")
	case FinishMaxTokens:
		if text == "" {
			p.Text = "The model reached its output limit before it had written an answer. Ask for less at a time."
		}
		r.conclude(ReasonMaxTokens, p.Text, "The answer is cut off at the model's output limit.")
	case FinishBlocked:
		what := "answer"
		if p.Prompt {
			what = "task"
		}
		sentence := fmt.Sprintf("The %s was blocked by the model's service (%s). Put the task differently.", what, p.Detail)
		r.conclude(ReasonBlocked, sentence, sentence)
	case FinishNoCandidates:
		return &Error{Kind: KindModel, Reason: string(p.Finish),
			Message: "The model returned no answer and no reason for it. Try again, or put the task differently."}
	default:
		if text == "" {
			return &Error{Kind: KindModel, Reason: string(FinishOther), Err: fmt.Errorf("finish reason %q", p.Detail),
				Message: "The model stopped without an answer. Try again, or put the task differently."}
		}
		r.conclude(ReasonOther, p.Text, "The model stopped early and did not say why.")
	}
	return nil
}

// stopAtLimit makes the result of a run whose model still wants tools, because its budget is spent or else its steps are. A
// task that wants a certain form of answer then has none.
func (r *run) stopAtLimit(p *Reply, spent bool) error {
	switch {
	case spent && r.task.ResponseSchema != nil:
		return noConforming(ReasonBudget, nil)
	case spent:
		r.stopAtBudget()
		return nil
	case r.task.ResponseSchema != nil:
		return noConforming(ReasonMaxSteps, nil)
	}
	sentence := fmt.Sprintf("The task was not finished at its step limit of %d. "+
		"Allow more with max_steps, or make it smaller.", r.task.MaxSteps)
	text := p.Text
	if strings.TrimSpace(text) == "" {
		text = sentence
	}
	r.conclude(ReasonMaxSteps, text, sentence)
	return nil
}

// conclude sets the result. fault is empty for a plain answer; otherwise it is what the task's span says.
func (r *run) conclude(reason, response, fault string) {
	r.result.FinishReason = reason
	r.result.Response = response
	if fault != "" {
		r.outcome = &Error{Kind: KindModel, Reason: reason, Message: fault}
	}
}

// taskResult is what the task's span says at the end. Called with the error the span ends with.
func (r *run) taskResult(err error) agenttrace.TaskResult {
	reason := r.result.FinishReason
	if e, ok := err.(*Error); ok {
		reason = e.Reason
	}
	return agenttrace.TaskResult{
		TotalSteps:     len(r.result.Steps),
		Reason:         reason,
		ResponseLength: utf8.RuneCountInString(r.result.Response),
		Response:       r.result.Response,
		Usage:          r.result.Usage,
		CostUSD:        r.result.CostUSD,
		Budget:         r.result.Budget.forSpan(),
		FinishReasons:  r.finishReasons,
		PromptVersion:  r.result.PromptVersion,
	}
}

// content describes the request for spans that record content.
func (req *Request) content() agenttrace.ModelContent {
	c := agenttrace.ModelContent{
		Instructions: req.Instructions,
		Input:        make([]agenttrace.Message, 0, len(req.Turns)),
		Tools:        make([]agenttrace.ToolDefinition, 0, len(req.Tools)),
	}
	for _, t := range req.Turns {
		switch {
		case t.Native != nil && t.Message != nil:
			m := t.Message()
			m.FinishReason = "" // belongs to output messages only
			c.Input = append(c.Input, m)
		case t.Results != nil:
			c.Input = append(c.Input, resultsMessage(t.Results))
		case t.Native == nil:
			c.Input = append(c.Input, agenttrace.Message{Role: "user", Parts: []agenttrace.Part{{Type: "text", Content: t.Text}}})
		}
	}
	for _, d := range req.Tools {
		def := agenttrace.ToolDefinition{Name: d.Name, Description: d.Description}
		def.Parameters = decoded(d.Parameters)
		c.Tools = append(c.Tools, def)
	}
	return c
}

func resultsMessage(results []ToolResult) agenttrace.Message {
	m := agenttrace.Message{Role: "tool", Parts: make([]agenttrace.Part, 0, len(results))}
	for _, res := range results {
		m.Parts = append(m.Parts, agenttrace.Part{Type: "tool_call_response", ID: res.ID, Name: res.Name, Response: res.value()})
	}
	return m
}

// value is the result in the form the model gets it.
func (res ToolResult) value() any {
	if res.Error != "" {
		return map[string]any{"error": res.Error}
	}
	return map[string]any{"output": decoded(res.Output)}
}

// decoded returns what raw holds, nil for nothing. Our own JSON always decodes.
func decoded(raw json.RawMessage) any {
	var v any
	if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}
