package agenttest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"example.com/gemini-agent/agent"
)

// Say is a reply of the model that ends a run with text.
func Say(text string) *agent.Reply {
	return &agent.Reply{Finish: agent.FinishStop, FinishReasons: []string{"stop"}, Text: text}
}

// Call is a reply that calls one tool. Its arguments are as JSON decodes: a number is a float64.
func Call(tool string, args map[string]any) *agent.Reply {
	return Calls(agent.Call{Name: tool, Args: args})
}

// Calls is a reply that calls several tools at the same time. A call without an ID gets one.
func Calls(calls ...agent.Call) *agent.Reply {
	calls = slices.Clone(calls)
	for i := range calls {
		if calls[i].ID == "" {
			calls[i].ID = fmt.Sprintf("call-%d", i+1)
		}
	}
	return &agent.Reply{
		Finish: agent.FinishStop, FinishReasons: []string{"stop"}, Calls: calls, Turn: agent.Turn{Native: calls},
	}
}

// Model is a model that gives its replies in order, and an error when there are none left. It is safe for concurrent use.
type Model struct {
	mu      sync.Mutex
	replies []*agent.Reply
	sent    []agent.Request
}

// NewModel returns a model with this script.
func NewModel(replies ...*agent.Reply) *Model { return &Model{replies: replies} }

// Info names the model "scripted".
func (m *Model) Info() agent.ModelInfo {
	return agent.ModelInfo{Name: "scripted", Provider: "test", JSONBesideTools: true}
}

// Generate gives the next reply.
func (m *Model) Generate(_ context.Context, req *agent.Request) (*agent.Reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := *req
	kept.Turns = slices.Clone(req.Turns)
	m.sent = append(m.sent, kept)
	if len(m.replies) == 0 {
		return nil, &agent.Error{Kind: agent.KindModel, Reason: "script_over", Message: "The script has no more replies."}
	}
	reply := m.replies[0]
	m.replies = m.replies[1:]
	return reply, nil
}

// Sent returns what the model was asked, in order.
func (m *Model) Sent() []agent.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.sent)
}

// Pending is the number of replies that were not asked for.
func (m *Model) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.replies)
}
