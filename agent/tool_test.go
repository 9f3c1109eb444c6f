package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/gemini-agent/agent/toolschema"
)

type searchIn struct {
	Query string   `json:"query" jsonschema:"what to look for"`
	Limit int      `json:"limit,omitempty" jsonschema:"most results"`
	Tags  []string `json:"tags,omitempty"`
}

func search(_ context.Context, in searchIn) (searchIn, error) { return in, nil }

func TestNewToolDeclaresTheFieldsOfItsArgument(t *testing.T) {
	tool, err := NewTool("search", "Looks things up.", search)
	if err != nil {
		t.Fatal(err)
	}
	p := tool.Parameters
	if p.Type != "object" || p.Properties["query"].Type != "string" ||
		p.Properties["query"].Description != "what to look for" ||
		p.Properties["limit"].Type != "integer" || len(p.Required) != 1 || p.Required[0] != "query" {
		raw, _ := json.Marshal(p)
		t.Errorf("schema %s", raw)
	}
	got, err := tool.Call(t.Context(), map[string]any{"query": "go", "limit": 3.0, "tags": []any{"a"}})
	if in, ok := got.(searchIn); err != nil || !ok || in.Query != "go" || in.Limit != 3 || len(in.Tags) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestNewToolRefuses(t *testing.T) {
	nothing := func(context.Context, struct{}) (string, error) { return "", nil }
	for _, name := range []string{"", "1st", "two words", "ñ", "-x", strings.Repeat("x", 129)} {
		if _, err := NewTool(name, "", nothing); err == nil {
			t.Errorf("name %q taken", name)
		}
	}
	if _, err := NewTool("f", "", func(context.Context, string) (string, error) { return "", nil }); err == nil {
		t.Error("an argument that is no struct taken")
	}
	if _, err := NewTool("f", "", func(context.Context, struct{ F func() }) (string, error) {
		return "",
			nil
	}); err == nil {
		t.Error("an argument without a schema taken")
	}
	tool, err := NewTool("f", "", nothing)
	if err != nil || tool.Parameters != nil {
		t.Errorf("an empty struct has parameters %v, %v", tool.Parameters, err)
	}
}

func TestDecodeArgumentsIsStrict(t *testing.T) {
	var in searchIn
	for _, args := range []map[string]any{
		{"query": "x", "nope": 1.0},
		{"query": 1.0},
		{"limit": 1.5},
		{"limit": 1e300},
		{"limit": math.Inf(1)},
	} {
		err := decodeArguments(args, &in)
		if f, ok := errors.AsType[*ToolError](err); !ok || f.Reason != "invalid_arguments" {
			t.Errorf("%v: got %v", args, err)
		}
	}
}

// FuzzArguments: arguments from the model never panic, and an error never quotes a value.
func FuzzArguments(f *testing.F) {
	f.Add([]byte(`{"query":"go","limit":3}`))
	f.Add([]byte(`{"query":["a long secret value"],"tags":{"a":null}}`))
	f.Add([]byte(`{"limit":1e999,"Query":"another long secret"}`))
	tool, err := NewTool("search", "", search)
	if err != nil {
		f.Fatal(err)
	}
	schema, err := toolschema.Of(tool.Parameters)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var args map[string]any
		if json.Unmarshal(raw, &args) != nil || args == nil {
			return
		}
		err := schema.Check(args)
		if err == nil {
			_, err = tool.Call(t.Context(), args)
		}
		if err == nil {
			return
		}
		for k, v := range args {
			// A value that is also the name of an argument stands in the text as a name.
			if s, ok := v.(string); ok && len(s) > 8 && strings.Contains(err.Error(), s) && !strings.Contains(k, s) {
				names, _ := json.Marshal(args)
				t.Fatalf("%v quotes a value of %s", err, names)
			}
		}
	})
}

func TestToolsetLeavesOutBadAndTakenNames(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	ts := newToolset(t.Context(), []Tool{{Name: "a", Description: "first"}, {Name: "a b"}, {Name: "a", Description: "second"},
		{Name: "b"}},
		nil, logger)
	if len(ts.tools) != 2 || ts.names() != "a, b" || ts.tools[ts.index["a"]].Description != "first" {
		t.Errorf("tools %+v", ts.tools)
	}
	if n := strings.Count(log.String(), "tool left out"); n != 2 {
		t.Errorf("%d warnings, want 2:\n%s", n, log.String())
	}
}

func TestToolsetKeepsCompiledSchemas(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	schema := &jsonschema.Schema{Schema: "https://json-schema.org/draft/2020-12/schema", Type: "object",
		Properties: map[string]*jsonschema.Schema{"x": {Type: "string"}}}
	before := newToolset(t.Context(), []Tool{{Name: "a", Parameters: schema}}, nil, logger)
	if got := string(before.declarations[0].Parameters); strings.Contains(got, "$schema") ||
		!strings.Contains(got, `"x"`) {
		t.Errorf("declared %s", got)
	}
	if schema.Schema == "" {
		t.Error("the tool's own schema was changed")
	}
	other := *schema
	after := newToolset(t.Context(), []Tool{{Name: "b", Parameters: &other}, {Name: "a", Parameters: schema}}, before, logger)
	if after.schemas[1] != before.schemas[0] {
		t.Error("the schema of an unchanged tool was compiled again")
	}
	if after.schemas[0] == before.schemas[0] {
		t.Error("another tool got the schema")
	}
}
