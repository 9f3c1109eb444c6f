package systemtest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
)

func spends(input, output int) geminisim.Usage {
	return geminisim.Usage{Prompt: input, Candidates: output}
}

// A task that reaches its budget is answered, with 200, and its trace is kept.
func TestBudgetStops(t *testing.T) {
	t.Parallel()
	first := use("calculate", "expression", "1+1").WithText("Let me see.").WithUsage(spends(1000, 20))
	last := geminisim.Text("It is 2, as far as I got.").WithUsage(spends(1100, 20))
	for _, tt := range []struct {
		name, body string
		env        map[string]string
		script     []geminisim.Reply
		response   string
	}{
		{name: "last turn", body: `{"task":"Count","max_tokens":2500}`, script: []geminisim.Reply{first, last}, response: "as far as"},
		{name: "partial answer", body: `{"task":"Count","max_tokens":1500}`, script: []geminisim.Reply{first}, response: "Let me see."},
		{name: "money", body: `{"task":"Count","max_cost_usd":0.0025}`, script: []geminisim.Reply{first, last}, response: "as far as"},
		{
			name: "ceiling", body: `{"task":"Count"}`, script: []geminisim.Reply{first, last}, response: "as far as",
			env: map[string]string{"TASK_MAX_TOKENS": "2500"},
		},
		{
			name: "ceiling of money below the request's", body: `{"task":"Count","max_cost_usd":9}`, response: "Let me see.",
			env: map[string]string{"TASK_MAX_COST_USD": "0.0015"}, script: []geminisim.Reply{first},
		},
		{
			name: "ceiling above the request's", body: `{"task":"Count","max_tokens":1500}`, response: "Let me see.",
			env: map[string]string{"TASK_MAX_TOKENS": "2500"}, script: []geminisim.Reply{first},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{
				"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0", "GEMINI_PRICES_FILE": priceFile(t),
			}
			for k, v := range tt.env {
				env[k] = v
			}
			s := start(t, setup{script: tt.script, env: env})
			a := s.do(call{body: tt.body}).want(t, 200) // looks at the trace
			if m := a.fields(t); m["finish_reason"] != "budget" || !strings.Contains(m["response"].(string), tt.response) {
				t.Errorf("answered %v: %v", m["finish_reason"], m["response"])
			}
			if n := s.sim.Pending(); n > 0 {
				t.Errorf("%d replies were not asked for", n)
			}
			for _, r := range s.sim.Requests() {
				if r.Refused {
					t.Errorf("refused: %s", r.Raw)
				}
			}
			events := 0
			for _, e := range a.span(t, "agent.task").Events() {
				if e.Name == "agent.budget.exceeded" {
					events++
				}
			}
			if events != 1 {
				t.Errorf("%d events on the task", events)
			}
			goldenLine(t, strings.ReplaceAll("budget "+tt.name, " ", "_"), s.log)
		})
	}
}

// asked remembers the bodies that a service got.
type asked struct {
	mu     sync.Mutex
	bodies []map[string]any
}

func (a *asked) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body map[string]any
		if json.Unmarshal(raw, &body) == nil {
			a.mu.Lock()
			a.bodies = append(a.bodies, body)
			a.mu.Unlock()
		}
		r.Body = io.NopCloser(strings.NewReader(string(raw)))
		h.ServeHTTP(w, r)
	})
}

func (a *asked) sent() []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bodies
}

// A sub-agent gets what is left, its own sub-agent what is left of that, and together they stay within the budget.
func TestBudgetGoesToSubAgents(t *testing.T) {
	t.Parallel()
	delegate := use("delegate_to_subagent", "task", "Go on").WithUsage(spends(1000, 20))
	say := geminisim.Text("Done.").WithUsage(spends(1000, 20))
	for _, tt := range []struct {
		name, body string
		env        map[string]string
		path       string
		script     []geminisim.Reply
		want       []map[string]any // what the services got
		finish     string
	}{
		{
			name: "enough for all", body: `{"task":"Go","user_id":"ada","max_tokens":12000}`, path: executePath,
			script: []geminisim.Reply{delegate, delegate, say, say, say}, finish: "stop",
			want: []map[string]any{
				{"task": "Go", "user_id": "ada", "max_tokens": 12000.0},
				// 1020 are used, and what an answer costs (the calls before it, and as much of a reply) stays here
				{"task": "Go on", "user_id": "ada", "max_tokens": 12000.0 - 1020 - 1040},
				{"task": "Go on", "user_id": "ada", "max_tokens": 12000.0 - 2*(1020+1040)},
			},
		},
		{
			name: "the last one has too little", body: `{"task":"Go","max_tokens":5200}`, path: executePath,
			// The middle one has 3140: after 1020 there is room for an answer and another's call, but of the 2120 that are left
			// 1040 are for its own.
			script: []geminisim.Reply{delegate, delegate, say, say, say}, finish: "budget",
			want: []map[string]any{
				{"task": "Go", "max_tokens": 5200.0},
				{"task": "Go on", "user_id": "anonymous", "max_tokens": 3140.0},
				{"task": "Go on", "user_id": "anonymous", "max_tokens": 1080.0},
			},
		},
		{
			name: "nothing for a sub-agent", body: `{"task":"Go","max_tokens":2100}`, path: executePath,
			script: []geminisim.Reply{delegate, say}, finish: "budget",
			want: []map[string]any{{"task": "Go", "max_tokens": 2100.0}},
		},
		{
			name: "ceilings of the endpoint", body: `{"task":"Go","user_id":"ada","max_tokens":90000,"max_steps":7}`, path: delegatePath,
			env: map[string]string{"TASK_MAX_TOKENS": "50000", "TASK_MAX_COST_USD": "0.5"}, script: []geminisim.Reply{say}, finish: "stop",
			want: []map[string]any{
				{"task": "Go", "user_id": "ada", "max_tokens": 90000.0, "max_steps": 7.0},
				{"task": "Go", "user_id": "ada", "max_tokens": 50000.0, "max_steps": 7.0, "max_cost_usd": 0.5},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got asked
			c := startChain(t, meshConfig{front: got.before, env: tt.env})
			c.gemini.Script(tt.script...)
			res, err := http.Post(c.services[0].url+tt.path, "application/json", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var answer struct {
				FinishReason string `json:"finish_reason"`
			}
			if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != 200 {
				t.Fatalf("answer %d: %v", res.StatusCode, err)
			}
			if answer.FinishReason != tt.finish {
				t.Errorf("finish_reason is %s, want %s", answer.FinishReason, tt.finish)
			}
			if diff := cmp.Diff(tt.want, got.sent()); diff != "" {
				t.Errorf("the services got (-want +got):\n%s", diff)
			}
			limit, _ := tt.want[0]["max_tokens"].(float64)
			if used := float64(c.bill.input + c.bill.output); used > limit {
				t.Errorf("%v tokens are used of %v", used, limit)
			}
		})
	}
}
