package geminisim

import (
	"encoding/json"
	"slices"
	"strings"
)

// The names under which functions like to take what the model has to say, best first.
var (
	textArguments       = strings.Fields("query q task prompt question topic text message input term instruction keywords")
	expressionArguments = strings.Fields("expression expr formula input query text")
	zoneArguments       = strings.Fields("timezone time_zone timeZone zone tz location city place")
)

// arguments fills f's parameters: value into the one of names that is declared first, else into the first required
// string; and whatever else is required with something the schema allows. An empty value is only given where
// something must be.
func (f *FunctionDeclaration) arguments(value string, names []string) map[string]any {
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
	for _, name := range s.Required {
		if _, done := args[name]; !done {
			args[name] = s.property(name).example(root, name, value, 0)
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

// example is a value that s allows; the one for a plain string comes from the user's text.
func (s *Schema) example(root *Schema, name, text string, depth int) any {
	s = s.resolve(root)
	for _, raw := range append([]json.RawMessage{s.Default, s.Example}, s.Enum...) {
		var v any
		if len(raw) > 0 && json.Unmarshal(raw, &v) == nil && v != nil {
			return v
		}
	}
	if depth > 3 { // a schema that contains itself
		return nil
	}
	switch s.Type {
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return true
	case "null":
		return nil
	case "array":
		items := []any{}
		if s.MinItems != nil {
			for range min(int(*s.MinItems), 8) {
				items = append(items, s.Items.example(root, name, text, depth+1))
			}
		}
		return items
	case "object":
		o := map[string]any{}
		for _, p := range s.Required {
			o[p] = s.property(p).example(root, p, text, depth+1)
		}
		return o
	}
	switch {
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case s.Format == "date":
		return "2026-01-01"
	case slices.Contains(zoneArguments[:4], name):
		return "UTC"
	case text == "":
		return name
	}
	return text
}
