package systemtest

import (
	"context"
	"testing"

	"example.com/gemini-agent/agent"
)

// tool makes a tool without arguments.
func tool(tb testing.TB, name string, fn func(context.Context) (any, error)) agent.Tool {
	tb.Helper()
	t, err := agent.NewTool(name, "A tool of the test.", func(ctx context.Context, _ struct{}) (any, error) { return fn(ctx) })
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// explode is a tool with a defect. Its line is in a golden file.
func explode(context.Context) (any, error) { panic("boom") }
