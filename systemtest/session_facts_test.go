package systemtest

import (
	"fmt"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// offered are the names of the tools in the latest request to the model.
func offered(s *system) string {
	requests := s.sim.Requests()
	var names []string
	for _, f := range requests[len(requests)-1].Body.Functions {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// told is the latest request to the model, as it went over the wire.
func told(s *system) string {
	requests := s.sim.Requests()
	return string(requests[len(requests)-1].Raw)
}

func TestWhatAUserIsRememberedByOutlivesTheSession(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"LONG_TERM_MEMORY": "true"}, script: []geminisim.Reply{
		geminisim.Calls(useCall("remember", "text", "Ada likes green tea.")), geminisim.Text("Noted."),
		geminisim.Calls(useCall("recall", "query", "tea")), geminisim.Text("Green tea."),
		geminisim.Calls(useCall("recall")), geminisim.Text("Nothing."),
	}})
	a := s.do(say("I like green tea")).want(t, 200)
	if span := a.span(t, "tool.remember"); span.Status().Description != "" {
		t.Errorf("remember failed: %s", span.Status().Description)
	}
	other := call{body: `{"task":"What do I drink?","user_id":"ada","session_id":"another"}`}
	a = s.do(other).want(t, 200)
	if !strings.Contains(told(s), "Ada likes green tea.") {
		t.Errorf("the model was told %s", told(s))
	}
	if search := a.span(t, "memory.search"); number(search, "gen_ai.memory.record.count") != 1 || text(search, "memory.type") != "long_term" {
		t.Errorf("the search's span says %v", search.Attributes())
	}
	s.do(about("DELETE", "another")).want(t, 204) // forgets the user
	s.do(other).want(t, 200)
	if strings.Contains(told(s), "green tea") {
		t.Errorf("after DELETE the model was told %s", told(s))
	}
}

func TestMemoryIsOfferedToThoseWhoSayWhoTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"LONG_TERM_MEMORY": "true"}})
	off := start(t, setup{})
	for _, tt := range []struct {
		name string
		on   *system
		body string
		want bool
	}{
		{"a user", s, `{"task":"Hi","user_id":"ada"}`, true},
		{"anonymous", s, `{"task":"Hi"}`, false},
		{"anonymous by name", s, `{"task":"Hi","user_id":"anonymous"}`, false},
		{"by default", off, `{"task":"Hi","user_id":"ada"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.on.do(call{body: tt.body}).want(t, 200)
			if got := strings.Contains(offered(tt.on), "remember") && strings.Contains(offered(tt.on), "recall"); got != tt.want {
				t.Errorf("offered are %s", offered(tt.on))
			}
		})
	}
}

// A fact that cannot be kept is the model's to mend, and no failure of the run.
func TestTheModelIsToldWhatIsWrongWithAFact(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"LONG_TERM_MEMORY": "true"}, script: []geminisim.Reply{
		geminisim.Calls(useCall("remember", "text", strings.Repeat("x", 501))), geminisim.Text("Too long."),
	}})
	s.do(say("Remember this")).want(t, 200)
	if !strings.Contains(told(s), "longer than 500 characters") {
		t.Errorf("the model was told %s", told(s))
	}
}

func TestLongTermMemoryNeedsAStore(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"LONG_TERM_MEMORY": "true", "SESSION_STORE": "none"}})
	if !strings.Contains(fmt.Sprint(s.log), "LONG_TERM_MEMORY: there is nothing to remember in") {
		t.Errorf("the log says %s", s.log)
	}
	s.do(call{body: `{"task":"Hi","user_id":"ada"}`}).want(t, 200)
	if strings.Contains(offered(s), "recall") {
		t.Errorf("offered are %s", offered(s))
	}
}
