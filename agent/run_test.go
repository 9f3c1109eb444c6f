package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// What the model said comes back to it bit by bit: signatures in place, parts neither merged nor moved nor dropped.
// The service below answers with everything a turn can hold.
func TestHistoryReturnsUntouched(t *testing.T) {
	const said = `{"role":"model","parts":[
		{"text":"thinking","thought":true},
		{"text":"one "},{"text":"two"},
		{"functionCall":{"name":"calculate","args":{"expression":"1+1"},"id":"a"},"thoughtSignature":"AAECAwT/+/79"},
		{"functionCall":{"name":"calculate","args":{"expression":"2+2"}}},
		{"thoughtSignature":"c2lnbmF0dXJlIG9ubHk="}]}`
	var sent []map[string]any
	service := roundTrip(func(req *http.Request) (*http.Response, error) {
		var body map[string]any
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			return nil, err
		}
		sent = append(sent, body)
		w := `{"candidates":[{"content":` + said + `,"finishReason":"STOP"}]}`
		if len(sent) > 2 {
			w = `{"candidates":[{"content":{"role":"model","parts":[{"text":"ok"}]},"finishReason":"STOP"}]}`
		}
		return jsonResponse(w), nil
	})
	g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: &http.Client{Transport: service},
		Getenv: getenv(map[string]string{"GEMINI_API_KEY": "k"})})
	if err != nil {
		t.Fatal(err)
	}
	res, err := New(g, Config{Tools: []Tool{Calculate()}}).Run(t.Context(), Task{Text: "go"})
	if err != nil || res.Response != "ok" {
		t.Fatalf("got %+v, %v", res, err)
	}
	var want any
	if err := json.Unmarshal([]byte(said), &want); err != nil {
		t.Fatal(err)
	}
	wantJSON, _ := json.Marshal(want)
	contents := sent[2]["contents"].([]any)
	if len(contents) != 5 {
		t.Fatalf("%d contents, want task, turn, results, turn, results", len(contents))
	}
	for _, i := range []int{1, 3} {
		if got, _ := json.Marshal(contents[i]); string(got) != string(wantJSON) {
			t.Errorf("contents[%d]\ngot  %s\nwant %s", i, got, wantJSON)
		}
	}
	const results = `{"parts":[{"functionResponse":{"id":"a","name":"calculate","response":{"output":{"result":2}}}},` +
		`{"functionResponse":{"name":"calculate","response":{"output":{"result":4}}}}],"role":"user"}`
	if got, _ := json.Marshal(contents[2]); string(got) != results {
		t.Errorf("results\ngot  %s\nwant %s", got, results)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestUsageIsTheSumOfAllCalls(t *testing.T) {
	a, b := asks(Call{Name: "nope"}), says("done")
	a.Usage = agenttrace.Usage{InputTokens: 10, OutputTokens: 2, CachedInputTokens: 1, ReasoningTokens: 1, ToolUseTokens: 3}
	b.Usage = agenttrace.Usage{InputTokens: 30, OutputTokens: 4, CachedInputTokens: 5, ReasoningTokens: 2, ToolUseTokens: 1}
	res, err := New(script(a, b), Config{}).Run(t.Context(), Task{Text: "go"})
	want := agenttrace.Usage{InputTokens: 40, OutputTokens: 6, CachedInputTokens: 6, ReasoningTokens: 3, ToolUseTokens: 4}
	if err != nil || res.Usage != want {
		t.Errorf("got %+v, %v, want %+v", res, err, want)
	}
}

// The limit counts rounds of tools; ten when the task names none.
func TestStepLimit(t *testing.T) {
	for _, tc := range []struct{ limit, want int }{{0, DefaultMaxSteps}, {1, 1}, {3, 3}, {50, 50}} {
		endless := make([]*Reply, 60)
		for i := range endless {
			endless[i] = asks(Call{Name: "nope"})
		}
		m := script(endless...)
		res, err := New(m, Config{}).Run(t.Context(), Task{Text: "go", MaxSteps: tc.limit})
		if err != nil || len(res.Steps) != tc.want || res.FinishReason != ReasonMaxSteps || len(m.requests) != tc.want+1 {
			t.Errorf("limit %d: %d steps, %d model calls, %v", tc.limit, len(res.Steps), len(m.requests), err)
		}
	}
}

// A flaw is forgiven once in a row, not once in a run; the flawed reply itself stays out of the conversation.
func TestEachFlawedReplyIsAskedAgainOnce(t *testing.T) {
	flaw := func() *Reply { return &Reply{Finish: FinishMalformedCall, Turn: Turn{Native: "flawed"}} }
	m := script(flaw(), asks(Call{Name: "nope"}), flaw(), &Reply{Finish: FinishStop, Text: " \n"})
	_, err := New(m, Config{}).Run(t.Context(), Task{Text: "go"})
	wantError(t, err, KindModel, "empty")
	var kinds []string
	for _, turn := range m.requests[3].Turns {
		switch {
		case turn.Native != nil:
			kinds = append(kinds, "model")
		case turn.Results != nil:
			kinds = append(kinds, "results")
		default:
			kinds = append(kinds, "user")
		}
	}
	if got := strings.Join(kinds, " "); got != "user user model results user" {
		t.Errorf("conversation %s", got)
	}
}

func TestModelErrorsBecomeOurs(t *testing.T) {
	boom := errors.New("boom")
	m := &scripted{replies: []func(context.Context) (*Reply,
		error){func(context.Context) (*Reply, error) { return nil, boom }}}
	_, err := New(m, Config{}).Run(t.Context(), Task{Text: "go"})
	if e := wantError(t, err, KindModel, "model_error"); !errors.Is(e, boom) || strings.Contains(e.Message, "boom") {
		t.Errorf("got %v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.requests = nil
	_, err = New(m, Config{}).Run(ctx, Task{Text: "go"})
	wantError(t, err, KindCanceled, "canceled")
}

// A panic in the model passes through to the server's handler, and every span on its way has ended with an error.
func TestPanicEndsTheSpans(t *testing.T) {
	rec := tracingtest.NewRecorder()
	m := &scripted{replies: []func(context.Context) (*Reply, error){
		func(context.Context) (*Reply, error) { return asks(Call{Name: "nope"}), nil },
		func(context.Context) (*Reply, error) { panic("hunter2") },
	}}
	func() {
		defer func() {
			if v := recover(); v != "hunter2" {
				t.Errorf("recovered %v", v)
			}
		}()
		a := New(m, Config{Tracer: agenttrace.New(rec, agenttrace.Config{})})
		_, _ = a.Run(t.Context(), Task{Text: "go"})
	}()
	tracingtest.Golden(t, "testdata/model_panic.golden", spanTree(rec))
}

type source struct {
	tools []Tool
	asked int
}

func (s *source) Tools(context.Context) []Tool { s.asked++; return s.tools }

func TestSourcesAreAskedAtEachRun(t *testing.T) {
	s := &source{tools: []Tool{tool("first", func(context.Context) (any, error) { return 1, nil })}}
	m := script(asks(Call{Name: "first"}), says("a"), asks(Call{Name: "second"}, Call{Name: "first"}), says("b"))
	a := New(m, Config{Tools: []Tool{Calculate()}, Sources: []ToolSource{s}})
	for range 2 {
		if _, err := a.Run(t.Context(), Task{Text: "go"}); err != nil {
			t.Fatal(err)
		}
		s.tools = []Tool{tool("second", func(context.Context) (any, error) { return 2, nil })}
	}
	if got := m.requests[1].Turns[2].Results[0]; string(got.Output) != "1" {
		t.Errorf("first run: %+v", got)
	}
	got := m.requests[3].Turns[2].Results
	if string(got[0].Output) != "2" || !strings.Contains(got[1].Error, "the tools on offer are: calculate, second") ||
		s.asked != 2 {
		t.Errorf("second run: %+v, asked %d times", got, s.asked)
	}
	if d := m.requests[2].Tools; len(d) != 2 || d[0].Name != "calculate" || d[1].Name != "second" {
		t.Errorf("declared %+v", d)
	}
}

// Messages are built only where content is recorded.
func TestContentIsRecordedOnRequest(t *testing.T) {
	for name, mode := range map[string]agenttrace.ContentMode{"off": agenttrace.NoContent, "on": agenttrace.SpanContent} {
		rec := tracingtest.NewRecorder()
		g, _ := newGemini(t, nil, geminisim.Calls(calculate("6*7"),
			geminisim.Call{Name: "nope", ID: "2"}).WithThought("a sum"),
			geminisim.Text("It is 42."))
		a := New(g, Config{Instructions: "Be brief.", Tools: []Tool{Calculate()},
			Tracer: agenttrace.New(rec, agenttrace.Config{Content: mode})})
		if _, err := a.Run(t.Context(), Task{Text: "What is six times seven?"}); err != nil {
			t.Fatal(err)
		}
		tree := spanTree(rec)
		if mode == agenttrace.SpanContent {
			tracingtest.Golden(t, "testdata/content_on.golden", tree)
		} else if strings.Contains(tree, "a sum") || strings.Contains(tree, "It is 42") {
			t.Errorf("%s: content in\n%s", name, tree)
		}
	}
}

// One agent serves many runs at once.
func TestConcurrentRuns(t *testing.T) {
	sim := geminisim.New(geminisim.Config{})
	g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: &http.Client{Transport: inMemory{sim}},
		Getenv: getenv(map[string]string{"GEMINI_API_KEY": "k"})})
	if err != nil {
		t.Fatal(err)
	}
	a := New(g, Config{Tools: []Tool{Calculate(), CurrentTime(nil)}, Sources: []ToolSource{fixedSource{Calculate()}}})
	done := make(chan error)
	for range 16 {
		go func() {
			res, err := a.Run(t.Context(), Task{Text: "What is 17 * 23, and what time is it in Europe/Madrid?"})
			if err == nil && (!strings.Contains(res.Response, "391") || len(res.Steps) == 0) {
				err = fmt.Errorf("answer %q after %d steps", res.Response, len(res.Steps))
			}
			done <- err
		}()
	}
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

type fixedSource []Tool

func (s fixedSource) Tools(context.Context) []Tool { return s }
