package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
)

func TestExecuteAnswersInTheDocumentedShape(t *testing.T) {
	t.Parallel()
	prices := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(prices, []byte(`[{"model":"gemini-3.8-flash","valid_from":"2026-01-01","input":1,"output":2}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, setup{env: map[string]string{"GEMINI_PRICES_FILE": prices}, script: []geminisim.Reply{
		geminisim.Calls(useCall("calculate", "expression", "6*7"), useCall("current_time", "timezone", "UTC")).
			WithUsage(geminisim.Usage{Prompt: 100, Candidates: 20, Thoughts: 5}),
		use("calculate", "expression", "42+1").WithUsage(geminisim.Usage{Prompt: 200, Candidates: 30}),
		geminisim.Text("It is 43 <b>now</b>.").WithUsage(geminisim.Usage{Prompt: 300, Candidates: 40}),
	}})
	a := s.do(call{body: `{"task":"What?","user_id":"u","session_id":"s","task_type":"math","max_steps":3}`}).want(t, 200)

	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
	want := map[string]any{
		"response": "It is 43 <b>now</b>.",
		"steps": []any{
			map[string]any{"step": 1.0, "tools_called": []any{"calculate", "current_time"}, "tools_failed": []any{}},
			map[string]any{"step": 2.0, "tools_called": []any{"calculate"}, "tools_failed": []any{}},
		},
		"total_steps":   2.0,
		"finish_reason": "stop",
		"model":         "gemini-3.8-flash",
		"usage": map[string]any{
			"input_tokens": 600.0, "output_tokens": 95.0, "cached_tokens": 0.0, "reasoning_tokens": 5.0, "cost_usd": 0.00079,
		},
		"session_id": "s", "turn": 1.0, "session_saved": true,
		"trace_id": a.header.Get("X-Trace-ID"),
	}
	if diff := cmp.Diff(want, a.fields(t)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(a.header.Get("X-Trace-ID")) {
		t.Errorf("X-Trace-ID is %q", a.header.Get("X-Trace-ID"))
	}
	if strings.Contains(string(a.body), `\u003c`) {
		t.Errorf("the answer is escaped for HTML: %s", a.body)
	}
}

func TestExecuteWithoutToolsHasAnEmptyListOfSteps(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text("Hello.")}})
	a := s.do(task("Hi")).want(t, 200)
	if !strings.Contains(string(a.body), `"steps":[],"total_steps":0`) {
		t.Errorf("answer is %s", a.body)
	}
}

// A long answer goes out in several writes; its end must still wait for the trace.
func TestALongAnswerEndsAfterItsTraceIsSafe(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Lorem ipsum. ", 40_000)
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(long)}})
	a := s.do(task("Tell me everything")).want(t, 200)
	if got := a.fields(t)["response"]; got != long {
		t.Errorf("the answer has %d bytes, want %d", len(fmt.Sprint(got)), len(long))
	}
	if len(a.spans) != 4 { // server, task, model call, attempt
		t.Errorf("%d spans are at the exporter, want 4", len(a.spans))
	}
}

func TestDefaultsOfARequest(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for range 12 {
		s.sim.Script(use("calculate", "expression", "1+1"))
	}
	a := s.do(call{body: `{"task":"  Count.\n"}`}).want(t, 200)
	if m := a.fields(t); m["finish_reason"] != "max_steps" || m["total_steps"] != 10.0 {
		t.Errorf("finish_reason %v after %v steps, want max_steps after 10", m["finish_reason"], m["total_steps"])
	}
	span := a.span(t, "agent.task")
	for key, want := range map[string]string{
		"agent.user.id": "anonymous", "agent.task.type": "general", "agent.session.id": "",
		"gen_ai.conversation.id": "", "agent.task.description": "Count.",
	} {
		if got := text(span, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestMaxStepsIsAnAnswerThatSaysSo(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{
		use("calculate", "expression", "1+1"), use("calculate", "expression", "2+2"),
	}})
	m := s.do(call{body: `{"task":"Count.","max_steps":1}`}).want(t, 200).fields(t)
	if m["finish_reason"] != "max_steps" || m["total_steps"] != 1.0 || m["response"] == "" {
		t.Errorf("answer is %v", m)
	}
}

func TestCorrelationIDs(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	for _, tt := range []struct {
		name   string
		header map[string]string
		want   string // "": a new one
	}{
		{"given", map[string]string{"X-Correlation-ID": "order-77/a"}, "order-77/a"},
		{"request id", map[string]string{"X-Request-ID": "req-1"}, "req-1"},
		{"both", map[string]string{"X-Correlation-ID": "c-1", "X-Request-ID": "r-1"}, "c-1"},
		{"longest", map[string]string{"X-Correlation-ID": strings.Repeat("x", 128)}, strings.Repeat("x", 128)},
		{"too long", map[string]string{"X-Correlation-ID": strings.Repeat("x", 129)}, ""},
		{"with a blank", map[string]string{"X-Correlation-ID": "a b"}, ""},
		{"not ASCII", map[string]string{"X-Correlation-ID": "número"}, ""},
		{"empty", map[string]string{"X-Correlation-ID": ""}, ""},
		{"unfit, but a fit request id", map[string]string{"X-Correlation-ID": "a b", "X-Request-ID": "r-2"}, "r-2"},
		{"none", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := task("Hi")
			c.header = tt.header
			a := s.do(c).want(t, 200)
			got := a.header.Get("X-Correlation-ID")
			switch {
			case tt.want != "" && got != tt.want:
				t.Errorf("got %q, want %q", got, tt.want)
			case tt.want == "" && !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(got):
				t.Errorf("got %q, want a new id", got)
			}
			if len(a.spans) < 4 { // found by trace id and correlation id: all spans have it
				t.Errorf("%d spans have the correlation id", len(a.spans))
			}
		})
	}
}
