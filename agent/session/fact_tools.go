package session

import (
	"context"
	"errors"
	"time"

	"example.com/gemini-agent/agent"
)

// recalled is how many facts a search returns at most.
const recalled = 10

// factTools offers remember and recall over the facts of the user whom a task is for.
type factTools struct {
	c         *Conversations
	anonymous string
	tools     []agent.Tool
}

// FactTools are the tools remember and recall, over the facts of the user whom a task is for. Users who do not say who they
// are, which is the user of the name anonymous, are offered none: what one of them said would be told to all.
func FactTools(c *Conversations, anonymous string) agent.ToolSource {
	s := &factTools{c: c, anonymous: anonymous}
	s.tools = []agent.Tool{
		agent.MustTool(agent.NewTool("remember", "Keeps a fact about the user for later conversations, such as a preference, a name or a plan. "+
			"Call it when the user tells something worth knowing next time, or asks for it. Never keep passwords or keys.", s.remember)),
		agent.MustTool(agent.NewTool("recall", "Finds facts about the user that were kept in earlier conversations, best first. "+
			"Call it before you say that you do not know something about the user.", s.recall)),
	}
	return s
}

// Tools are those of the user whom the run of ctx is for.
func (s *factTools) Tools(ctx context.Context) []agent.Tool {
	if user, _ := agent.Caller(ctx); user == "" || user == s.anonymous {
		return nil
	}
	return s.tools
}

type fact struct {
	Text string `json:"text" jsonschema:"the fact in one sentence that says whom or what it is about, at most 500 characters"`
}

type kept struct {
	Remembered bool `json:"remembered"`
}

func (s *factTools) remember(ctx context.Context, in fact) (kept, error) {
	switch err := s.c.Remember(ctx, idOf(ctx), in.Text); {
	case errors.Is(err, ErrNoFact), errors.Is(err, ErrFactTooLong):
		return kept{}, &agent.ToolError{Reason: "invalid_arguments", Text: err.Error()}
	case err != nil:
		return kept{}, unreachable(err)
	}
	return kept{Remembered: true}, nil
}

type search struct {
	Query string `json:"query,omitempty" jsonschema:"words that stand in the fact; none: the newest facts"`
}

type found struct {
	Facts []foundFact `json:"facts"`
}

type foundFact struct {
	Text   string `json:"text"`
	Learnt string `json:"learnt"` // the day
}

func (s *factTools) recall(ctx context.Context, in search) (found, error) {
	facts, err := s.c.Recall(ctx, idOf(ctx), in.Query, recalled)
	if err != nil {
		return found{}, unreachable(err)
	}
	out := found{Facts: make([]foundFact, len(facts))}
	for i, f := range facts {
		out.Facts[i] = foundFact{f.Text, f.Time.UTC().Format(time.DateOnly)}
	}
	return out, nil
}

func idOf(ctx context.Context) ID {
	user, session := agent.Caller(ctx)
	return ID{UserID: user, SessionID: session}
}

func unreachable(err error) error {
	return &agent.ToolError{Reason: "store", Text: "what is remembered cannot be reached now", Err: err}
}
