package agent

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// What one run hands out is taken by the next: the strict simulator, which knows every signature it gave, sees the earlier
// turns as they were, and only whole ones.
func TestAConversationGoesOn(t *testing.T) {
	call := geminisim.Calls(geminisim.Call{Name: "calculate", Args: map[string]any{"expression": "6*7"}})
	for _, tt := range []struct {
		name    string
		script  []geminisim.Reply
		steps   int
		kept    string // roles of the contents, u and m
		missing string // text that is not kept
	}{
		{"an answer", []geminisim.Reply{geminisim.Text("It is 42.")}, 0, "um", ""},
		{"a tool", []geminisim.Reply{call, geminisim.Text("It is 42.")}, 0, "umum", ""},
		{"a nudge", []geminisim.Reply{geminisim.ThoughtOnly("hm"), geminisim.Text("It is 42.")}, 0, "um", "Your last reply"},
		{"the step limit", []geminisim.Reply{call, call.WithText("One more.")}, 1, "umum", ""},
		{"the step limit without a word", []geminisim.Reply{call, call}, 1, "umu", ""},
		{"cut off", []geminisim.Reply{geminisim.MaxTokens("It is")}, 0, "um", ""},
		{"held back", []geminisim.Reply{geminisim.Finish("SAFETY", "bad words")}, 0, "u", "bad words"},
		{"blocked prompt", []geminisim.Reply{geminisim.Blocked("SAFETY")}, 0, "u", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, sim := newGemini(t, nil, append(tt.script, geminisim.Text("As I said."))...)
			a := New(g, Config{Tools: []Tool{Calculate()}})
			first, err := a.Run(t.Context(), Task{Text: "What is 6*7?", MaxSteps: tt.steps})
			if err != nil {
				t.Fatal(err)
			}
			roles := ""
			for _, raw := range first.Contents {
				var c struct{ Role string }
				if err := json.Unmarshal(raw, &c); err != nil {
					t.Fatal(err)
				}
				roles += c.Role[:1]
			}
			if roles != tt.kept {
				t.Errorf("kept %s, want %s: %s", roles, tt.kept, first.Contents)
			}
			second, err := a.Run(t.Context(), Task{Text: "Again?", History: first.Contents})
			if err != nil || second.Response != "As I said." || len(second.Contents) != 2 {
				t.Fatalf("second = %+v, %v", second, err)
			}
			requests := sim.Requests()
			raw := string(requests[len(requests)-1].Raw)
			for _, content := range first.Contents {
				if !strings.Contains(raw, compact(string(content))) {
					t.Errorf("the second run did not send %s\nbut %s", content, raw)
				}
			}
			if tt.missing != "" && strings.Contains(raw, tt.missing) {
				t.Errorf("the second run sent %q", tt.missing)
			}
			for i, r := range requests {
				if r.Refused {
					t.Errorf("request %d was refused: %s", i, r.Raw)
				}
			}
		})
	}
}

// A model that keeps what it said in a form of its own gets its turns back, and the conversation is kept all the same.
func TestConversationsOfOtherModelsAreKept(t *testing.T) {
	m := script(asks(Call{ID: "1", Name: "calculate", Args: map[string]any{"expression": "1+1"}}), says("2"))
	res, err := New(m, Config{Tools: []Tool{Calculate()}}).Run(t.Context(), Task{Text: "go"})
	if err != nil {
		t.Fatal(err)
	}
	if _, own := m.requests[1].Turns[1].Native.([]Call); !own {
		t.Errorf("the model got %T back", m.requests[1].Turns[1].Native)
	}
	all, _ := json.Marshal(res.Contents)
	want := `[{"parts":[{"text":"go"}],"role":"user"},` +
		`{"parts":[{"functionCall":{"args":{"expression":"1+1"},"id":"1","name":"calculate"}}],"role":"model"},` +
		`{"parts":[{"functionResponse":{"id":"1","name":"calculate","response":{"output":{"result":2}}}}],"role":"user"},` +
		`{"parts":[{"text":"2"}],"role":"model"}]`
	if string(all) != want {
		t.Errorf("kept\n%s, want\n%s", all, want)
	}
}

// With content on, earlier turns are among the messages of the model call.
func TestHistoryIsContent(t *testing.T) {
	rec := tracingtest.NewRecorder()
	_, err := New(script(says("ok")), Config{Tracer: agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})}).
		Run(t.Context(), Task{Text: "And now?", History: []json.RawMessage{
			[]byte(`{"role":"user","parts":[{"text":"before"}]}`), []byte(`{"role":"model","parts":[{"text":"answered"}]}`), []byte(`nonsense`),
		}})
	if err != nil {
		t.Fatal(err)
	}
	got := attributesOf(spanCalled(t, rec.Spans(), "llm.generate"))["gen_ai.input.messages"]
	if !strings.Contains(got, `{"role":"user","parts":[{"type":"text","content":"before"}]},{"role":"assistant","parts":[{"type":"text","content":"answered"}]}`) {
		t.Errorf("messages %s", got)
	}
}

// Attempts are counted, of replies and of failures.
func TestAttemptsAreCounted(t *testing.T) {
	busy := geminisim.Error(503, "", "busy")
	g, _ := newGemini(t, nil, busy, geminisim.Text("hi"), busy, busy, busy, busy)
	g.wait.first, g.wait.most = 1, 1
	a := New(g, Config{})
	if res, err := a.Run(t.Context(), Task{Text: "x"}); err != nil || res.Attempts != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err := a.Run(t.Context(), Task{Text: "x"}); err == nil || res.Attempts != 4 {
		t.Errorf("%+v, %v", res, err)
	}
}
