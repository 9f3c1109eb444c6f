package systemtest

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// bill counts at the wire what the model's service says it has used, whoever asked.
type bill struct {
	mu              sync.Mutex
	calls           int
	input, output   int
	cached, thought int
}

// before counts the answers of h.
func (b *bill) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tee := &teeWriter{ResponseWriter: w}
		h.ServeHTTP(tee, r)
		var answer struct {
			UsageMetadata struct {
				PromptTokenCount, CandidatesTokenCount, ThoughtsTokenCount, CachedContentTokenCount int
			}
		}
		_ = json.Unmarshal(tee.body.Bytes(), &answer) // an error has none
		u := answer.UsageMetadata
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls++
		b.input += u.PromptTokenCount
		b.output += u.CandidatesTokenCount + u.ThoughtsTokenCount
		b.cached += u.CachedContentTokenCount
		b.thought += u.ThoughtsTokenCount
	})
}

type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *teeWriter) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// chain is three agents, each the sub-agent of the one before it, and what Gemini bills them.
type chain struct {
	bill     bill
	gemini   *geminisim.Server
	services []*meshService
}

// Prices of the chain, in US dollars per million tokens.
const chainPrices = `[{"model":"gemini-3.8-flash","valid_from":"2026-01-01","input":1,"output":10,"cached":0.1}]`

func priceFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(name, []byte(chainPrices), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func startChain(t *testing.T, cfg meshConfig) *chain {
	t.Helper()
	c := &chain{gemini: geminisim.New(geminisim.Config{Strict: true}), services: make([]*meshService, 3)}
	env := map[string]string{"GOOGLE_GEMINI_BASE_URL": meshServe(t, c.bill.before(c.gemini)), "GEMINI_PRICES_FILE": priceFile(t)}
	for i, name := range []string{"last", "middle", "first"} {
		service := startMeshAgent(t, name, cfg, env)
		c.services[2-i] = service
		env["SUB_AGENT_URL"] = service.url
	}
	return c
}

// cost is what the prices make of the bill.
func (b *bill) cost() float64 {
	return (float64(b.input-b.cached) + 0.1*float64(b.cached) + 10*float64(b.output)) / 1e6
}

// spentOf reads the tokens and the cost of a log line, or of its part "delegated".
func spentOf(line map[string]any) (s [5]float64) {
	for i, name := range []string{"input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd"} {
		s[i], _ = line[name].(float64)
	}
	return s
}

func sum(all ...[5]float64) (s [5]float64) {
	for _, one := range all {
		for i := range s {
			s[i] += one[i]
		}
	}
	s[4] = math.Round(s[4]*1e9) / 1e9
	return s
}

// What an agent and its sub-agents say they have used is what the model's service bills, whatever becomes of the task:
// summed over the lines of all services, and in the first one's alone.
func TestSumsOverServicesAreTheBill(t *testing.T) {
	usage := func(n int) geminisim.Usage {
		return geminisim.Usage{Prompt: 1000 * n, Candidates: 10 * n, Thoughts: n, Cached: 100 * n}
	}
	delegate := func(n int) geminisim.Reply { return use("delegate_to_subagent", "task", "Go on").WithUsage(usage(n)) }
	say := func(n int) geminisim.Reply { return geminisim.Text("Done.").WithUsage(usage(n)) }
	refuse := geminisim.Error(400, "", "no")
	for _, tt := range []struct {
		name, path string
		script     []geminisim.Reply
		status     int
		attempts   []float64 // of the services
	}{
		{"answered", executePath, []geminisim.Reply{delegate(1), delegate(2), say(3), say(4), say(5)}, 200, []float64{2, 2, 1}},
		{"by the endpoint", delegatePath, []geminisim.Reply{delegate(2), say(3), say(4)}, 200, []float64{0, 2, 1}},
		{"last fails", executePath, []geminisim.Reply{
			delegate(1), delegate(2), use("calculate", "expression", "1+1").WithUsage(usage(7)), refuse, say(4), say(5),
		}, 200, []float64{2, 2, 2}},
		{"first fails", executePath, []geminisim.Reply{delegate(1), delegate(2), say(3), say(4), refuse}, 502, []float64{2, 2, 1}},
		{"middle fails by the endpoint", delegatePath, []geminisim.Reply{delegate(2), say(3), refuse}, 502, []float64{0, 2, 1}},
		{"quota of the middle by the endpoint", delegatePath, []geminisim.Reply{
			delegate(2), say(3), geminisim.QuotaExceeded(2 * 60e9),
		}, 429, []float64{0, 2, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := startChain(t, meshConfig{})
			c.gemini.Script(tt.script...)
			res := c.services[0].post(t, tt.path, "Go", nil)
			if res.status != tt.status || c.gemini.Pending() > 0 {
				t.Fatalf("answer %d %s, %d replies left", res.status, res.body, c.gemini.Pending())
			}
			want := sum([5]float64{
				float64(c.bill.input), float64(c.bill.output), float64(c.bill.cached), float64(c.bill.thought), c.bill.cost(),
			})
			var over [5]float64
			for i, service := range c.services {
				line := taskLine(t, service.log)
				over = sum(over, spentOf(line))
				if got, _ := line["attempts"].(float64); got != tt.attempts[i] {
					t.Errorf("service %d made %v attempts, want %v", i, got, tt.attempts[i])
				}
			}
			first := taskLine(t, c.services[0].log)
			delegated, _ := first["delegated"].(map[string]any)
			if alone := sum(spentOf(first), spentOf(delegated)); over != want || alone != want {
				t.Errorf("the lines add up to %v, the first one's are %v, the bill is %v", over, alone, want)
			}
			goldenLine(t, strings.ReplaceAll("chain "+tt.name, " ", "_"), c.services[0].log)
			var body struct{ Usage map[string]any }
			if err := json.Unmarshal([]byte(res.body), &body); err != nil {
				t.Fatal(err)
			}
			delegated, _ = body.Usage["delegated"].(map[string]any)
			if said := sum(spentOf(body.Usage), spentOf(delegated)); tt.path == executePath && said != want {
				t.Errorf("the answer says %v, the bill is %v", said, want)
			}
		})
	}
}
