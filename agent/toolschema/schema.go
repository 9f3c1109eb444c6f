package toolschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the schema of a tool's arguments, an object. It is safe for concurrent use; nil is the schema of a tool that
// declares no arguments and takes what comes.
type Schema struct {
	declared json.RawMessage
	cost     int // of checking one value, in subschemas; more than maxCost: not checked

	// resolved is for checking, made when the tool is first called. An error means that it cannot be checked here.
	resolved func() (*jsonschema.Resolved, error)
}

// Limits of a schema and of the work that checking may be. The size and the depth are far beyond what a model can make
// use of.
const (
	maxBytes = 64 << 10
	maxDepth = 64
	maxCost  = 20_000    // of a schema with its references unrolled
	maxWork  = 5_000_000 // cost times the bytes of the arguments; about 0.1 s at worst
)

// Of returns the schema s, which is this program's own; nil for nil. It returns an error when s is none.
func Of(s *jsonschema.Schema) (*Schema, error) {
	if s == nil {
		return nil, nil
	}
	plain := *s
	plain.Schema = "" // "$schema" is not in the subset that Gemini documents
	declared, err := json.Marshal(&plain)
	if err != nil {
		return nil, errors.New("it cannot be encoded")
	}
	var tree any
	if err := json.Unmarshal(declared, &tree); err != nil {
		return nil, errors.New("it cannot be decoded")
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("it is no object")
	}
	g := graph{root: root}
	if g.endless(root) {
		return nil, errEndless
	}
	return &Schema{declared: declared, cost: g.cost(root), resolved: resolver(declared)}, nil
}

// Parse returns the schema that a tool service declares, as decoded JSON, and what it changed or cannot check, in words
// that hold nothing of the schema. It returns an error for a schema that cannot be offered. The Schema is nil when there
// are no arguments.
func Parse(input any) (*Schema, []string, error) {
	raw, err := json.Marshal(input)
	switch {
	case err != nil:
		return nil, nil, errors.New("it cannot be encoded")
	case len(raw) > maxBytes:
		return nil, nil, errors.New("it is larger than 64 KiB")
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, nil, errors.New("it cannot be decoded")
	}
	if tree == nil || tree == true {
		return nil, nil, nil
	}
	n := normalizer{}
	root, err := n.object(tree)
	if err != nil || root == nil {
		return nil, n.notes, err
	}
	declared, err := json.Marshal(root)
	if err != nil || len(declared) > 2*maxBytes {
		return nil, nil, errors.New("it is too large once its references are in place")
	}
	cost := (&graph{root: root}).cost(root)
	if cost > maxCost {
		n.note("its arguments are not checked here: that could take too long")
	}
	checkable, err := json.Marshal(n.checkable(root))
	if err != nil {
		return nil, nil, errors.New("it cannot be encoded")
	}
	s := &Schema{declared: declared, cost: cost, resolved: resolver(checkable)}
	if cost <= maxCost {
		if _, err := s.resolved(); err != nil {
			n.note("its arguments are not checked here: it is not a schema of the version known here")
		}
	}
	return s, n.notes, nil
}

func resolver(raw json.RawMessage) func() (*jsonschema.Resolved, error) {
	return sync.OnceValues(func() (*jsonschema.Resolved, error) {
		s := new(jsonschema.Schema)
		if err := json.Unmarshal(raw, s); err != nil {
			return nil, err
		}
		return s.Resolve(nil)
	})
}

// Declared returns the schema for the model, nil when there are no arguments.
func (s *Schema) Declared() json.RawMessage {
	if s == nil {
		return nil
	}
	return s.declared
}

// Equal reports whether both declare the same.
func (s *Schema) Equal(other *Schema) bool {
	if s == nil || other == nil {
		return s == other
	}
	return bytes.Equal(s.declared, other.declared)
}

// Check says what is wrong with args, in words that hold no value of theirs; nil when they fit. What cannot be checked in
// bounded time passes: such a schema comes from a tool service, which checks for itself.
func (s *Schema) Check(args map[string]any) error {
	if s == nil || s.cost > maxCost {
		return nil
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return errors.New("they are not valid JSON")
	}
	if len(raw)*s.cost > maxWork {
		return nil
	}
	resolved, err := s.resolved()
	if err != nil {
		return nil
	}
	if err := resolved.Validate(args); err != nil {
		return errors.New(withoutValues(err))
	}
	return nil
}
