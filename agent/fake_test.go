package agent

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// scripted is a model that gives its replies in order and remembers what it was asked.
type scripted struct {
	replies []func(ctx context.Context) (*Reply, error)

	mu       sync.Mutex
	requests []Request
}

func (m *scripted) Info() ModelInfo { return ModelInfo{Name: "scripted", Provider: "test"} }

func (m *scripted) Generate(ctx context.Context, req *Request) (*Reply, error) {
	m.mu.Lock()
	n := len(m.requests)
	kept := *req
	kept.Turns = append([]Turn(nil), req.Turns...)
	m.requests = append(m.requests, kept)
	m.mu.Unlock()
	if n >= len(m.replies) {
		return nil, fmt.Errorf("the script has %d replies", len(m.replies))
	}
	return m.replies[n](ctx)
}

// script makes a model of replies.
func script(replies ...*Reply) *scripted {
	m := &scripted{}
	for _, p := range replies {
		m.replies = append(m.replies, func(context.Context) (*Reply, error) { return p, nil })
	}
	return m
}

func says(text string) *Reply { return &Reply{Finish: FinishStop, Text: text} }

func asks(calls ...Call) *Reply {
	return &Reply{Finish: FinishStop, Calls: calls, Turn: Turn{Native: calls}}
}

// runCalls runs calls in one step of an agent with cfg and returns their results.
func runCalls(t *testing.T, ctx context.Context, cfg Config, calls ...Call) []ToolResult {
	t.Helper()
	m := script(asks(calls...), says("done"))
	if _, err := New(m, cfg).Run(ctx, Task{Text: "go"}); err != nil {
		t.Fatal(err)
	}
	turns := m.requests[1].Turns
	return turns[len(turns)-1].Results
}

// newObject is the schema of an object with properties of any type.
func newObject(names ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	for _, n := range names {
		s.Properties[n] = &jsonschema.Schema{}
	}
	return s
}
