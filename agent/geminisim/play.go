package geminisim

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxParallelCalls is how many functions the model calls in one turn.
const maxParallelCalls = 8

// play is the model: what it answers depends on the request alone. It calls the declared functions that the
// user's text asks for, all in one turn, and when their results are there it puts them into an answer.
func play(req *GenerateContentRequest) Reply {
	text := newTask(req.userText())
	var reply Reply
	results := req.results()
	switch {
	case req.Mode == "ANY":
		reply = Calls(forced(req, text)...)
	case len(results) > 0:
		reply = req.say(answer(results, text.spanish))
	default:
		if calls := req.decide(text); len(calls) > 0 {
			reply = Calls(calls...)
		} else {
			reply = req.say(knowledge(text))
		}
	}
	if req.Generation.IncludeThoughts {
		reply = reply.WithThought("The task is read, the declared functions are compared with what it asks for.")
	}
	return reply
}

// say answers with text, as far as maxOutputTokens lets it.
func (req *GenerateContentRequest) say(text string) Reply {
	if limit := req.Generation.MaxOutputTokens; limit != nil && float64(tokens(text)) > *limit {
		return MaxTokens(strings.ToValidUTF8(text[:int(*limit)*4], ""))
	}
	return Text(text)
}

// result is a call of the current turn with its answer.
type result struct {
	call     *FunctionCall
	response json.RawMessage
}

func (req *GenerateContentRequest) results() (results []result) {
	for i := req.currentTurn() + 1; i < len(req.Contents); i++ {
		next := 0
		for j := range req.Contents[i].Parts {
			r := req.Contents[i].Parts[j].FunctionResponse
			if r == nil {
				continue
			}
			call := callOf(req.Contents[i-1].Parts, r, next)
			next++
			results = append(results, result{call, r.Response})
		}
	}
	return results
}

// callOf finds the call r answers: by id, else the one at its place, else by name. check has seen that there is one.
func callOf(parts []Part, r *FunctionResponse, place int) *FunctionCall {
	var byName *FunctionCall
	for i := range parts {
		c := parts[i].FunctionCall
		if c == nil {
			continue
		}
		if c.Name == r.Name && (r.ID != "" && c.ID == r.ID || r.ID == "" && place == 0) {
			return c
		}
		if c.Name == r.Name {
			byName = c
		}
		place--
	}
	return byName
}

// callable are the functions the model may call now.
func (req *GenerateContentRequest) callable() []*FunctionDeclaration {
	if req.Mode == "NONE" {
		return nil
	}
	var fs []*FunctionDeclaration
	for i := range req.Functions {
		f := &req.Functions[i]
		if len(req.AllowedFunctions) == 0 || slices.Contains(req.AllowedFunctions, f.Name) {
			fs = append(fs, f)
		}
	}
	return fs
}

// forced are the calls of a model that must call something.
func forced(req *GenerateContentRequest, t task) []Call {
	if calls := req.decide(t); len(calls) > 0 {
		return calls
	}
	f := req.callable()[0] // check has seen that there is one
	return []Call{{Name: f.Name, Args: f.arguments(t.clip(), textArguments)}}
}

// decide chooses the functions that t asks for.
func (req *GenerateContentRequest) decide(t task) (calls []Call) {
	fs := req.callable()
	if len(fs) == 0 {
		return nil
	}
	var byKind [kinds]*FunctionDeclaration
	var others []*FunctionDeclaration
	for _, f := range fs {
		switch k := kindOf(f.Name); {
		case k == other:
			others = append(others, f)
		case byKind[k] == nil:
			byKind[k] = f
		}
	}
	add := func(f *FunctionDeclaration, value string, names []string) {
		if len(calls) < maxParallelCalls {
			calls = append(calls, Call{Name: f.Name, Args: f.arguments(value, names)})
		}
	}
	if f := byKind[delegates]; f != nil {
		if work, ok := t.delegated(); ok {
			add(f, work, textArguments)
			return calls
		}
	}
	for _, c := range t.clauses() {
		expressions, asksTime := c.expressions(), c.asksTime()
		topic, asksTopic := c.topic()
		switch {
		case byKind[calculates] != nil && len(expressions) > 0:
			for _, e := range expressions {
				add(byKind[calculates], e, expressionArguments)
			}
		case byKind[tellsTime] != nil && asksTime:
			zones := c.zones()
			if len(zones) == 0 {
				zones = []string{""}
			}
			for _, z := range zones {
				add(byKind[tellsTime], z, zoneArguments)
			}
		case byKind[searches] != nil && asksTopic && !asksTime && len(expressions) == 0:
			add(byKind[searches], topic, textArguments)
		default:
			for _, f := range others {
				if c.mentions(f.Name) {
					add(f, c.clip(), textArguments)
				}
			}
		}
	}
	return calls
}
