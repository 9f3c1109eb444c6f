package mcptools

import (
	"context"
	"encoding/json"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/toolschema"
	"example.com/gemini-agent/tracing/redact"
)

// listedTool is a tool as a service lists it.
type listedTool struct {
	name        string
	description string
	schema      any  // of the arguments
	readOnly    bool // it changes nothing, says the service
	repeatable  bool // calling it twice is no worse than once, says the service
}

const maxDescription = 4096 // bytes of a tool's description

// toolsOf reads a list of tools. An entry without a name is none; of the others what cannot be read is left out.
func toolsOf(raw json.RawMessage) []listedTool {
	var entries []map[string]json.RawMessage
	var list []json.RawMessage
	_ = json.Unmarshal(raw, &list) // what is no list has no tools
	for _, one := range list {
		var entry map[string]json.RawMessage
		if json.Unmarshal(one, &entry) == nil {
			entries = append(entries, entry)
		}
	}
	tools := make([]listedTool, 0, len(entries))
	for _, entry := range entries {
		var hints struct {
			Title          any `json:"title"`
			ReadOnlyHint   any `json:"readOnlyHint"`
			IdempotentHint any `json:"idempotentHint"`
		}
		_ = json.Unmarshal(entry["annotations"], &hints)
		t := listedTool{name: text(entry["name"]), description: text(entry["description"])}
		if t.name == "" {
			continue
		}
		if t.description == "" {
			t.description = text(entry["title"])
		}
		t.description = redact.Bytes(t.description, maxDescription)
		t.readOnly = hints.ReadOnlyHint == true
		t.repeatable = t.readOnly || hints.IdempotentHint == true
		_ = json.Unmarshal(entry["inputSchema"], &t.schema) // nil: no arguments
		tools = append(tools, t)
	}
	return tools
}

// text is the JSON string in raw, "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// tool makes of what a service lists what the agent offers.
func (s *server) tool(t listedTool, schema *toolschema.Schema) agent.Tool {
	return agent.Tool{
		Name:        t.name,
		Description: t.description,
		Source:      s.url.Host,
		Type:        "extension",
		Schema:      schema,
		ReadOnly:    t.readOnly,
		Call: func(ctx context.Context, args map[string]any) (any, error) {
			return s.call(ctx, t, args)
		},
	}
}
