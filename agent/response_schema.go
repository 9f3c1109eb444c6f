package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/gemini-agent/agent/toolschema"
)

// MaxResponseSchema is the most bytes a schema of an answer may have.
const MaxResponseSchema = 32 << 10

// ResponseSchema is what the answer of a task must satisfy: a JSON Schema of an object. It is safe for concurrent use.
type ResponseSchema struct{ answer *toolschema.Answer }

// ParseResponseSchema reads a JSON Schema, draft 2020-12 or what is like it in older ones. Its errors are for the caller
// who sent it and go on from its name: "must be …", "has …".
func ParseResponseSchema(raw []byte) (*ResponseSchema, error) {
	if len(raw) > MaxResponseSchema {
		return nil, fmt.Errorf("has %d bytes; at most %d are allowed", len(raw), MaxResponseSchema)
	}
	answer, err := toolschema.ParseAnswer(raw)
	if err != nil {
		return nil, err
	}
	return &ResponseSchema{answer}, nil
}

// The sentences with which an answer in the right form is asked for; %s is what is wrong with the last one.
const (
	nudgeForm   = "Give your answer once more, now as JSON alone that satisfies the response schema."
	nudgeSchema = "Your last answer does not satisfy the response schema: %s. Answer once more with JSON alone that satisfies it."
)

// request is what the model is asked now. A model that takes a schema of the answer only without tools gets the schema when
// it has no more use for them.
func (r *run) request() *Request {
	req := &Request{Instructions: r.cfg.Instructions, Tools: r.tools.declarations, Turns: r.turns, NoTools: r.exhausted}
	if r.forming {
		req.Tools = nil
	}
	if s := r.task.ResponseSchema; s != nil && (r.info.JSONBesideTools || len(req.Tools) == 0) {
		req.JSON, req.Schema = true, s.answer.Declared()
	}
	return req
}

// conform returns the reply if it satisfies the schema of the task, else the one to asking again, once. A task with a
// schema has such an answer or none.
func (r *run) conform(ctx context.Context, step int, p *Reply) (*Reply, error) {
	schema := r.task.ResponseSchema
	if schema == nil {
		return p, nil
	}
	repairs := 1
	if !r.info.JSONBesideTools && len(r.tools.declarations) > 0 {
		repairs++ // the schema was not sent yet
	}
	for {
		if p.Finish != FinishStop || len(p.Calls) > 0 {
			return nil, noConforming(string(p.Finish), nil)
		}
		p.Text = unfenced(p.Text)
		flaw := schema.answer.Check(p.Text)
		switch {
		case flaw == nil:
			return p, nil
		case repairs == 0 || r.exhausted:
			return nil, noConforming("", flaw)
		}
		nudge, preview := fmt.Sprintf(nudgeSchema, flaw), "asking for an answer that satisfies the response schema"
		if repairs == 2 {
			nudge, preview = nudgeForm, nudgeForm
		}
		repairs--
		r.forming = true
		if said := p.turn(); said.Native != nil {
			said.nudge = true // on the way only: what is kept is the answer in its last form
			r.turns = append(r.turns, said)
		}
		r.turns = append(r.turns, Turn{Text: nudge, nudge: true})
		var err error
		if p, err = r.ask(ctx, step, preview); err != nil {
			return nil, err
		}
	}
}

// noConforming is the failure of a task whose answer must satisfy a schema; ended is why there was no answer to check.
func noConforming(ended string, flaw error) *Error {
	if flaw == nil {
		flaw = errors.New("the run ended with " + ended)
	}
	message := "The model's answer does not satisfy response_schema, after it was asked again. Make the schema simpler, or say in " +
		"the task what belongs where."
	if ended != "" {
		message = "The task ended (" + ended + ") before there was an answer that satisfies response_schema. Allow more, or ask for less."
	}
	return &Error{Kind: KindModel, Reason: "response_schema", Err: flaw, Message: message}
}

// unfenced takes the fences away that models like to put around JSON.
func unfenced(text string) string {
	inner := strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(inner, "```"); ok && strings.HasSuffix(rest, "```") && len(rest) > 3 {
		rest = strings.TrimSuffix(rest, "```")
		if first, body, ok := strings.Cut(rest, "\n"); ok && len(first) <= len("json") {
			return strings.TrimSpace(body)
		}
	}
	return inner
}
