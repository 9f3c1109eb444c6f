package agent

import (
	"context"
	"encoding/json"
	"sync"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Spent is what something has used up.
type Spent struct {
	Usage   agenttrace.Usage
	CostUSD *float64 // nil: a price is not known

	knownUSD float64 // the part of the cost that is known
}

func (s *Spent) add(u agenttrace.Usage, cost *float64) {
	s.CostUSD = addCost(s.CostUSD, cost, *s == Spent{})
	if cost != nil {
		s.knownUSD += *cost
	}
	s.Usage.InputTokens += u.InputTokens
	s.Usage.OutputTokens += u.OutputTokens
	s.Usage.CachedInputTokens += u.CachedInputTokens
	s.Usage.ReasoningTokens += u.ReasoningTokens
	s.Usage.ToolUseTokens += u.ToolUseTokens
}

// Delegated sums what other agents say they have spent on the work of one request.
type Delegated struct {
	mu    sync.Mutex
	spent Spent
}

type delegatedContextKey struct{}

// ContextWithDelegated returns ctx in which the calls of sub-agents are summed, and the sum.
func ContextWithDelegated(ctx context.Context) (context.Context, *Delegated) {
	d := new(Delegated)
	return context.WithValue(ctx, delegatedContextKey{}, d), d
}

// Spent is the sum so far.
func (d *Delegated) Spent() Spent {
	if d == nil {
		return Spent{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spent
}

// noteDelegated adds what the answer of a sub-agent says, a problem too: its own use and that of those it delegated to.
// Numbers that cannot be true do not count.
func noteDelegated(ctx context.Context, answer []byte) {
	d, _ := ctx.Value(delegatedContextKey{}).(*Delegated)
	if d == nil {
		return
	}
	type tokens struct {
		Input     int      `json:"input_tokens"`
		Output    int      `json:"output_tokens"`
		Cached    int      `json:"cached_tokens"`
		Reasoning int      `json:"reasoning_tokens"`
		CostUSD   *float64 `json:"cost_usd"`
	}
	var said struct {
		Usage struct {
			tokens
			Delegated *tokens `json:"delegated"`
		} `json:"usage"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return
	}
	const most = 1e12
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range []*tokens{&said.Usage.tokens, said.Usage.Delegated} {
		if t != nil && *t != (tokens{}) && min(t.Input, t.Output, t.Cached, t.Reasoning) >= 0 &&
			max(t.Input, t.Output, t.Cached, t.Reasoning) <= most && (t.CostUSD == nil || *t.CostUSD >= 0 && *t.CostUSD <= most) {
			d.spent.add(agenttrace.Usage{
				InputTokens: t.Input, OutputTokens: t.Output, CachedInputTokens: t.Cached, ReasoningTokens: t.Reasoning,
			}, t.CostUSD)
		}
	}
}
