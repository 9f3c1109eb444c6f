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

// The honest sentence.
const (
	cannotEnglish = "The simulated model cannot answer this; with GEMINI_API_KEY the real one does"
	cannotSpanish = "El modelo simulado no puede responder a esto; con GEMINI_API_KEY el real sí puede"
)

// play is the model: what it answers depends on the request alone. It calls the declared functions that the user's text
// asks for, all in one turn, and when their results are there it puts them into an answer. What it cannot do it says.
func play(req *GenerateContentRequest) (reply Reply) {
	t := text(req.userText())
	results, calls, recalled := req.results(), []Call(nil), req.recall(t)
	if recalled == "" && len(results) == 0 || req.Mode == "ANY" {
		calls = req.decide(t)
	}
	switch {
	case len(calls) > 0:
		reply = Calls(calls...)
	case req.Mode == "ANY": // it must call something, and check has seen that there is something
		f := req.callable()[0]
		reply = Calls(Call{Name: f.Name, Args: f.arguments(string(t), textArguments, t)})
	case len(results) > 0:
		reply = req.say(req.shaped(t, t.answer(results)))
	case recalled != "":
		reply = req.say(req.shaped(t, recalled))
	default:
		reply = req.say(req.shaped(t, req.untooled(t)))
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

// shaped is what there is to say as JSON of the answer's schema, where JSON is asked for: the answer stands in the first
// text, and the rest is what the schema allows.
func (req *GenerateContentRequest) shaped(t text, answer string) string {
	g := &req.Generation
	if g.ResponseMIMEType != "application/json" {
		return answer
	}
	form := &FunctionDeclaration{Parameters: g.ResponseSchema}
	if form.Parameters == nil {
		return `{"answer":` + quoted(answer) + `}`
	}
	b, _ := json.Marshal(form.arguments(answer, answerMembers, t)) // plain data
	return string(b)
}

// answerMembers are the names under which forms like to take an answer, best first.
var answerMembers = strings.Fields("answer response result text summary message content")

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string
	return string(b)
}

// result is a call of the current turn with its answer.
type result struct {
	call     *FunctionCall
	response json.RawMessage
}

// taskTurn is the content with the task: that of the current turn. A text right after results, where nothing may be called
// any more, is no new task but asks for an answer to what they are for.
func (req *GenerateContentRequest) taskTurn() int {
	i := req.currentTurn()
	for req.Mode == "NONE" && i > 0 && turnOf(&req.Contents[i-1]).responses > 0 {
		for i--; i > 0; i-- {
			if t := turnOf(&req.Contents[i]); !t.model && t.responses == 0 {
				break
			}
		}
	}
	return i
}

// results are the answers to the task's calls; check has seen that each answers a call of the content before it.
func (req *GenerateContentRequest) results() (results []result) {
	for i := req.taskTurn() + 1; i < len(req.Contents); i++ {
		calls := slices.Clone(req.Contents[i-1].Parts)
		for _, p := range req.Contents[i].Parts {
			if r := p.FunctionResponse; r != nil {
				j := slices.IndexFunc(calls, func(c Part) bool {
					return c.FunctionCall != nil && c.FunctionCall.Name == r.Name && (r.ID == "" || c.FunctionCall.ID == r.ID)
				})
				results = append(results, result{calls[j].FunctionCall, r.Response})
				calls = slices.Delete(calls, j, j+1)
			}
		}
	}
	return results
}

// callable are the functions the model may call now.
func (req *GenerateContentRequest) callable() (fs []*FunctionDeclaration) {
	for i := range req.Functions {
		f := &req.Functions[i]
		if req.Mode != "NONE" && (len(req.AllowedFunctions) == 0 || slices.Contains(req.AllowedFunctions, f.Name)) {
			fs = append(fs, f)
		}
	}
	return fs
}

// skill is what a function is good for, as far as a word of its name says.
type skill struct {
	words     string                // of names
	asked     func(t text) []string // what a text wants of it: an argument for each call
	arguments []string              // that take it, best first
	say       [2]string             // before the result, in English and Spanish; %s is the argument
}

// The names under which functions like to take what the model has to say, best first.
var (
	textArguments = strings.Fields("query q task prompt question topic text message input term instruction keywords")
	zoneArguments = strings.Fields("timezone time_zone timeZone zone tz location city place")

	delegates  = &skill{"delegate subagent agent", text.delegated, textArguments, [2]string{"The sub-agent says: ", "El subagente dice: "}}
	calculates = &skill{"calculate calculator calc math", text.sums, strings.Fields("expression expr formula input query text"),
		[2]string{"%s = ", "%s = "}}
	tellsTime = &skill{"time clock date datetime hora fecha", text.zones, zoneArguments, [2]string{"The time in %s: ", "La hora en %s: "}}
	searches  = &skill{"search lookup find wiki wikipedia google retrieve buscar busca", text.topic, textArguments,
		[2]string{"About %s: ", "Sobre %s: "}}
)

func skillOf(function string) *skill {
	for _, word := range nameWords(function) {
		for _, s := range []*skill{delegates, calculates, tellsTime, searches} {
			if slices.Contains(strings.Fields(s.words), word) {
				return s
			}
		}
	}
	return nil
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
func (t text) mentions(f *FunctionDeclaration) bool {
	n := 0
	for _, w := range nameWords(f.Name) {
		switch {
		case slices.Contains(smallWords, w):
		case t.has(w):
			n++
		default:
			return false
		}
	}
	return n > 0
}

// decide chooses the functions that t asks for, clause by clause. A function without a skill is called when it is named.
func (req *GenerateContentRequest) decide(t text) (calls []Call) {
	for _, clause := range t.clauses() {
		if asksFor.MatchString(string(clause)) {
			continue
		}
		for _, s := range []*skill{delegates, calculates, nil, tellsTime, searches} {
			f, values := req.asked(clause, s)
			for _, v := range values {
				names := textArguments
				if s != nil {
					names = s.arguments
				}
				calls = append(calls, Call{Name: f.Name, Args: f.arguments(v, names, clause)})
			}
			if len(values) > 0 {
				break
			}
		}
	}
	return calls[:min(len(calls), maxParallelCalls)]
}

// asked is the function with a skill that a clause wants, and what it wants of it. Of several the one that is named is
// wanted, such as delegate_to_math in «ask the math sub-agent», else the first.
func (req *GenerateContentRequest) asked(clause text, s *skill) (f *FunctionDeclaration, values []string) {
	for _, each := range req.callable() {
		switch words := nameWords(each.Name); {
		case skillOf(each.Name) != s:
		case s == nil && clause.mentions(each):
			return each, []string{""}
		case s != nil && (f == nil || clause.has(words[len(words)-1])):
			f = each
		}
	}
	if f != nil {
		values = s.asked(clause)
	}
	return f, values
}

// has reports whether a word stands in t, in any number.
func (t text) has(word string) bool {
	return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(strings.TrimSuffix(word, "s")) + `(?:s|es)?\b`).MatchString(string(t))
}
