package agent

import (
	"context"
	"math"
)

// allowance is the part of a task's budget that one delegation may use up.
type allowance struct {
	Budget
	none bool // nothing is left
}

type allowanceKey struct{}

// allowanceOf is the allowance of a call of a tool; without one there is no limit.
func allowanceOf(ctx context.Context) allowance {
	a, _ := ctx.Value(allowanceKey{}).(allowance)
	return a
}

// allot divides what is left among the calls of one reply that delegate. They run at the same time, so each gets its part
// before any of them begins. An answer stays affordable, and nobody gets less than a call of the model costs about: those
// for whom nothing is left are told so.
func (r *run) allot(calls []Call) []allowance {
	shares := make([]allowance, len(calls))
	var delegating []int
	for i, c := range calls {
		if at, known := r.tools.index[c.Name]; known && r.tools.tools[at].Delegates {
			delegating = append(delegating, i)
		}
	}
	if r.task.Budget == (Budget{}) || len(delegating) == 0 {
		return shares
	}
	left, next := r.left(), r.nextCall()
	n := float64(len(delegating))
	if next.tokens > 0 {
		n = min(n, math.Floor(float64(left.tokens-next.tokens)/float64(next.tokens)))
	}
	if next.usd > 0 {
		n = min(n, math.Floor((left.usd-next.usd)/next.usd))
	}
	var share Budget
	if n >= 1 && r.task.Budget.Tokens > 0 {
		share.Tokens = (left.tokens - next.tokens) / int(n)
	}
	if n >= 1 && r.task.Budget.CostUSD > 0 {
		share.CostUSD = math.Floor((left.usd-next.usd)/n*1e9) / 1e9
	}
	enough := (r.task.Budget.Tokens == 0 || share.Tokens > 0) && (r.task.Budget.CostUSD == 0 || share.CostUSD > 0)
	for i, at := range delegating {
		shares[at] = allowance{Budget: share, none: !enough || i >= int(n)}
	}
	return shares
}
