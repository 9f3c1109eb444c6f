package geminisim

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The names under which functions like to take what the model has to say, best first.
var (
	textArguments       = strings.Fields("query q task prompt question topic text message input term instruction keywords")
	expressionArguments = strings.Fields("expression expr formula input query text")
	zoneArguments       = strings.Fields("timezone time_zone timeZone zone tz location city place")
)

// found are pieces of a text that a function's parameters may want.
type found struct {
	text    string // what stands in for a text
	numbers []float64
	quoted  []string
}

var (
	quotes   = regexp.MustCompile(`"[^"]+"|\B'[^']+'\B`)
	whatFor  = regexp.MustCompile(`\b(?:in|for|of|about|to|at|from|named|called|en|para|de|sobre|a)\s+(?:(?:the|el|la|los|las)\s+)?`)
	argument = regexp.MustCompile(`-?\d+(?:\.\d+)?`)
)

// pieces of t: what is quoted, its numbers, and what follows its last preposition.
func (t task) pieces() found {
	p := found{text: t.String()}
	for _, m := range quotes.FindAllStringIndex(t.plain, -1) {
		p.quoted = append(p.quoted, string(t.text[m[0]+1:m[1]-1]))
	}
	for _, s := range argument.FindAllString(t.plain, 8) {
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			p.numbers = append(p.numbers, n)
		}
	}
	if all := whatFor.FindAllStringIndex(t.plain, -1); len(all) > 0 {
		if tail := t.slice(all[len(all)-1][1], len(t.plain)).String(); tail != "" {
			p.text = tail
		}
	}
	return p
}

// arguments fills f's parameters from t: value (when there is one) into the one of names that is declared first, else
// into the first required string; and whatever else is required with a piece of t that the schema allows, else with
// something it allows.
func (f *FunctionDeclaration) arguments(value string, names []string, t task) map[string]any {
	args := map[string]any{}
	s := f.Parameters
	if s == nil {
		return args
	}
	root := s
	s = root.resolve(root)
	target := ""
	for _, n := range names {
		if s.property(n) != nil {
			target = n
			break
		}
	}
	for _, p := range s.Properties {
		if target == "" && p.Schema.Type == "string" && len(p.Schema.Enum) == 0 && slices.Contains(s.Required, p.Name) {
			target = p.Name
		}
	}
	if target != "" && value != "" {
		args[target] = s.property(target).resolve(root).wrap(value)
	}
	pieces := t.pieces()
	if value != "" {
		pieces.text = value
	}
	for _, name := range s.Required {
		if _, done := args[name]; !done {
			args[name] = s.property(name).example(root, name, &pieces, t, 0)
		}
	}
	return args
}

// wrap puts value into a list where the schema wants one: keywords.
func (s *Schema) wrap(value string) any {
	if s.Type == "array" {
		return []any{value}
	}
	return value
}

// resolve follows references into root's definitions and takes the first real choice of anyOf.
func (s *Schema) resolve(root *Schema) *Schema {
	for range maxSchemaDepth {
		switch {
		case s == nil:
			return &Schema{}
		case s.Ref != "":
			name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
			var def *Schema
			for _, d := range root.Defs {
				if d.Name == name {
					def = d.Schema
				}
			}
			s = def
		case s.Type == "" && len(s.AnyOf) > 0:
			i := slices.IndexFunc(s.AnyOf, func(sub *Schema) bool { return sub != nil && sub.Type != "null" })
			s = s.AnyOf[max(i, 0)]
		default:
			return s
		}
	}
	return &Schema{} // references in a circle
}

// example is a value that s allows, taken from the user's text where there is one.
func (s *Schema) example(root *Schema, name string, p *found, t task, depth int) any {
	s = s.resolve(root)
	var choices []any
	for _, raw := range append([]json.RawMessage{s.Default, s.Example}, s.Enum...) {
		var v any
		if len(raw) == 0 || json.Unmarshal(raw, &v) != nil || v == nil {
			continue
		}
		if word, ok := v.(string); ok && word != "" && strings.Contains(t.plain, strings.ToLower(word)) {
			return v
		}
		choices = append(choices, v)
	}
	number := s.Type == "integer" || s.Type == "number"
	switch {
	case number && len(p.numbers) > 0 && s.allows(p.numbers[0]):
		n := p.numbers[0]
		p.numbers = p.numbers[1:]
		return n
	case len(choices) > 0:
		return choices[0]
	case depth > 3: // a schema that contains itself
		return nil
	case number && s.Minimum != nil:
		return *s.Minimum
	case number:
		return 1
	}
	switch s.Type {
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		items := []any{}
		if s.MinItems != nil {
			for range min(int(*s.MinItems), 8) {
				items = append(items, s.Items.example(root, name, p, t, depth+1))
			}
		}
		return items
	case "object":
		o := map[string]any{}
		for _, prop := range s.Required {
			o[prop] = s.property(prop).example(root, prop, p, t, depth+1)
		}
		return o
	}
	switch {
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case s.Format == "date":
		return "2026-01-01"
	case len(p.quoted) > 0:
		text := p.quoted[0]
		p.quoted = p.quoted[1:]
		return text
	case slices.Contains(zoneArguments[:4], name):
		return append(t.zones(), "UTC")[0]
	case p.text == "":
		return name
	}
	return p.text
}

// allows says whether a number of the text may stand here.
func (s *Schema) allows(n float64) bool {
	return (s.Minimum == nil || n >= *s.Minimum) && (s.Type != "integer" || n == math.Trunc(n))
}
