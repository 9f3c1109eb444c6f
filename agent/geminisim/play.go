package geminisim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxParallelCalls is how many functions the model calls in one turn.
const maxParallelCalls = 8

// simulated ends the name of the model that answered without a script: nobody takes its words for Gemini's.
const simulated = "-simulated"

// play is the model: what it answers depends on the request alone. It calls the declared functions that the
// user's text asks for, all in one turn, and when their results are there it puts them into an answer. What it cannot
// do it says.
func play(req *GenerateContentRequest) Reply {
	t := newTask(req.userText())
	var reply Reply
	results := req.results()
	switch {
	case req.Mode == "ANY":
		reply = Calls(forced(req, t)...)
	case len(results) > 0:
		reply = req.say(answer(results, t))
	default:
		if calls := req.decide(t); len(calls) > 0 {
			reply = Calls(calls...)
		} else {
			reply = req.say(req.untooled(t))
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
	return []Call{{Name: f.Name, Args: f.arguments(t.String(), textArguments, t)}}
}

// kind is what a function is good for, as far as its name says.
type kind int

const (
	other kind = iota
	calculates
	tellsTime
	searches
	delegates
	kinds // how many there are
)

func kindOf(function string) kind {
	for _, w := range nameWords(function) {
		switch w {
		case "delegate", "subagent", "agent":
			return delegates
		case "calculate", "calculator", "calc", "math":
			return calculates
		case "time", "clock", "date", "datetime", "hora", "fecha":
			return tellsTime
		case "search", "lookup", "find", "wiki", "wikipedia", "google", "retrieve", "buscar", "busca":
			return searches
		}
	}
	return other
}

// nameWords cuts a function's name at punctuation and at capitals.
func nameWords(name string) []string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// smallWords of a function's name say nothing of what it is for.
var smallWords = strings.Fields("get list fetch read the a an of by for tool do make create")

// mentions says whether the words of a function's name stand in t: get_weather in «the weather in Lima».
func (t task) mentions(f *FunctionDeclaration) bool {
	if strings.Contains(t.plain, strings.ToLower(f.Name)) {
		return true
	}
	n := 0
	for _, w := range nameWords(f.Name) {
		switch {
		case slices.Contains(smallWords, w):
		case regexp.MustCompile(`\b` + regexp.QuoteMeta(strings.TrimSuffix(w, "s")) + `(?:s|es)?\b`).MatchString(t.plain):
			n++
		default:
			return false
		}
	}
	return n > 0
}

// decide chooses the functions that t asks for, clause by clause.
func (req *GenerateContentRequest) decide(t task) (calls []Call) {
	var byKind [kinds]*FunctionDeclaration
	var others []*FunctionDeclaration
	for _, f := range req.callable() {
		switch k := kindOf(f.Name); {
		case k == other:
			others = append(others, f)
		case byKind[k] == nil:
			byKind[k] = f
		}
	}
	add := func(f *FunctionDeclaration, value string, names []string, t task) {
		if len(calls) < maxParallelCalls {
			calls = append(calls, Call{Name: f.Name, Args: f.arguments(value, names, t)})
		}
	}
	for _, c := range t.clauses() {
		work, toAgent := c.delegated()
		sums, topic := c.sums(), ""
		time := asksTime.MatchString(c.plain)
		topic, about := c.topic()
		own := slices.IndexFunc(others, c.mentions)
		switch {
		case byKind[delegates] != nil && toAgent:
			add(byKind[delegates], work, textArguments, c)
		case asksFor.MatchString(c.plain):
		case byKind[calculates] != nil && len(sums) > 0:
			for _, s := range sums {
				add(byKind[calculates], s, expressionArguments, c)
			}
		case own >= 0:
			add(others[own], "", textArguments, c)
		case byKind[tellsTime] != nil && time:
			zones := c.zones()
			if len(zones) == 0 {
				zones = []string{""}
			}
			for _, z := range zones {
				add(byKind[tellsTime], z, zoneArguments, c)
			}
		case byKind[searches] != nil && about && !time && len(sums) == 0:
			add(byKind[searches], topic, textArguments, c)
		}
	}
	return calls
}
