package agent

import (
	"context"
	"log/slog"
	"strings"

	"example.com/gemini-agent/agent/toolschema"
)

// toolset is the tools of a run. It does not change once made; runs share it.
type toolset struct {
	tools        []Tool
	declarations []Declaration
	index        map[string]int // by name, into tools and schemas
	schemas      []*toolschema.Schema

	promptVersion string // with the agent's instructions
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
		if i, taken := ts.index[t.Name]; taken {
			logger.WarnContext(ctx, "tool left out: its name is taken", "tool", t.Name,
				"kept", ts.tools[i].origin(), "left_out", t.origin())
			continue
		}
		schema, err := before.schemaOf(t)
		if err != nil {
			logger.WarnContext(ctx, "tool left out: its schema is unusable", "tool", t.Name, "cause", err.Error())
			continue
		}
		ts.index[t.Name] = len(ts.tools)
		ts.tools = append(ts.tools, t)
		ts.schemas = append(ts.schemas, schema)
		ts.declarations = append(ts.declarations,
			Declaration{Name: t.Name, Description: t.Description, Parameters: schema.Declared(), Source: t.Source})
	}
	return ts
}

// schemaOf returns the schema of t, prepared by its source, taken from the toolset or made. A nil toolset has none.
func (ts *toolset) schemaOf(t Tool) (*toolschema.Schema, error) {
	if t.Schema != nil {
		return t.Schema, nil
	}
	if ts != nil {
		if i, ok := ts.index[t.Name]; ok && ts.tools[i].Parameters == t.Parameters && ts.tools[i].Schema == nil {
			return ts.schemas[i], nil
		}
	}
	return toolschema.Of(t.Parameters)
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
