package systemtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
)

// agentWithSubAgent is an agent whose sub-agent has a model and a session store of its own.
func agentWithSubAgent(t *testing.T) (s, sub *system) {
	sub = start(t, setup{env: map[string]string{"OTEL_SERVICE_NAME": "sub-agent"}})
	return start(t, setup{env: map[string]string{"SUB_AGENT_URL": sub.url}}), sub
}

func delegation(text string) geminisim.Call {
	return geminisim.Call{Name: "delegate_to_subagent", Args: map[string]any{"task": text}}
}

func TestTheSubAgentKeepsItsOwnConversation(t *testing.T) {
	t.Parallel()
	s, sub := agentWithSubAgent(t)
	s.sim.Script(
		geminisim.Calls(delegation("Look up A")), geminisim.Text("It is A."),
		geminisim.Calls(delegation("Look up B")), geminisim.Text("It is B."))
	sub.sim.Script(geminisim.Text("A, says the sub-agent."), geminisim.Text("B, says the sub-agent."), geminisim.Text("Directly."))
	s.do(say("What is A?")).want(t, 200)
	s.do(say("What is B?")).want(t, 200)
	direct := say("What did we look up?")
	direct.path = delegatePath
	if m := s.do(direct).want(t, 200).fields(t); m["turn"] != 3.0 || m["session_saved"] != true {
		t.Errorf("the answer to delegate says turn %v, saved %v", m["turn"], m["session_saved"])
	}
	want := []string{
		"user: Look up A", "model: A, says the sub-agent.", "user: Look up B", "model: B, says the sub-agent.",
		"user: What did we look up?",
	}
	if diff := cmp.Diff(want, prompt(sub)); diff != "" {
		t.Errorf("the sub-agent's model was asked (-want +got):\n%s", diff)
	}
	want = []string{
		"user: What is A?", "model: call delegate_to_subagent", "user: result delegate_to_subagent", "model: It is A.",
		"user: What is B?", "model: call delegate_to_subagent", "user: result delegate_to_subagent",
	}
	if diff := cmp.Diff(want, prompt(s)); diff != "" {
		t.Errorf("the agent's model was asked (-want +got):\n%s", diff)
	}
}

// Two tasks at the same time are no conversation: both are done, one is remembered.
func TestDelegationsOfOneStepDoNotRefuseEachOther(t *testing.T) {
	t.Parallel()
	s, sub := agentWithSubAgent(t)
	s.sim.Script(geminisim.Calls(delegation("One"), delegation("Two"), delegation("Three")), geminisim.Text("Done."))
	both, seen := make(chan struct{}), make(chan struct{}, 3)
	for range 3 {
		sub.sim.Script(geminisim.Dynamic(func(geminisim.Request) geminisim.Reply {
			if seen <- struct{}{}; len(seen) == cap(seen) {
				close(both)
			}
			<-both // all of them run
			return geminisim.Text("Here.")
		}))
	}
	m := s.do(say("Do three things")).want(t, 200).fields(t)
	step, _ := m["steps"].([]any)[0].(map[string]any)
	if failed, _ := step["tools_failed"].([]any); len(failed) > 0 {
		t.Errorf("tools failed: %v", failed)
	}
	turns, _ := sub.do(about("GET", "s")).want(t, 200).fields(t)["turns"].([]any)
	if len(turns) != 1 {
		t.Errorf("the sub-agent remembers %v", turns)
	}
}

// A conversation that comes back to an agent that is busy with it is refused there, and the model is told why.
func TestASessionThatComesBackToItsAgentIsRefused(t *testing.T) {
	t.Parallel()
	s, sub := agentWithSubAgent(t)
	release := make(chan struct{})
	entered := make(chan struct{})
	sub.sim.Script(geminisim.Dynamic(func(geminisim.Request) geminisim.Reply {
		close(entered)
		<-release
		return geminisim.Text("First.")
	}))
	first := make(chan int)
	go func() {
		res, err := sub.client.Do(say("Hold on").request(sub))
		if err != nil {
			t.Error(err)
			close(first)
			return
		}
		_ = res.Body.Close()
		first <- res.StatusCode
	}()
	<-entered
	s.sim.Script(geminisim.Calls(delegation("Now")), geminisim.Text("The other one is busy."))
	s.do(say("Ask")).want(t, 200)
	requests := s.sim.Requests()
	told := string(requests[len(requests)-1].Raw)
	if !strings.Contains(told, "refused the task (409): another request of this session is running") {
		t.Errorf("the model was told %s", told)
	}
	close(release)
	if status := <-first; status != 200 {
		t.Errorf("the first request ended with %d", status)
	}
	if !slices.Equal(prompt(sub), []string{"user: Hold on"}) {
		t.Errorf("the sub-agent's model was asked %q", prompt(sub))
	}
}
