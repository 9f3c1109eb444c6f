package agent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// heard is a Listener that remembers.
type heard struct {
	mu     sync.Mutex
	lines  []string
	texts  map[int]string
	steps  map[int][]string
	failed map[int][]string
	tools  map[int][]string
}

func (h *heard) add(format string, args ...any) {
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

func (h *heard) Begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts, h.steps, h.failed, h.tools = map[int]string{}, map[int][]string{}, map[int][]string{}, map[int][]string{}
	h.add("begin")
}

func (h *heard) Text(step int, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts[step] += text
	h.add("text %d", step)
}

func (h *heard) Step(step int, tools []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps[step] = tools
	h.add("step %d", step)
}

func (h *heard) Tool(step int, name string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ok {
		h.failed[step] = append(h.failed[step], name)
	}
	h.tools[step] = append(h.tools[step], name)
	h.add("tool %d", step)
}

// check compares what was heard with what came of the run.
func (h *heard) check(t *testing.T, res *Result, err error) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lines) == 0 || h.lines[0] != "begin" || slices.Index(h.lines[1:], "begin") >= 0 {
		t.Errorf("heard %v", h.lines)
	}
	for _, s := range res.Steps {
		if !slices.Equal(h.steps[s.Step], s.ToolsCalled) {
			t.Errorf("heard of the tools %v in step %d, want %v", h.steps[s.Step], s.Step, s.ToolsCalled)
		}
		heardTools, called := slices.Sorted(slices.Values(h.tools[s.Step])), slices.Sorted(slices.Values(s.ToolsCalled))
		failed, sortedFailed := slices.Sorted(slices.Values(h.failed[s.Step])), slices.Sorted(slices.Values(s.ToolsFailed))
		if !slices.Equal(heardTools, called) || !slices.Equal(failed, sortedFailed) {
			t.Errorf("heard of the calls %v, %v failed, want %v and %v", heardTools, failed, called, sortedFailed)
		}
	}
	if len(h.steps) != len(res.Steps) {
		t.Errorf("heard of %d steps, want %d", len(h.steps), len(res.Steps))
	}
	if err == nil && res.FinishReason == ReasonStop && !strings.HasSuffix(h.texts[len(res.Steps)], res.Response) {
		t.Errorf("heard %q, want %q", h.texts[len(res.Steps)], res.Response)
	}
}

var streamingLines = regexp.MustCompile(`(?m)^ *(\| gen_ai\.(request\.stream|response\.time_to_first_chunk) = .*|\* llm\.first_text)\n`)

// plainTree is the tree of a streaming run without what streaming adds.
func plainTree(tree string) string {
	return strings.ReplaceAll(streamingLines.ReplaceAllString(tree, ""), ":streamGenerateContent?alt=sse", ":generateContent")
}

// A model that cannot stream says all of its text at once.
func TestListenerOfAModelThatCannotStream(t *testing.T) {
	h := new(heard)
	m := script(asks(Call{Name: "nobody"}), says("done"))
	res, err := New(m, Config{}).Run(t.Context(), Task{Text: "go", Listener: h})
	if err != nil {
		t.Fatal(err)
	}
	h.check(t, res, err)
	if want := "begin, step 1, tool 1, text 1"; strings.Join(h.lines, ", ") != want {
		t.Errorf("heard %v, want %s", h.lines, want)
	}
}

// What was streamed is a conversation that goes on: the service takes it back, signatures and all.
func TestStreamedConversationGoesOn(t *testing.T) {
	g, sim := newGemini(t, nil,
		geminisim.Calls(calculate("6*7")).WithText("Let me see what that might be, one moment please.").WithThought("Hm."),
		geminisim.Text("It is forty-two, as everybody knows by now, or so."), geminisim.Text("You asked for a product."))
	a := New(g, Config{Tools: []Tool{Calculate()}})
	first, err := a.Run(t.Context(), Task{Text: "6*7?", Listener: new(heard)})
	if err != nil || len(first.Contents) != 4 {
		t.Fatalf("%d contents, %v", len(first.Contents), err)
	}
	second, err := a.Run(t.Context(), Task{Text: "What did I ask?", History: first.Contents, Listener: new(heard)})
	if err != nil || second.Response != "You asked for a product." || len(second.Contents) != 2 {
		t.Fatalf("%+v, %v", second, err)
	}
	for _, r := range sim.Requests() {
		if r.Refused || !r.Stream {
			t.Errorf("refused or not streamed: %s", r.Raw)
		}
	}
}
