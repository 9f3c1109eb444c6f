package toolschema

import (
	"maps"
	"slices"
	"strings"
)

// settler makes the references of a schema such as Gemini takes them: to something within it, and alone where they stand.
type settler struct {
	graph graph
	n     *normalizer
	added int // values that were copied in the place of references
	seen  map[uintptr]bool
}

// Gemini refuses a reference with siblings other than those with a $; annotations are its most frequent ones.
var annotations = []string{"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}

// settle goes through s and everything in it.
func (r *settler) settle(s map[string]any) {
	if r.seen[identity(s)] {
		return
	}
	r.seen[identity(s)] = true
	for _, key := range references[1:] { // dynamic ones that lead here
		ref, ok := s[key].(string)
		if !ok {
			continue
		}
		delete(s, key)
		if s["$ref"] == nil {
			s["$ref"] = ref
		}
	}
	if ref, ok := s["$ref"].(string); ok {
		r.place(s, ref)
	}
	for _, next := range r.graph.everything(s) {
		r.settle(next)
	}
}

// place puts the reference of s into its final form.
func (r *settler) place(s map[string]any, ref string) {
	if at := strings.IndexByte(ref, '#'); at > 0 && r.graph.target(ref[at:]) != nil {
		ref = ref[at:] // to this schema by its own address
	}
	target := r.graph.target(ref)
	recursive := false
	if t, ok := target.(map[string]any); ok {
		recursive = r.graph.cost(t) > maxCost // before the reference is gone
	}
	delete(s, "$ref")
	switch t := target.(type) {
	case bool:
		if !t {
			s["not"] = map[string]any{}
		}
		return
	case map[string]any:
		if alone(s) && identity(s) != identity(r.graph.root) {
			s["$ref"] = r.pointer(ref)
			return
		}
		if r.inline(s, t, recursive) {
			return
		}
		if identity(s) == identity(r.graph.root) {
			s["allOf"] = append(listOf(s["allOf"]), map[string]any{"$ref": r.pointer(ref)})
			return
		}
		for key := range s {
			if !strings.HasPrefix(key, "$") {
				delete(s, key)
			}
		}
		s["$ref"] = r.pointer(ref)
		r.n.note("what stands beside a reference is left out")
	default:
		r.n.note("a reference that leads nowhere in it stands for anything")
	}
}

// pointer spells a reference by place, with today's names.
func (r *settler) pointer(ref string) string {
	if strings.HasPrefix(ref, "#/definitions/") {
		return "#/$defs/" + strings.TrimPrefix(ref, "#/definitions/")
	}
	return ref
}

// alone reports whether nothing but $ words stands beside a reference.
func alone(s map[string]any) bool {
	for key := range s {
		if !strings.HasPrefix(key, "$") {
			return false
		}
	}
	return true
}

// maxAdded bounds what copies may add to a schema.
const maxAdded = 1000

// inline puts a copy of the target in the place of the reference, unless both speak of the same, the target comes back to
// itself or the whole would grow large. What is said beside the reference is nearer, and wins.
func (r *settler) inline(s, target map[string]any, recursive bool) bool {
	for key, v := range target {
		own, both := s[key]
		if both && !slices.Contains(annotations, key) && !strings.HasPrefix(key, "$") &&
			!(key == "type" && own == v) {
			return false
		}
	}
	root := identity(s) == identity(r.graph.root)
	for _, key := range references {
		if target[key] != nil {
			return false
		}
	}
	if recursive && !root {
		return false
	}
	before := r.added
	for _, key := range slices.Sorted(maps.Keys(target)) {
		if _, own := s[key]; own || strings.HasPrefix(key, "$") {
			continue
		}
		copied, ok := r.copy(target[key])
		if !ok {
			r.added = before
			return false // what has come by then says nothing wrong
		}
		s[key] = copied
	}
	return true
}

func (r *settler) copy(v any) (any, bool) {
	if r.added++; r.added > maxAdded {
		return nil, false
	}
	var ok bool
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if out[key], ok = r.copy(v[key]); !ok {
				return nil, false
			}
		}
		return out, true
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			if out[i], ok = r.copy(e); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return v, true
}

func listOf(v any) []any { list, _ := v.([]any); return list }
