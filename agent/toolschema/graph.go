package toolschema

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

var errEndless = errors.New("it refers to itself without end")

// graph is a schema as decoded JSON, whose references make a graph of the tree.
type graph struct {
	root    map[string]any
	costs   map[uintptr]int
	anchors map[string]any // by name; nil: not looked for yet
}

// The keywords that hold schemas. Those in place judge the same value as the schema they stand in; the others judge a part
// of it, so that they end with the value.
var (
	inPlace      = []string{"not", "if", "then", "else"}
	inPlaceLists = []string{"allOf", "anyOf", "oneOf"}
	inPlaceMaps  = []string{"dependentSchemas"}
	parts        = []string{
		"items", "additionalItems", "contains", "unevaluatedItems", "additionalProperties", "propertyNames",
		"unevaluatedProperties", "contentSchema",
	}
	partLists   = []string{"prefixItems"}
	partMaps    = []string{"properties", "patternProperties"}
	definitions = []string{"$defs", "definitions"}
	references  = []string{"$ref", "$dynamicRef", "$recursiveRef"}
)

// endless reports whether judging a value could come back to the same schema with the same value.
func (g *graph) endless(root map[string]any) bool {
	const open, done = 1, 2
	state := map[uintptr]int{}
	var visit func(s map[string]any) bool
	visit = func(s map[string]any) bool {
		switch id := identity(s); state[id] {
		case open:
			return true
		case done:
			return false
		default:
			state[id] = open
			defer func() { state[id] = done }()
		}
		for _, next := range g.next(s, inPlace, inPlaceLists, inPlaceMaps) {
			if visit(next) {
				return true
			}
		}
		return false
	}
	all := map[uintptr]bool{}
	var walk func(s map[string]any) bool
	walk = func(s map[string]any) bool {
		if all[identity(s)] {
			return false
		}
		all[identity(s)] = true
		if visit(s) {
			return true
		}
		for _, next := range g.everything(s) {
			if walk(next) {
				return true
			}
		}
		return false
	}
	return walk(root)
}

// cost is how many schemas judging one value may take, with all references unrolled; one that comes back to itself in
// the parts of a value, and anything beyond maxCost, costs maxCost+1.
func (g *graph) cost(s map[string]any) int {
	const tooMuch = maxCost + 1
	id := identity(s)
	if known, ok := g.costs[id]; ok {
		return known
	}
	if g.costs == nil {
		g.costs = map[uintptr]int{}
	}
	g.costs[id] = tooMuch // what it is when it comes back to itself
	sum := 1
	if enum, ok := s["enum"].([]any); ok {
		sum += len(enum)
	}
	if pattern, ok := s["pattern"].(string); ok {
		sum += len(pattern)
	}
	if patterns, ok := s["patternProperties"].(map[string]any); ok {
		for pattern := range patterns {
			sum += len(pattern)
		}
	}
	for _, next := range g.next(s, slices.Concat(inPlace, parts), slices.Concat(inPlaceLists, partLists),
		slices.Concat(inPlaceMaps, partMaps)) {
		if sum = min(sum+g.cost(next), tooMuch); sum == tooMuch {
			break
		}
	}
	g.costs[id] = sum
	return sum
}

// everything returns all schemas in s, definitions too.
func (g *graph) everything(s map[string]any) []map[string]any {
	return g.next(s, slices.Concat(inPlace, parts), slices.Concat(inPlaceLists, partLists),
		slices.Concat(inPlaceMaps, partMaps, definitions))
}

// next returns the schemas under the keywords of s, and what it refers to.
func (g *graph) next(s map[string]any, single, lists, named []string) []map[string]any {
	var found []map[string]any
	add := func(v any) {
		if m, ok := v.(map[string]any); ok {
			found = append(found, m)
		}
	}
	for _, key := range references {
		if ref, ok := s[key].(string); ok {
			add(g.target(ref))
		}
	}
	for _, key := range single {
		add(s[key])
		if list, ok := s[key].([]any); ok { // items of older drafts
			for _, v := range list {
				add(v)
			}
		}
	}
	for _, key := range lists {
		list, _ := s[key].([]any)
		for _, v := range list {
			add(v)
		}
	}
	for _, key := range named {
		m, _ := s[key].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			add(m[name])
		}
	}
	return found
}

// target returns what a reference within the schema leads to, nil when that is nothing here.
func (g *graph) target(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	if pointer != "" && pointer[0] != '/' {
		if g.anchors == nil {
			g.anchors = map[string]any{}
			g.findAnchors(g.root, 0)
		}
		return g.anchors[pointer]
	}
	var at any = g.root
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.ReplaceAll(strings.ReplaceAll(unescaped(token), "~1", "/"), "~0", "~")
		switch v := at.(type) {
		case map[string]any:
			next, ok := v[token]
			if !ok && token == "definitions" { // renamed, see normalizer
				next, ok = v["$defs"]
			}
			if !ok {
				return nil
			}
			at = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			at = v[i]
		default:
			return nil
		}
	}
	return at
}

func (g *graph) findAnchors(v any, depth int) {
	if depth > 2*maxDepth {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"$anchor", "$dynamicAnchor"} {
			if name, ok := v[key].(string); ok {
				g.anchors[name] = v
			}
		}
		for _, e := range v {
			g.findAnchors(e, depth+1)
		}
	case []any:
		for _, e := range v {
			g.findAnchors(e, depth+1)
		}
	}
}

func identity(s map[string]any) uintptr { return reflect.ValueOf(s).Pointer() }

// unescaped undoes the percent escapes of a URI fragment.
func unescaped(token string) string {
	if plain, err := url.PathUnescape(token); err == nil {
		return plain
	}
	return token
}
