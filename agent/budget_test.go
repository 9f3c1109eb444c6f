package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"example.com/gemini-agent/tracing/agenttrace"
)

// spender is a model that says anything, at any price. It is asked by several agents at once.
type spender struct {
	mu      sync.Mutex
	random  *rand.Rand
	alike   bool // every call costs the same
	most    expense
	calls   int
	asked   []string // names of the tools it may call
	mayCall int      // in one reply
	noTools int      // calls without tools
}

// One token of the spender's costs as many dollars.
const spenderPrice = 0.001

func (m *spender) Info() ModelInfo { return ModelInfo{Name: "spender", Provider: "test"} }

func (m *spender) Generate(_ context.Context, req *Request) (*Reply, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if req.NoTools {
		m.noTools++
	}
	reply := says("said")
	reply.Usage = agenttrace.Usage{InputTokens: 50, OutputTokens: 50}
	if !m.alike {
		reply.Usage = agenttrace.Usage{InputTokens: m.random.IntN(300), OutputTokens: m.random.IntN(300)}
		reply.Usage.CachedInputTokens = m.random.IntN(reply.Usage.InputTokens + 1)
		reply.Usage.ReasoningTokens = m.random.IntN(reply.Usage.OutputTokens + 1)
	}
	tokens := reply.Usage.InputTokens + reply.Usage.OutputTokens
	m.most.tokens = max(m.most.tokens, tokens)
	switch m.random.IntN(8) {
	case 0:
		reply.Text = "" // a flaw
	case 1:
	default:
		for range 1 + m.random.IntN(m.mayCall) {
			reply.Calls = append(reply.Calls, Call{Name: m.asked[m.random.IntN(len(m.asked))], Args: map[string]any{}})
		}
		reply.Turn = Turn{Native: reply.Calls}
	}
	return reply, nil
}

func spenderPrices(t *testing.T) *Prices {
	t.Helper()
	p, err := ReadPrices(strings.NewReader(fmt.Sprintf(
		`[{"model":"spender","valid_from":"2020-01-01","input":%[1]g,"output":%[1]g}]`, spenderPrice*1e6)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// nested is an agent whose tool "other" is another one, and so on, as over HTTP: what the other may use is in its task,
// and what it has used in its answer.
func nested(m Model, prices *Prices, depth int) *Agent {
	tools := []Tool{{Name: "own", Call: func(context.Context, map[string]any) (any, error) { return "found", nil }}}
	if depth > 0 {
		other := nested(m, prices, depth-1)
		tools = append(tools, Tool{Name: "other", Delegates: true, Call: func(ctx context.Context, _ map[string]any) (any, error) {
			share := allowanceOf(ctx)
			if share.none {
				return nil, &ToolError{Reason: ReasonBudget, Text: "nothing left"}
			}
			res, err := other.Run(ctx, Task{Text: "go", MaxSteps: 50, Budget: share.Budget})
			answer, _ := json.Marshal(map[string]any{"usage": map[string]any{
				"input_tokens": res.Usage.InputTokens, "output_tokens": res.Usage.OutputTokens, "cost_usd": res.CostUSD,
				"delegated": map[string]any{"input_tokens": res.Delegated.Usage.InputTokens,
					"output_tokens": res.Delegated.Usage.OutputTokens, "cost_usd": res.Delegated.CostUSD},
			}})
			noteDelegated(ctx, answer)
			return "done", err
		}})
	}
	return New(m, Config{Tools: tools, Prices: prices})
}

// What was used is never more than one reply above the limit, whatever the model says and costs, alone and with agents
// below: with n that work at the same time, one reply of each.
func TestUsedExceedsTheLimitByOneReplyAtMost(t *testing.T) {
	prices := spenderPrices(t)
	stopped := 0
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 15))
		m := &spender{random: random, asked: []string{"own"}, mayCall: 1}
		depth, replies := int(seed%3), 1
		if depth > 0 {
			m.asked = []string{"own", "other"}
		}
		if parallel := 1 + int(seed/3%3); parallel > 1 {
			m.mayCall = parallel
			for range depth {
				replies *= parallel
			}
		}
		task := Task{Text: "go", MaxSteps: 50}
		if seed%2 == 0 {
			task.Budget.Tokens = 1 + random.IntN(6000)
		}
		if seed%2 == 1 || seed%5 == 0 {
			task.Budget.CostUSD = spenderPrice * float64(1+random.IntN(6000))
		}
		res, err := nested(m, prices, depth).Run(t.Context(), task)
		used := res.Spent.expense()
		used.tokens += res.Delegated.expense().tokens
		used.usd += res.Delegated.expense().usd
		over := replies * m.most.tokens
		if limit := task.Budget.Tokens; limit > 0 && used.tokens > limit+over {
			t.Errorf("seed %d: %d tokens of %d, the largest reply had %d", seed, used.tokens, limit, m.most.tokens)
		}
		if limit := task.Budget.CostUSD; limit > 0 && used.usd > limit+spenderPrice*float64(over)+1e-6 {
			t.Errorf("seed %d: %g USD of %g, the largest reply had %d tokens", seed, used.usd, limit, m.most.tokens)
		}
		if err == nil && res.FinishReason == ReasonBudget {
			stopped++
		}
	}
	if stopped < 500 {
		t.Errorf("only %d runs were stopped by their budget", stopped)
	}
}

