package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/gemini-agent/agent/toolschema"
)

// Tool is one function the model may call.
type Tool struct {
	Name        string
	Description string
	Source      string             // who offers it, for messages, e.g. the name of a tool service; "": this program
	Type        string             // gen_ai.tool.type: function (default), extension
	Parameters  *jsonschema.Schema // schema of the arguments object; nil: none are declared
	Schema      *toolschema.Schema // in place of Parameters, when the tool's source has prepared it
	Timeout     time.Duration      // of one call, for a slow tool; 0: the agent's tool timeout
	ReadOnly    bool               // it changes nothing: its span says so, and hooks can tell
	Delegates   bool               // it has another agent work, which gets a part of what is left of the task's budget

	// Call runs the tool. args are not nil, and satisfy Parameters. Without Parameters they are what the model sent. The
	// result is marshalled to JSON for the model; an error goes back to the model as an error result and marks the span.
	// ctx ends with the tool's time; [Caller] and [Progress] take it.
	Call func(ctx context.Context, args map[string]any) (any, error)
}

// origin is who offers the tool, for messages.
func (t *Tool) origin() string { return cmp.Or(t.Source, "this program") }

// ToolSource offers tools that are known only at run time, such as those of an MCP server.
type ToolSource interface {
	// Tools returns the tools on offer now. It returns what it has when a part of the source is unreachable.
	Tools(ctx context.Context) []Tool
}

// NewTool makes a tool of fn. In must be a struct; its fields become the parameters: the json tag names a parameter
// (omitempty or omitzero makes it optional), the jsonschema tag describes it to the model. Arguments that In does not
// have are refused. It returns an error when there is no JSON Schema for In, or when the name is not one Gemini
// takes.
func NewTool[In, Out any](
	name, description string, fn func(context.Context, In) (Out, error),
) (Tool, error) {
	if !validToolName(name) {
		return Tool{}, fmt.Errorf("making tool %q: the name must be 1 to 128 letters, digits or any of _ . : -", name)
	}
	schema, err := jsonschema.For[In](nil)
	if err != nil {
		return Tool{}, fmt.Errorf("making tool %s: %w", name, err)
	}
	if schema.Type != "object" {
		return Tool{}, fmt.Errorf("making tool %s: the argument type must be a struct", name)
	}
	if len(schema.Properties) == 0 {
		schema = nil // Gemini refuses an object without properties
	}
	return Tool{
		Name:        name,
		Description: description,
		Parameters:  schema,
		Call: func(ctx context.Context, args map[string]any) (any, error) {
			var in In
			if err := decodeArguments(args, &in); err != nil {
				return nil, err
			}
			return fn(ctx, in)
		},
	}, nil
}

// decodeArguments puts args into the struct that in points to. Its errors name the argument, not its value.
func decodeArguments(args map[string]any, in any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return &ToolError{Reason: "invalid_arguments", Text: "the arguments are not valid JSON"}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(in); err != nil {
		text := "the arguments do not fit the tool"
		if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && te.Field != "" {
			text = fmt.Sprintf("argument %q must be of type %s", te.Field, te.Type)
		}
		return &ToolError{Reason: "invalid_arguments", Text: text}
	}
	return nil
}

// MustTool returns t, and panics with err when it is one: for tools whose name and types are written down in the code, as
// in MustTool(NewTool(…)).
func MustTool(t Tool, err error) Tool {
	if err != nil {
		panic(err)
	}
	return t
}
