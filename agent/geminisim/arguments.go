package geminisim

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// arguments fills f's parameters from t: value (when there is one) into the one of names that is declared first, else
// into the first required string; and whatever else is required with a piece of t that the schema allows, else with
// something it allows.
func (f *FunctionDeclaration) arguments(value string, names []string, t text) map[string]any {
	args := map[string]any{}
	if f.Parameters == nil {
		return args
	}
	p := pieces{root: f.Parameters, text: value}.of(t)
	s := p.resolve(p.root)
	target := ""
	if i := slices.IndexFunc(names, func(n string) bool { return s.property(n) != nil }); i >= 0 {
		target = names[i]
	} else if i := slices.IndexFunc(s.Required, func(n string) bool { return p.resolve(s.property(n)).Type == "string" }); i >= 0 {
		target = s.Required[i]
	}
	if target != "" && value != "" {
		args[target] = value
		if p.resolve(s.property(target)).Type == "array" {
			args[target] = []any{value}
		}
	}
	for _, name := range s.Required {
		if _, done := args[name]; !done {
			args[name] = p.example(s.property(name), name, 0)
		}
	}
	return args
}

// pieces of a text that a function's parameters may want.
type pieces struct {
	root    *Schema // with the definitions
	said    string  // the text, in lower case
	text    string  // what stands in for a text: what is quoted, or follows the last preposition
	numbers []string
	zone    string
}

var (
	quotes  = regexp.MustCompile(`"([^"]+)"`)
	whatFor = regexp.MustCompile(`(?i)^.*\b(?:in|for|of|about|to|at|from|named|called|en|para|de|sobre|a)\s+(?:(?:the|el|la|los|las)\s+)?`)
	aNumber = regexp.MustCompile(`-?\d+(?:\.\d+)?`)
)

func (p pieces) of(t text) *pieces {
	p.said, p.numbers = strings.ToLower(string(t)), aNumber.FindAllString(string(t), 8)
	p.zone = append(("time " + t).zones(), "")[0]
	switch quoted := quotes.FindStringSubmatch(string(t)); {
	case p.text != "":
	case quoted != nil:
		p.text = quoted[1]
	default:
		p.text = strings.Trim(whatFor.ReplaceAllString(string(t), ""), around)
	}
	return &p
}

// resolve follows references into the definitions and takes the first real choice of anyOf.
func (p *pieces) resolve(s *Schema) *Schema {
	for range maxSchemaDepth {
		switch {
		case s == nil:
			return &Schema{}
		case s.Ref != "":
			name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
			s = nil
			for _, d := range p.root.Defs {
				if d.Name == name {
					s = d.Schema
				}
			}
		case s.Type == "" && len(s.AnyOf) > 0:
			i := slices.IndexFunc(s.AnyOf, func(sub *Schema) bool { return sub != nil && sub.Type != "null" })
			s = s.AnyOf[max(i, 0)]
		default:
			return s
		}
	}
	return &Schema{} // references in a circle
}

// example is a value that s allows, taken from the text where there is one.
func (p *pieces) example(s *Schema, name string, depth int) any {
	s = p.resolve(s)
	var choices []any
	for _, raw := range append([]json.RawMessage{s.Default, s.Example}, s.Enum...) {
		var v any
		if json.Unmarshal(raw, &v) != nil || v == nil {
			continue
		}
		if word, ok := v.(string); ok && word != "" && strings.Contains(p.said, strings.ToLower(word)) {
			return v
		}
		choices = append(choices, v)
	}
	if depth > 3 { // a schema that contains itself
		return nil
	}
	switch s.Type {
	case "integer", "number":
		for i, number := range p.numbers {
			n, _ := strconv.ParseFloat(number, 64)
			if (s.Minimum == nil || n >= *s.Minimum) && (s.Type == "number" || !strings.Contains(number, ".")) {
				p.numbers = slices.Delete(p.numbers, i, i+1)
				return n
			}
		}
	}
	switch {
	case len(choices) > 0:
		return choices[0]
	case s.Minimum != nil:
		return *s.Minimum
	}
	switch s.Type {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		items := []any{}
		if s.MinItems != nil {
			for range min(int(*s.MinItems), 8) {
				items = append(items, p.example(s.Items, name, depth+1))
			}
		}
		return items
	case "object":
		o := map[string]any{}
		for _, member := range s.Required {
			o[member] = p.example(s.property(member), member, depth+1)
		}
		return o
	}
	switch {
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case s.Format == "date":
		return "2026-01-01"
	case slices.Contains(zoneArguments[:5], name) && p.zone != "":
		return p.zone
	case p.text == "":
		return name
	}
	return p.text
}
