package systemtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
)

const sessionsPath = "/api/v1/agent/sessions/"

// say is a task of ada's session "s".
func say(text string) call {
	body, _ := json.Marshal(map[string]string{"task": text, "user_id": "ada", "session_id": "s"})
	return call{body: string(body)}
}

// about is a request about a session, of ada's where no user is named.
func about(method, session string) call {
	return call{method: method, path: sessionsPath + session + "?user_id=ada", contentType: "-"}
}

// prompt is what the model was asked last: one line a content, the texts and names of calls and results.
func prompt(s *system) []string {
	requests := s.sim.Requests()
	var lines []string
	for _, c := range requests[len(requests)-1].Body.Contents {
		line := c.Role + ":"
		for _, p := range c.Parts {
			switch {
			case p.FunctionCall != nil:
				line += " call " + p.FunctionCall.Name
			case p.FunctionResponse != nil:
				line += " result " + p.FunctionResponse.Name
			default:
				line += " " + p.Text
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestASessionIsAConversation(t *testing.T) {
	t.Parallel()
	s := start(t, setup{sim: geminisim.Config{SignedHistory: true}, script: []geminisim.Reply{
		use("calculate", "expression", "6*7"), geminisim.Text("It is 42, Ada."), geminisim.Text("Your name is Ada."),
	}})
	first := s.do(say("My name is Ada. What is 6*7?")).want(t, 200).fields(t)
	if first["session_id"] != "s" || first["turn"] != 1.0 || first["session_saved"] != true {
		t.Errorf("the first answer says %v %v %v", first["session_id"], first["turn"], first["session_saved"])
	}
	second := s.do(say("What is my name?")).want(t, 200).fields(t)
	if second["turn"] != 2.0 || second["session_saved"] != true {
		t.Errorf("the second answer says %v %v", second["turn"], second["session_saved"])
	}
	want := []string{
		"user: My name is Ada. What is 6*7?", "model: call calculate", "user: result calculate", "model: It is 42, Ada.",
		"user: What is my name?",
	}
	if diff := cmp.Diff(want, prompt(s)); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
	s.do(call{body: `{"task":"Who am I?","user_id":"bob","session_id":"s"}`}).want(t, 200)
	if got := prompt(s); len(got) != 1 {
		t.Errorf("another user's session begins with %q", got)
	}
	s.do(task("Who am I?")).want(t, 200)
	if got := prompt(s); len(got) != 1 {
		t.Errorf("a task without a session begins with %q", got)
	}
}

func TestASessionCanBeReadAndDeleted(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text("Hello, Ada.").WithUsage(geminisim.Usage{Prompt: 7, Candidates: 3})}})
	s.do(about("GET", "s")).want(t, 404)
	done := s.do(say("I am Ada")).want(t, 200)

	got := s.do(about("GET", "s")).want(t, 200).fields(t)
	turns, _ := got["turns"].([]any)
	if len(turns) != 1 {
		t.Fatalf("%d turns are kept: %v", len(turns), got)
	}
	kept, _ := turns[0].(map[string]any)
	if kept["time"] == "" {
		t.Error("the turn has no time")
	}
	delete(kept, "time")
	want := map[string]any{
		"turn": 1.0, "task": "I am Ada", "response": "Hello, Ada.", "finish_reason": "stop", "model": "gemini-3.8-flash",
		"trace_id": done.header.Get("X-Trace-ID"),
		"usage":    map[string]any{"input_tokens": 7.0, "output_tokens": 3.0, "cached_tokens": 0.0, "reasoning_tokens": 0.0},
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("the turn (-want +got):\n%s", diff)
	}
	if a := s.do(about("DELETE", "s")).want(t, 204); len(a.body) != 0 {
		t.Errorf("the answer to DELETE has a body: %s", a.body)
	}
	s.do(about("GET", "s")).want(t, 404)
	s.do(about("DELETE", "s")).want(t, 204) // what is not there is deleted
	if again := s.do(say("Who am I?")).want(t, 200).fields(t); again["turn"] != 1.0 {
		t.Errorf("after DELETE the turn is %v", again["turn"])
	}
	if got := prompt(s); len(got) != 1 {
		t.Errorf("after DELETE the model was asked %q", got)
	}
	for _, line := range []string{"session read", "session deleted"} {
		if !strings.Contains(s.log.String(), `"message":"`+line+`"`) {
			t.Errorf("no line says %q:\n%s", line, s.log)
		}
	}
}

func TestSessionsRefuseWhatTheyCannotServe(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	none := start(t, setup{env: map[string]string{"SESSION_STORE": "none"}})
	for _, tt := range []struct {
		name   string
		on     *system
		call   call
		status int
		text   string
	}{
		{"long id", s, about("GET", strings.Repeat("x", 257)), 400, "session_id has 257 bytes"},
		{"control character", s, about("DELETE", "a%0Ab"), 400, "session_id holds control characters"},
		{"not UTF-8", s, about("GET", "a%FFb"), 400, "session_id"},
		{"long user", s, call{method: "GET", path: sessionsPath + "s?user_id=" + strings.Repeat("x", 257), contentType: "-"}, 400, "user_id has"},
		{"no id", s, about("GET", ""), 404, "nothing here"},
		{"POST", s, about("POST", "s"), 405, "GET and DELETE only"},
		{"a body's session id", s, call{body: `{"task":"Hi","session_id":"a\u0000b"}`}, 400, "session_id holds control characters"},
		{"no store", none, about("GET", "s"), 503, "SESSION_STORE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.on.do(tt.call).want(t, tt.status)
			if detail := fmt.Sprint(a.fields(t)["detail"]); !strings.Contains(detail, tt.text) {
				t.Errorf("detail is %q, want it to say %q", detail, tt.text)
			}
		})
	}
	m := none.do(say("Hi")).want(t, 200).fields(t)
	if m["session_id"] != "s" || m["session_saved"] != false || m["turn"] != nil {
		t.Errorf("without a store the answer says %v %v %v", m["session_id"], m["session_saved"], m["turn"])
	}
}

