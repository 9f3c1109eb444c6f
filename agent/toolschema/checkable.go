package toolschema

import (
	"maps"
	"regexp"
	"slices"
)

const otherPattern = "patterns that are not RE2 are not checked here"

// known are the keywords that are checked. All others stay out of the checking, also because Go's decoder takes a
// keyword in other letters for it: a "$REF" would be a reference that was never looked at.
var known = slices.Concat(inPlace, inPlaceLists, inPlaceMaps, parts, partLists, partMaps, []string{
	"$ref", "$defs", "$anchor", "$dynamicAnchor", "type", "enum", "const", "multipleOf", "minimum", "maximum",
	"exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems",
	"minContains", "maxContains", "minProperties", "maxProperties", "required", "dependentRequired",
})

// checkable returns a copy of the schema v without what this program cannot check: regular expressions of another kind.
func (n *normalizer) checkable(v any) any {
	s, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := maps.Clone(s)
	maps.DeleteFunc(out, func(key string, _ any) bool { return !slices.Contains(known, key) })
	if pattern, ok := s["pattern"].(string); ok && !compiles(pattern) {
		n.note(otherPattern)
		delete(out, "pattern")
	}
	if patterns, ok := s["patternProperties"].(map[string]any); ok {
		kept := maps.Clone(patterns)
		maps.DeleteFunc(kept, func(pattern string, _ any) bool { return !compiles(pattern) })
		if out["patternProperties"] = kept; len(kept) < len(patterns) {
			n.note(otherPattern)
			delete(out, "additionalProperties") // would refuse what the missing patterns allow
			delete(out, "unevaluatedProperties")
		}
	}
	for _, key := range slices.Concat(inPlace, parts) {
		if sub, ok := out[key]; ok {
			out[key] = n.checkable(sub)
		}
	}
	for _, key := range slices.Concat(inPlaceLists, partLists) {
		if list, ok := out[key].([]any); ok {
			copied := make([]any, len(list))
			for i, sub := range list {
				copied[i] = n.checkable(sub)
			}
			out[key] = copied
		}
	}
	for _, key := range slices.Concat(inPlaceMaps, partMaps, definitions) {
		if m, ok := out[key].(map[string]any); ok {
			copied := make(map[string]any, len(m))
			for name, sub := range m {
				copied[name] = n.checkable(sub)
			}
			out[key] = copied
		}
	}
	return out
}

func compiles(pattern string) bool {
	_, err := regexp.Compile(pattern)
	return err == nil
}