// Where calls are alike a run ends before its limit, unless the first call alone is above it.
func TestRunsEndBeforeTheLimit(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 15))
		m := &spender{random: random, asked: []string{"own", "other"}, alike: true, mayCall: 3}
		task := Task{Text: "go", MaxSteps: 50, Budget: Budget{Tokens: 1 + random.IntN(3000)}}
		res, _ := nested(m, nil, int(seed%3)).Run(t.Context(), task)
		used := res.Spent.expense().tokens + res.Delegated.expense().tokens
		if used > max(task.Budget.Tokens, m.most.tokens) {
			t.Errorf("seed %d: %d tokens of %d in %d calls", seed, used, task.Budget.Tokens, m.calls)
		}
	}
}

// A model without a price has no limit of cost, and one warning in the log says so.
func TestNoStopByMoneyWithoutAPrice(t *testing.T) {
	var log bytes.Buffer
	a := New(script(asks(Call{Name: "nope"}), says("one"), says("two")), Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, want := range []string{"one", "two"} {
		res, err := a.Run(t.Context(), Task{Text: "go", Budget: Budget{CostUSD: 1e-9}})
		if err != nil || res.Response != want || res.FinishReason != ReasonStop {
			t.Errorf("got %+v, %v", res, err)
		}
	}
	if n := strings.Count(log.String(), "limits of cost are not held"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
}

// What is known of the cost is held against the limit even when a part is not known.
func TestTheKnownPartOfTheCostCounts(t *testing.T) {
	priced, other := asks(Call{Name: "nope"}), asks(Call{Name: "nope"})
	priced.Model, priced.Usage = "spender", agenttrace.Usage{InputTokens: 1000, OutputTokens: 10}
	other.Model, other.Usage = "another", priced.Usage
	m := script(other, priced, says("unreached"))
	res, err := New(m, Config{Prices: spenderPrices(t)}).Run(t.Context(), Task{Text: "go", Budget: Budget{CostUSD: 1.5}})
	if err != nil || res.FinishReason != ReasonBudget || res.CostUSD != nil || len(m.requests) != 2 {
		t.Errorf("%d calls, got %+v, %v", len(m.requests), res, err)
	}
}

func TestBudgetWithin(t *testing.T) {
	for _, tt := range []struct{ asked, ceiling, want Budget }{
		{Budget{}, Budget{}, Budget{}},
		{Budget{Tokens: 5}, Budget{}, Budget{Tokens: 5}},
		{Budget{}, Budget{Tokens: 5, CostUSD: 1}, Budget{Tokens: 5, CostUSD: 1}},
		{Budget{Tokens: 9, CostUSD: 0.5}, Budget{Tokens: 5, CostUSD: 1}, Budget{Tokens: 5, CostUSD: 0.5}},
	} {
		if got := tt.asked.Within(tt.ceiling); got != tt.want {
			t.Errorf("%+v within %+v is %+v, want %+v", tt.asked, tt.ceiling, got, tt.want)
		}
	}
}