// A slash is a character of an id like any other.
func TestASessionIDMayHoldASlash(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.do(call{body: `{"task":"Hi","user_id":"ada","session_id":"a/b ü"}`}).want(t, 200)
	if got := s.do(about("GET", "a%2Fb%20%C3%BC")).want(t, 200).fields(t); got["session_id"] != "a/b ü" {
		t.Errorf("session_id is %v", got["session_id"])
	}
}

func TestOneRequestOfASessionAtATime(t *testing.T) {
	t.Parallel()
	entered, answer := make(chan struct{}), make(chan struct{})
	s := start(t, setup{script: []geminisim.Reply{geminisim.Dynamic(func(geminisim.Request) geminisim.Reply {
		close(entered)
		<-answer
		return geminisim.Text("Here I am.")
	})}})
	var group sync.WaitGroup
	statuses := make([]int, 20)
	ask := func(i int) {
		defer group.Done()
		res, err := s.client.Do(say("Hi").request(s))
		if err != nil {
			t.Error(err)
			return
		}
		_ = res.Body.Close()
		statuses[i] = res.StatusCode
	}
	group.Add(1)
	go ask(0)
	<-entered // the first has its turn; the others come while it runs
	var others sync.WaitGroup
	for i := 1; i < len(statuses); i++ {
		group.Add(1)
		others.Add(1)
		go func() { defer others.Done(); ask(i) }()
	}
	others.Wait()
	close(answer)
	group.Wait()
	slices.Sort(statuses)
	want := append([]int{200}, slices.Repeat([]int{409}, 19)...)
	if !slices.Equal(statuses, want) {
		t.Errorf("statuses are %v", statuses)
	}
	if n := len(s.sim.Requests()); n != 1 {
		t.Errorf("the model was asked %d times", n)
	}
	if m := s.do(say("Again")).want(t, 200).fields(t); m["turn"] != 2.0 {
		t.Errorf("the next turn is %v", m["turn"])
	}
}

// What a run that fails has reserved, the next request gets.
func TestAFailedRunLeavesNoTurn(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{geminisim.Error(400, "", "no"), geminisim.Text("Hello.")}})
	failed := s.do(say("Hi")).want(t, 502)
	failed.span(t, "memory.delete")
	if m := s.do(say("Hi again")).want(t, 200).fields(t); m["turn"] != 1.0 {
		t.Errorf("the turn is %v", m["turn"])
	}
	if got := prompt(s); len(got) != 1 {
		t.Errorf("the model was asked %q", got)
	}
}

// latestLine is the line of the latest invocation.
func latestLine(t *testing.T, s *system) map[string]any {
	t.Helper()
	records := s.log.records(t)
	return records[len(records)-1]
}

func TestTheLogLineNamesTheTurn(t *testing.T) {
	t.Parallel()
	s := start(t, setup{})
	s.do(say("Hi")).want(t, http.StatusOK)
	line := latestLine(t, s)
	if line["turn"] != 1.0 || line["session"] != "s" || line["user"] != "ada" {
		t.Errorf("the line says turn %v of %v of %v", line["turn"], line["session"], line["user"])
	}
}

// What a run has found out before it ended badly is not lost for the next turn, and every call in its history has a result.
func TestHowATurnEndedIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		script []geminisim.Reply
		reason string
		want   []string // of the next prompt, without its task
	}{
		{"at its step limit", []geminisim.Reply{use("calculate", "expression", "1+1"), use("calculate", "expression", "2+2")}, "max_steps",
			[]string{"user: Go", "model: call calculate", "user: result calculate",
				"model: The task was not finished at its step limit of 1. Allow more with max_steps, or make it smaller."}},
		{"cut off", []geminisim.Reply{geminisim.MaxTokens("Half an ans")}, "max_tokens", []string{"user: Go", "model: Half an ans"}},
		{"blocked", []geminisim.Reply{geminisim.Blocked("SAFETY")}, "blocked", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{script: append(tt.script, geminisim.Text("Next."))})
			m := s.do(call{body: `{"task":"Go","user_id":"ada","session_id":"s","max_steps":1}`}).want(t, 200).fields(t)
			if m["finish_reason"] != tt.reason || m["session_saved"] != true {
				t.Errorf("the turn ended with %v, saved %v", m["finish_reason"], m["session_saved"])
			}
			s.do(say("And now?")).want(t, 200)
			if diff := cmp.Diff(append(tt.want, "user: And now?"), prompt(s)); diff != "" {
				t.Errorf("the model was asked (-want +got):\n%s", diff)
			}
		})
	}
}
