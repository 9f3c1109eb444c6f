package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

// toolset is the tools of a run. It does not change once made; runs share it.
type toolset struct {
	tools        []Tool
	declarations []Declaration
	index        map[string]int // by name, into tools and schemas
	schemas      []*toolSchema
}

// newToolset checks and compiles tools. Schemas that before holds already are taken from there: sources usually offer
// the same tools run after run. Warnings belong to the span of ctx.
func newToolset(ctx context.Context, tools []Tool, before *toolset, logger *slog.Logger) *toolset {
	ts := &toolset{index: make(map[string]int, len(tools))}
	for _, t := range tools {
		if !validToolName(t.Name) {
			logger.WarnContext(ctx, "tool left out: the model's service would refuse its name", "tool", t.Name)
			continue
		}
		if _, taken := ts.index[t.Name]; taken {
			logger.WarnContext(ctx, "tool left out: its name is taken", "tool", t.Name)
			continue
		}
		schema := before.schemaOf(t)
		if schema == nil {
			schema = newToolSchema(t.Parameters)
		}
		ts.index[t.Name] = len(ts.tools)
		ts.tools = append(ts.tools, t)
		ts.schemas = append(ts.schemas, schema)
		ts.declarations = append(ts.declarations,
			Declaration{Name: t.Name, Description: t.Description, Parameters: schema.declared})
	}
	return ts
}

// schemaOf returns the compiled schema of t when the toolset has it. A nil toolset has none.
func (ts *toolset) schemaOf(t Tool) *toolSchema {
	if ts == nil {
		return nil
	}
	if i, ok := ts.index[t.Name]; ok && ts.schemas[i].source == t.Parameters {
		return ts.schemas[i]
	}
	return nil
}

// names lists the tools for the model that called one that is not there.
func (ts *toolset) names() string {
	if len(ts.tools) == 0 {
		return "none"
	}
	names := make([]string, len(ts.tools))
	for i, t := range ts.tools {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// toolSchema is the schema of a tool's arguments in the two forms a run needs.
type toolSchema struct {
	source   *jsonschema.Schema
	declared json.RawMessage // for the model; nil: no arguments

	// resolved is for checking arguments, made when the tool is first called. An error means that they cannot be checked
	// here.
	resolved func() (*jsonschema.Resolved, error)
}

func newToolSchema(s *jsonschema.Schema) *toolSchema {
	ts := &toolSchema{source: s}
	ts.resolved = sync.OnceValues(func() (*jsonschema.Resolved, error) { return s.Resolve(nil) })
	if s == nil {
		return ts
	}
	declared := *s
	declared.Schema = "" // "$schema" is not in the subset that Gemini documents
	raw, err := json.Marshal(&declared)
	if err == nil {
		ts.declared = raw
	}
	return ts
}

// check reports what is wrong with args, in words that hold no value of theirs; nil when they fit. A schema that
// cannot be resolved lets everything pass: it comes from a tool service, which checks for itself.
func (ts *toolSchema) check(args map[string]any) error {
	if ts.source == nil {
		return nil
	}
	resolved, err := ts.resolved()
	if err != nil {
		return nil
	}
	if err := resolved.Validate(args); err != nil {
		return &ToolError{Reason: "invalid_arguments", Text: "invalid arguments: " + withoutValues(err)}
	}
	return nil
}

// withoutValues says which rule of the schema was broken, and where, without the value that broke it: the error text
// of the schema library quotes values, and this text goes to a span. Only words of the schema and names of arguments
// are kept.
func withoutValues(err error) string {
	where, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "validating "), ": ")
	// The path of the innermost rule is in the innermost wrapping.
	inner := err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
		if s, ok := strings.CutPrefix(inner.Error(), "validating "); ok {
			where, _, _ = strings.Cut(s, ": ")
		}
		inner = next
	}
	rule, detail, _ := strings.Cut(inner.Error(), ": ")
	place := argumentName(where)
	switch rule {
	case "required":
		return place + detail // names of the schema only
	case "type":
		return place + "must be " + after(detail, ", want ")
	case "enum":
		return place + "must be one of " + after(detail, " does not equal any of: ")
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return place + "out of range: " + after(detail, " is ")
	}
	if names, ok := strings.CutPrefix(inner.Error(), "unexpected additional properties "); ok {
		return place + "unknown arguments " + names
	}
	if !validToolName(rule) { // not the name of a rule
		return place + "does not fit the schema"
	}
	return place + "breaks the rule " + rule
}

// argumentName makes "items[0]: "-like words of a schema path such as /properties/zone; empty for the whole object.
func argumentName(path string) string {
	path = strings.TrimPrefix(path, "/")
	var names []string
	parts := strings.Split(path, "/")
	for i := 0; i < len(parts); i++ {
		switch {
		case parts[i] == "properties" && i+1 < len(parts):
			i++
			names = append(names, parts[i])
		case parts[i] == "items":
			names = append(names, "items")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ".") + ": "
}

// after returns what follows the last marker in s; nothing of s when there is none.
func after(s, marker string) string {
	i := strings.LastIndex(s, marker)
	if i < 0 {
		return "as the schema says"
	}
	return s[i+len(marker):]
}
