package toolschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxAnswerWork bounds the checking of one answer like maxWork that of arguments; it may take longer, since nobody else
// checks it: about 2 s at worst.
const maxAnswerWork = 100_000_000

// Answer is the schema of an answer, an object. Unlike a tool's it is checked in full or refused. It is safe for
// concurrent use.
type Answer struct{ schema Schema }

// ParseAnswer reads a JSON Schema. Its errors are for whoever wrote it: they name what is wrong with it.
func ParseAnswer(raw []byte) (*Answer, error) {
	var source map[string]any
	if json.Unmarshal(raw, &source) != nil || !mayBeObject(source) {
		return nil, errors.New(`must be the schema of an object, such as {"type": "object", "properties": {…}}`)
	}
	if err := lostReference(source); err != nil {
		return nil, err
	}
	n := normalizer{}
	root, err := n.root(source)
	if err != nil {
		return nil, fmt.Errorf("cannot be used: %w", err)
	}
	a := &Answer{Schema{cost: (&graph{root: root}).cost(root)}}
	if takesArguments(root) { // the service wants properties in an object
		if a.schema.declared, err = json.Marshal(root); err != nil {
			return nil, errors.New("cannot be encoded")
		}
	}
	checkable, err := json.Marshal(n.checkable(root))
	if err != nil {
		return nil, errors.New("cannot be encoded")
	}
	a.schema.resolved = resolver(checkable)
	if slices.Contains(n.notes, otherPattern) {
		return nil, errors.New("has a pattern that is no RE2 expression")
	}
	if slices.Contains(n.notes, leftOut) {
		return nil, errors.New("has parts that are no schema, or are nested too deep")
	}
	if _, err := a.schema.resolved(); err != nil || a.schema.cost > maxCost {
		return nil, errors.New("is too complex to be checked, or no schema of draft 2020-12; make it simpler")
	}
	return a, nil
}

func mayBeObject(s map[string]any) bool {
	switch kind := s["type"].(type) {
	case string:
		return strings.EqualFold(kind, "object")
	case []any:
		return slices.Contains(kind, any("object"))
	}
	return s["type"] == nil && (s["properties"] != nil || s["$ref"] != nil)
}

// lostReference names the first reference that leads out of the schema, or nowhere in it.
func lostReference(root map[string]any) error {
	g := graph{root: root}
	seen := map[uintptr]bool{}
	var visit func(s map[string]any) error
	visit = func(s map[string]any) error {
		if seen[identity(s)] {
			return nil
		}
		seen[identity(s)] = true
		for _, key := range references {
			ref, is := s[key].(string)
			switch {
			case !is:
			case !strings.HasPrefix(ref, "#"):
				return fmt.Errorf("has the %s %.100q, which leads out of it; only those that begin with # are followed", key, ref)
			case g.target(ref) == nil:
				return fmt.Errorf("has the %s %.100q, which leads nowhere", key, ref)
			}
		}
		for _, next := range g.everything(s) {
			if err := visit(next); err != nil {
				return err
			}
		}
		return nil
	}
	return visit(root)
}

// Declared returns the schema for the model; nil when any object will do, as far as the model need know.
func (a *Answer) Declared() json.RawMessage { return a.schema.declared }

// Check says what is wrong with an answer, in words that hold no value of it; nil when it satisfies the schema.
func (a *Answer) Check(text string) error {
	var value map[string]any
	switch {
	case json.Unmarshal([]byte(text), &value) != nil || value == nil:
		return errors.New("it is not one JSON object")
	case len(text)*a.schema.cost > maxAnswerWork:
		return errors.New("it is too long to be checked")
	}
	resolved, err := a.schema.resolved()
	if err != nil {
		return err
	}
	if err := resolved.Validate(value); err != nil {
		return errors.New(withoutValues(err))
	}
	return nil
}
