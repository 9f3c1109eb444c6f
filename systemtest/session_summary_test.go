package systemtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
)

// conversation has n turns that are answered by number, and returns the last answer.
func (s *system) conversation(t *testing.T, from, to int) (last answer) {
	t.Helper()
	for n := from; n <= to; n++ {
		s.sim.Script(geminisim.Text(fmt.Sprintf("A%d", n)))
		last = s.do(say(fmt.Sprintf("T%d", n))).want(t, 200)
	}
	return last
}

// turnsOf is what a prompt of turns that were answered by number holds of them, and the next task.
func turnsOf(from, to int) (lines []string) {
	for n := from; n <= to; n++ {
		lines = append(lines, fmt.Sprintf("user: T%d", n), fmt.Sprintf("model: A%d", n))
	}
	return append(lines, fmt.Sprintf("user: T%d", to+1))
}

func summarized(text string) []string {
	return []string{"user: Summary of our conversation so far:\n\n" + text, "model: I go on from there."}
}

// modelCalls are the llm.generate spans of an answer; compacted are those whose prompt begins with a summary.
func modelCalls(a answer) (calls, compacted int) {
	for _, span := range a.spans {
		if span.Name() == "llm.generate" {
			calls++
			if flagged(span, "gen_ai.conversation.compacted") {
				compacted++
			}
		}
	}
	return calls, compacted
}

func flagged(s sdktrace.ReadOnlySpan, key string) bool {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.AsBool()
		}
	}
	return false
}

func TestWhatFallsOutOfThePromptIsSummedUp(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"SESSION_SUMMARY": "true", "SESSION_MAX_TURNS": "4"}})
	if calls, compacted := modelCalls(s.conversation(t, 1, 5)); calls != 1 || compacted != 0 {
		t.Errorf("with all turns in the window there are %d calls, %d with a summary", calls, compacted)
	}
	s.sim.Script(geminisim.Text("One to three.").WithUsage(geminisim.Usage{Prompt: 1000, Candidates: 10}))
	a := s.conversation(t, 6, 6)
	if calls, compacted := modelCalls(a); calls != 2 || compacted != 1 {
		t.Errorf("there are %d calls, %d with a summary", calls, compacted)
	}
	if diff := cmp.Diff(append(summarized("One to three."), turnsOf(4, 5)...), prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	requests := s.sim.Requests()
	asked := string(requests[len(requests)-2].Raw)
	for n := range 6 {
		if got, want := strings.Contains(asked, fmt.Sprintf(`User: T%d\nAssistant: A%d`, n, n)), n >= 1 && n <= 3; got != want {
			t.Errorf("turn %d in what was to be summed up: %v", n, got)
		}
	}
	if used, _ := a.fields(t)["usage"].(map[string]any); used["input_tokens"].(float64) < 1000 {
		t.Errorf("what the summary has cost is not in the usage: %v", used)
	}

	// Half a window is added before the next one, which holds the one before.
	if calls, compacted := modelCalls(s.conversation(t, 7, 8)); calls != 1 || compacted != 1 {
		t.Errorf("there are %d calls, %d with a summary", calls, compacted)
	}
	if diff := cmp.Diff(append(summarized("One to three."), turnsOf(4, 7)...), prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	s.sim.Script(geminisim.Text("One to six."))
	s.conversation(t, 9, 9)
	if diff := cmp.Diff(append(summarized("One to six."), turnsOf(7, 8)...), prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	requests = s.sim.Requests()
	if asked := string(requests[len(requests)-2].Raw); !strings.Contains(asked, "One to three.") || !strings.Contains(asked, "User: T4") {
		t.Errorf("what was to be summed up is %s", asked)
	}
}

// A summary that fails costs the summary: the run goes on, the trace says why, the next turn tries again.
func TestAFailedSummaryIsNoFailedTask(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"SESSION_SUMMARY": "true", "SESSION_MAX_TURNS": "2"}})
	s.conversation(t, 1, 3)
	s.sim.Script(geminisim.Error(400, "", "no"))
	s.conversation(t, 4, 4)
	if diff := cmp.Diff(turnsOf(2, 3), prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	if !strings.Contains(s.log.String(), "could not be summed up") {
		t.Errorf("the log says %s", s.log)
	}
	s.sim.Script(geminisim.Text("One to three."))
	s.conversation(t, 5, 5)
	if diff := cmp.Diff(append(summarized("One to three."), turnsOf(4, 4)...), prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
}
