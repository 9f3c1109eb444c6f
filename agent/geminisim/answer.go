package geminisim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxResultRunes bounds what an answer repeats of one result of a tool; of another agent's answer all is repeated.
const maxResultRunes = 600

// The honest sentence.
const (
	cannotEnglish = "The simulated model cannot answer this; with GEMINI_API_KEY the real one does"
	cannotSpanish = "El modelo simulado no puede responder a esto; con GEMINI_API_KEY el real sí puede"
)

// answer puts the results of the turn's calls into words.
func answer(results []result, t task) string {
	lines := make([]string, len(results))
	for i, r := range results {
		lines[i] = sentence(r, t)
	}
	return strings.Join(lines, "\n")
}

func sentence(r result, t task) string {
	var response, args map[string]any
	_ = json.Unmarshal(r.response, &response) // an object: decodeRequest has seen to that
	_ = json.Unmarshal(r.call.Args, &args)    // likewise
	if fault, ok := response["error"]; ok && fault != nil {
		return t.say("The tool ", "La herramienta ") + r.call.Name + t.say(" failed: ", " falló: ") + shorten(flatten(fault, 0))
	}
	given := func(names []string) string {
		for _, n := range names {
			if s, ok := args[n].(string); ok {
				return s
			}
		}
		return ""
	}
	got := flatten(response, 0)
	if got == "" {
		got = t.say("nothing", "nada")
	}
	switch kindOf(r.call.Name) {
	case calculates:
		if e := given(expressionArguments); e != "" {
			return e + " = " + shorten(got)
		}
	case tellsTime:
		if z := given(zoneArguments); z != "" {
			return t.say("The time in ", "La hora en ") + z + ": " + shorten(got)
		}
	case searches:
		if q := given(textArguments); q != "" {
			return t.say("About ", "Sobre ") + q + ": " + shorten(got)
		}
	case delegates:
		return t.say("The sub-agent says: ", "El subagente dice: ") + got
	}
	return r.call.Name + ": " + shorten(got)
}

// shorten cuts s between two words.
func shorten(s string) string {
	r := []rune(s)
	if len(r) <= maxResultRunes {
		return s
	}
	end := maxResultRunes
	for end > 0 && !unicode.IsSpace(r[end]) {
		end--
	}
	if end == 0 { // one long word
		return "…"
	}
	return strings.TrimRight(string(r[:end]), " ,;:") + " …"
}

// tellingKeys are the members of a result that say most, best first.
var tellingKeys = strings.Fields("output result results answer response summary text content items documents " +
	"formatted time datetime value snippet title")

// flatten puts a result into a line.
func flatten(v any, depth int) string {
	var parts []string
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		for _, e := range v[:min(len(v), 3)] {
			parts = append(parts, flatten(e, depth+1))
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		for _, k := range tellingKeys {
			if x, ok := v[k]; ok && x != nil && depth < 8 {
				return flatten(x, depth+1)
			}
		}
		for k, x := range v {
			parts = append(parts, k+": "+flatten(x, depth+1))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	b, _ := json.Marshal(v) // a number or a boolean
	return string(b)
}

var (
	greets  = regexp.MustCompile(`^\W*(?:hello|hi|hey|good (?:morning|evening|afternoon)|hola|buen[oa]s(?: \w+)?)\b(?:\W+\w+){0,2}\W*$`)
	asksFor = regexp.MustCompile(`\bwhat can you do\b|\b(?:your|which|what) tools\b|\bhelp\W*$|\bque (?:puedes|sabes) hacer\b|\b(?:que|cuales|tus) herramientas\b|\bayuda\W*$`)
)

// untooled answers without a function: it says what there is, and for everything else that it cannot.
func (req *GenerateContentRequest) untooled(t task) string {
	var names []string
	for _, f := range req.callable() {
		names = append(names, f.Name)
	}
	switch list := strings.Join(names, ", "); {
	case asksFor.MatchString(t.plain) && list == "":
		return t.say("I am the simulated Gemini and have no tools here.", "Soy el Gemini simulado y aquí no tengo herramientas.")
	case asksFor.MatchString(t.plain):
		return t.say("I am the simulated Gemini. I can use these tools: ", "Soy el Gemini simulado. Puedo usar estas herramientas: ") + list + "."
	case greets.MatchString(t.plain):
		return t.say("Hello! I am the simulated Gemini. What can I do for you?", "¡Hola! Soy el Gemini simulado. ¿En qué puedo ayudarte?")
	}
	return t.say(cannotEnglish, cannotSpanish)
}
