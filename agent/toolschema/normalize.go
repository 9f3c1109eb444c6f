package toolschema

import (
	"errors"
	"math"
	"slices"
	"strings"
)

// normalizer puts a schema right where it is known what is meant: drafts before 2020-12, types in capital letters,
// references with siblings. What makes no sense is left out, and noted.
type normalizer struct {
	notes []string
}

func (n *normalizer) note(text string) {
	if !slices.Contains(n.notes, text) {
		n.notes = append(n.notes, text)
	}
}

const leftOut = "parts of it that are no schema are left out"

// object returns the schema of the arguments; nil for one that allows no arguments or says nothing of them.
func (n *normalizer) object(tree any) (map[string]any, error) {
	source, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("it is no object")
	}
	root, err := n.root(source)
	if err != nil || !takesArguments(root) {
		return nil, err
	}
	return root, nil
}

// root returns the schema put right, which is one of an object.
func (n *normalizer) root(source map[string]any) (map[string]any, error) {
	if (&graph{root: source}).endless(source) {
		return nil, errEndless
	}
	root, ok := n.schema(source, 0).(map[string]any)
	if !ok {
		return nil, errors.New("it is nested too deep")
	}
	(&settler{graph: graph{root: root}, n: n, seen: map[uintptr]bool{}}).settle(root)
	if (&graph{root: root}).endless(root) { // not to be missed by what was changed
		return nil, errEndless
	}
	switch kind := root["type"].(type) {
	case nil:
		root["type"] = "object"
	case string:
		if kind != "object" {
			return nil, errors.New("the arguments are not an object")
		}
	case []any:
		if !slices.Contains(kind, any("object")) {
			return nil, errors.New("the arguments are not an object")
		}
		root["type"] = "object"
	}
	return root, nil
}

// takesArguments is false for the ways to say that there are no arguments.
func takesArguments(root map[string]any) bool {
	properties, _ := root["properties"].(map[string]any)
	open, said := root["additionalProperties"]
	if len(properties) > 0 || said && open != false {
		return true
	}
	for _, key := range []string{"patternProperties", "anyOf", "oneOf", "allOf", "$ref"} {
		if root[key] != nil {
			return true
		}
	}
	return false
}

// schema returns a copy of v put right; true, which allows everything, for what is no schema.
func (n *normalizer) schema(v any, depth int) any {
	if allows, ok := v.(bool); ok {
		return allows
	}
	source, ok := v.(map[string]any)
	if !ok || depth > maxDepth {
		n.note(leftOut)
		return true
	}
	s := make(map[string]any, len(source))
	for key, value := range source {
		if kept, ok := n.keyword(key, value, depth); ok {
			s[key] = kept
		} else if !silent(key, value) {
			n.note(leftOut)
		}
	}
	n.olderDrafts(s, source, depth)
	return s
}

// silent are keywords that mean nothing once they are gone, or that olderDrafts takes care of.
func silent(key string, value any) bool {
	_, isBool := value.(bool)
	switch key {
	case "$schema", "$id", "id", "$vocabulary", "nullable", "additionalItems", "items", "definitions":
		return true
	case "required", "exclusiveMinimum", "exclusiveMaximum":
		return isBool
	}
	return false
}

// keyword returns the value of one keyword put right, and whether it stays.
func (n *normalizer) keyword(key string, v any, depth int) (any, bool) {
	switch key {
	case "$schema", "$id", "id", "$vocabulary", "nullable", "additionalItems", "definitions":
		return nil, false
	case "type":
		return types(v)
	case "properties", "patternProperties", "$defs", "dependentSchemas":
		return n.schemas(v, depth)
	case "allOf", "anyOf", "oneOf", "prefixItems":
		list, ok := v.([]any)
		return n.list(list, depth), ok && len(list) > 0
	case "items", "contains", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "propertyNames", "not",
		"if", "then", "else", "contentSchema":
		switch v.(type) {
		case bool, map[string]any:
			return n.schema(v, depth+1), true
		}
		return nil, false
	case "required":
		return names(v)
	case "enum", "examples":
		list, ok := v.([]any)
		return list, ok && (len(list) > 0 || key == "examples")
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		_, ok := v.(float64)
		return v, ok
	case "multipleOf":
		f, ok := v.(float64)
		return v, ok && f > 0
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
		f, ok := v.(float64)
		return v, ok && f >= 0 && f == math.Trunc(f) && f <= math.MaxInt32
	case "uniqueItems", "deprecated", "readOnly", "writeOnly":
		_, ok := v.(bool)
		return v, ok
	case "pattern", "title", "description", "format", "$comment", "$anchor", "$dynamicAnchor", "$ref", "$dynamicRef",
		"$recursiveRef", "contentEncoding", "contentMediaType":
		_, ok := v.(string)
		return v, ok
	}
	return v, true // const, default, and words of others
}

// olderDrafts turns what drafts before 2020-12 and OpenAPI say into today's words.
func (n *normalizer) olderDrafts(s, source map[string]any, depth int) {
	if list, ok := source["items"].([]any); ok && s["prefixItems"] == nil {
		s["prefixItems"] = n.list(list, depth)
		if rest, ok := source["additionalItems"]; ok {
			s["items"] = n.schema(rest, depth+1)
		}
	}
	if older, ok := n.schemas(source["definitions"], depth); ok {
		defs, _ := s["$defs"].(map[string]any)
		if defs == nil {
			defs = map[string]any{}
		}
		for name, schema := range older.(map[string]any) {
			if defs[name] == nil {
				defs[name] = schema
			}
		}
		s["$defs"] = defs
	}
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if source[exclusive] == true && s[bound] != nil {
			s[exclusive] = s[bound]
			delete(s, bound)
		}
	}
	if kind, ok := s["type"].(string); ok && source["nullable"] == true && kind != "null" {
		s["type"] = []any{kind, "null"}
	}
	properties, _ := source["properties"].(map[string]any)
	for name, p := range properties { // "required": true stands in the property
		if p, ok := p.(map[string]any); ok && p["required"] == true {
			required, _ := s["required"].([]any)
			if !slices.Contains(required, any(name)) {
				s["required"] = append(required, name)
			}
		}
	}
	if required, ok := s["required"].([]any); ok {
		slices.SortFunc(required, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	}
}

func (n *normalizer) list(list []any, depth int) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = n.schema(v, depth+1)
	}
	return out
}

func (n *normalizer) schemas(v any, depth int) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	out := make(map[string]any, len(m))
	for name, s := range m {
		out[name] = n.schema(s, depth+1)
	}
	return out, true
}

// types takes type names in any case, alone or in a list; what is no type is left out.
func types(v any) (any, bool) {
	known := []string{"array", "boolean", "integer", "null", "number", "object", "string"}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []any
	for _, v := range list {
		name, _ := v.(string)
		if name = strings.ToLower(name); slices.Contains(known, name) && !slices.Contains(out, any(name)) {
			out = append(out, name)
		}
	}
	switch len(out) {
	case 0:
		return nil, false
	case 1:
		return out[0], true
	}
	return out, true
}

// names takes the strings of a list.
func names(v any) (any, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := []any{}
	for _, v := range list {
		if name, ok := v.(string); ok && !slices.Contains(out, any(name)) {
			out = append(out, name)
		}
	}
	return out, true
}
