package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Budget is what a task may use up, its sub-agents included. A field of 0 is no limit.
//
// It is looked at before each call of the model, with what is known then: what was used, and that a call costs about what
// the one before it did and what was said since. A call is made when it fits and leaves room for another one, should it ask
// for tools; the last one that fits is made without tools, for an answer; when none fits the run ends with what it has. So a
// run stops before its limit where calls are alike, and is never more than one reply above it. The first call is always
// made. What is not known cannot be held: tokens that a model does not count, money for a model without a price, and what a
// sub-agent used that did not answer.
type Budget struct {
	Tokens  int     // input and output of all calls, cached tokens and thoughts included
	CostUSD float64 // US dollars
}

// Within returns the stricter limits of both.
func (b Budget) Within(ceiling Budget) Budget {
	return Budget{stricter(b.Tokens, ceiling.Tokens), stricter(b.CostUSD, ceiling.CostUSD)}
}

func stricter[N int | float64](a, b N) N {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// BudgetUse says how much of the limit that was closest a task has used.
type BudgetUse struct {
	Unit        string // tokens, usd
	Limit, Used float64
	Exceeded    bool // the run ended because of it
}

// spending is what a run keeps for its budget.
type spending struct {
	delegated *Delegated // by its tools
	lastUsage agenttrace.Usage
	said      string // the latest text of a reply
	exhausted bool   // no more tools
	unpriced  *sync.Once
}

// spend notes a reply and its cost.
func (r *run) spend(ctx context.Context, p *Reply, cost *float64) {
	r.lastUsage = p.Usage
	if text := strings.TrimSpace(p.Text); text != "" && p.Finish != FinishBlocked {
		r.said = p.Text
	}
	if cost == nil && r.task.Budget.CostUSD > 0 {
		r.unpriced.Do(func() {
			r.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "the price of the model is not known: limits of cost are not held; "+
				"give it one with GEMINI_PRICES_FILE", slog.String("model", r.result.Model))
		})
	}
}

// expense is tokens and money; a price that is not known counts for nothing.
type expense struct {
	tokens int
	usd    float64
}

func (s Spent) expense() expense {
	return expense{s.Usage.InputTokens + s.Usage.OutputTokens, s.knownUSD}
}

// used is what the run has cost so far.
func (r *run) used() expense {
	own, others := r.result.Spent.expense(), r.delegated.Spent().expense()
	return expense{own.tokens + others.tokens, own.usd + others.usd}
}

// bytesPerToken is how long a token of a tool's result is at least, as a rule.
const bytesPerToken = 4

// nextCall is what the next call will cost about: what the last one read and said, what was said since, and as much of an
// answer as last time.
func (r *run) nextCall() expense {
	u := r.lastUsage
	u.InputTokens += u.OutputTokens - u.ReasoningTokens
	if last := len(r.turns) - 1; last >= 0 {
		for _, res := range r.turns[last].Results {
			u.InputTokens += (len(res.Output) + len(res.Error)) / bytesPerToken
		}
	}
	e := expense{tokens: u.InputTokens + u.OutputTokens}
	if cost := r.cfg.Prices.Cost(r.result.Model, r.cfg.Now(), u); cost != nil {
		e.usd = *cost
	}
	return e
}

// fits reports whether n more calls fit into the budget. Before anything is used every call does.
func (r *run) fits(n int) bool {
	if r.task.Budget == (Budget{}) {
		return true
	}
	left, next := r.left(), r.nextCall()
	return left.tokens > 0 && left.usd > 0 && n*next.tokens <= left.tokens && float64(n)*next.usd <= left.usd
}

// left is what is not used yet; a limit that is not there leaves more than anything costs.
func (r *run) left() expense {
	used, e := r.used(), expense{math.MaxInt, math.MaxFloat64}
	if limit := r.task.Budget.Tokens; limit > 0 {
		e.tokens = limit - used.tokens
	}
	if limit := r.task.Budget.CostUSD; limit > 0 {
		e.usd = limit - used.usd
	}
	return e
}

// atBudget is asked before each call of the model. It returns nil while calls fit, and otherwise the run's last reply:
// that of a turn without tools, or an empty one.
func (r *run) atBudget(ctx context.Context, step int) (*Reply, error) {
	if r.fits(2) {
		return nil, nil
	}
	r.exhausted = true
	if !r.fits(1) {
		return &Reply{}, nil
	}
	r.turns = append(r.turns, Turn{Text: nudgeBudget, nudge: true})
	return r.generate(ctx, step, nudgeBudget)
}

const nudgeBudget = "The budget of this task is nearly used up: no function can be called any more. Answer now in plain " +
	"text with what you have found, and say what is missing."

// stopAtBudget makes the result of a run that had to end before the model was done.
func (r *run) stopAtBudget() {
	use := r.budgetUse()
	use.Exceeded = true
	limit, field := fmt.Sprintf("%.0f tokens", use.Limit), "max_tokens"
	if use.Unit == unitUSD {
		limit, field = fmt.Sprintf("%g US dollars", use.Limit), "max_cost_usd"
	}
	sentence := fmt.Sprintf("The task was not finished within its budget of %s. Allow more with %s, as far as the deployment "+
		"allows it, or make the task smaller.", limit, field)
	r.conclude(ReasonBudget, cmp.Or(r.said, sentence), sentence)
	r.result.Budget = use
}

const (
	unitTokens = "tokens"
	unitUSD    = "usd"
)

// budgetUse tells of the limit of which the largest part is used, or would be with one more call; nil without any.
func (r *run) budgetUse() *BudgetUse {
	b := r.task.Budget
	if b == (Budget{}) {
		return nil
	}
	used, next := r.used(), r.nextCall()
	tokens := &BudgetUse{Unit: unitTokens, Limit: float64(b.Tokens), Used: float64(used.tokens)}
	money := &BudgetUse{Unit: unitUSD, Limit: b.CostUSD, Used: math.Round(used.usd*1e9) / 1e9}
	switch {
	case b.CostUSD == 0:
		return tokens
	case b.Tokens == 0:
		return money
	case float64(used.tokens+next.tokens)/tokens.Limit < (used.usd+next.usd)/money.Limit:
		return money
	}
	return tokens
}

// forSpan is u as the task's span has it.
func (u *BudgetUse) forSpan() *agenttrace.Budget {
	if u == nil {
		return nil
	}
	b := agenttrace.Budget(*u)
	return &b
}
