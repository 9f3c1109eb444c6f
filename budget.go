package function

import (
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/env"
)

// The largest limits that can be set.
const (
	maxTokens  = 1_000_000_000
	maxCostUSD = 1_000_000
)

// budgetCeiling reads the deployment's own limits; 0 is none.
func budgetCeiling(settings *env.Reader) agent.Budget {
	return agent.Budget{
		Tokens:  settings.Int("TASK_MAX_TOKENS", 0, 0, maxTokens),
		CostUSD: settings.Float("TASK_MAX_COST_USD", 0, 0, maxCostUSD),
	}
}

// readBudget reads a request's limits. Every error is a *requestError that names the field and what it takes.
func readBudget(in request) (b agent.Budget, err error) {
	if b.Tokens, err = wholeNumber("max_tokens", in.MaxTokens, 1, maxTokens, 0); err != nil {
		return b, err
	}
	if raw := in.MaxCostUSD; len(raw) > 0 && string(raw) != "null" {
		if json.Unmarshal(raw, &b.CostUSD) != nil || b.CostUSD <= 0 || b.CostUSD > maxCostUSD {
			return b, badRequest(http.StatusBadRequest, "max_cost_usd",
				fmt.Sprintf("max_cost_usd must be a number of US dollars above 0, up to %d", maxCostUSD))
		}
	}
	return b, nil
}

// withBudget returns the body of a request with the limits of b in place of its own: the sub-agent it goes to may have
// higher ceilings than this service.
func withBudget(body []byte, b agent.Budget) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return body // readTask has seen an object
	}
	set := func(name string, limit any, given bool) {
		if text, err := json.Marshal(limit); given && err == nil {
			members[name] = text
		}
	}
	set("max_tokens", b.Tokens, b.Tokens > 0)
	set("max_cost_usd", b.CostUSD, b.CostUSD > 0)
	changed, err := json.Marshal(members)
	if err != nil {
		return body // what was read can be written
	}
	return changed
}
