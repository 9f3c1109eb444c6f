package geminisim

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// maxResultRunes bounds what an answer repeats of one result of a tool; of another agent's answer all is repeated.
const maxResultRunes = 600

// answer puts the results of the turn's calls into words.
func (t text) answer(results []result) string {
	lines := make([]string, len(results))
	for i, r := range results {
		lines[i] = t.sentence(r)
	}
	return strings.Join(lines, "\n")
}

func (t text) sentence(r result) string {
	var response, args map[string]any
	_ = json.Unmarshal(r.response, &response) // an object: decodeRequest has seen to that
	_ = json.Unmarshal(r.call.Args, &args)    // likewise
	if fault := response["error"]; fault != nil {
		return t.say([2]string{"The tool ", "La herramienta "}) + r.call.Name + t.say([2]string{" failed: ", " falló: "}) + shorten(flatten(fault, 0))
	}
	got := flatten(response, 0)
	if got == "" {
		got = t.say([2]string{"nothing", "nada"})
	}
	s := skillOf(r.call.Name)
	if s == delegates {
		return t.say(s.say) + got
	}
	if s != nil {
		for _, name := range s.arguments {
			if given, ok := args[name].(string); ok {
				return strings.Replace(t.say(s.say), "%s", given, 1) + shorten(got)
			}
		}
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
	return strings.TrimLeft(strings.TrimRight(string(r[:end]), " ,;:")+" …", " ")
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

// untooled answers without a function: it says what there is, and for everything else that it cannot.
func (req *GenerateContentRequest) untooled(t text) string {
	var names []string
	for _, f := range req.callable() {
		names = append(names, f.Name)
	}
	switch list := strings.Join(names, ", "); {
	case asksFor.MatchString(string(t)) && list == "":
		return t.say([2]string{"I am the simulated Gemini and have no tools here.", "Soy el Gemini simulado y aquí no tengo herramientas."})
	case asksFor.MatchString(string(t)):
		return t.say([2]string{"I am the simulated Gemini. I can use these tools: ", "Soy el Gemini simulado. Puedo usar estas herramientas: "}) + list + "."
	case greets.MatchString(string(t)):
		return t.say([2]string{"Hello! I am the simulated Gemini. What can I do for you?", "¡Hola! Soy el Gemini simulado. ¿En qué puedo ayudarte?"})
	}
	return t.say([2]string{cannotEnglish, cannotSpanish})
}
