package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// toolSpan runs one call of the tool and returns its span as text.
func toolSpan(t *testing.T, trace agenttrace.Config, one Tool) string {
	t.Helper()
	rec := tracingtest.NewRecorder()
	runCalls(t, t.Context(), Config{Tools: []Tool{one}, Tracer: agenttrace.New(rec, trace)}, Call{Name: one.Name})
	for _, s := range rec.Spans() {
		if s.Name() == "tool."+one.Name {
			return tracingtest.Tree([]sdktrace.ReadOnlySpan{s}, tracingtest.TreeConfig{})
		}
	}
	t.Fatal("no span of the tool")
	return ""
}

func TestProgressIsAnEventOfTheTool(t *testing.T) {
	var late context.Context
	slow := tool("slow", func(ctx context.Context) (any, error) {
		late = ctx
		Progress(ctx, "page 1 of 2, password=hunter2")
		Progress(ctx, strings.Repeat("é", 1000))
		Progress(ctx, "")
		return nil, nil
	})
	text := toolSpan(t, agenttrace.Config{}, slow)
	if strings.Count(text, "* tool.progress") != 3 || !strings.Contains(text, "page 1 of 2") || strings.Contains(text, "hunter2") ||
		strings.Contains(text, strings.Repeat("é", 201)) {
		t.Errorf("span:\n%s", text)
	}
	if text := toolSpan(t, agenttrace.Config{Previews: agenttrace.PreviewsOff}, slow); strings.Count(text, "* tool.progress") != 3 ||
		strings.Contains(text, "page") {
		t.Errorf("without previews:\n%s", text)
	}
	Progress(late, "after the end")
	Progress(context.Background(), "outside of a tool")
}

func TestAReadOnlyToolSaysSoOnItsSpan(t *testing.T) {
	one := tool("look", func(context.Context) (any, error) { return nil, nil })
	if text := toolSpan(t, agenttrace.Config{}, one); strings.Contains(text, "read_only") {
		t.Errorf("a tool that says nothing of it:\n%s", text)
	}
	one.ReadOnly = true
	if text := toolSpan(t, agenttrace.Config{}, one); !strings.Contains(text, "tool.read_only = true") {
		t.Errorf("span:\n%s", text)
	}
}

func TestAToolKnowsForWhomItRuns(t *testing.T) {
	var user, session string
	one := tool("who", func(ctx context.Context) (any, error) {
		user, session = Caller(ctx)
		return nil, nil
	})
	m := script(asks(Call{Name: "who"}), says("done"))
	if _, err := New(m, Config{Tools: []Tool{one}}).Run(t.Context(), Task{Text: "go", UserID: "ada", SessionID: "s1"}); err != nil {
		t.Fatal(err)
	}
	if user != "ada" || session != "s1" {
		t.Errorf("the tool ran for %q in %q", user, session)
	}
	if user, session := Caller(context.Background()); user != "" || session != "" {
		t.Errorf("outside of a run there is %q, %q", user, session)
	}
}

func TestASlowToolHasATimeOfItsOwn(t *testing.T) {
	deadlines := map[string]time.Duration{}
	timed := func(name string, timeout time.Duration) Tool {
		one := tool(name, func(ctx context.Context) (any, error) {
			end, _ := ctx.Deadline()
			deadlines[name] = time.Until(end)
			return nil, nil
		})
		one.Timeout = timeout
		return one
	}
	for _, one := range []Tool{timed("slow", time.Hour), timed("usual", 0)} {
		runCalls(t, t.Context(), Config{Tools: []Tool{one}}, Call{Name: one.Name})
	}
	if d := deadlines["slow"]; d < 50*time.Minute || d > time.Hour {
		t.Errorf("the slow tool has %v", d)
	}
	if d := deadlines["usual"]; d > 10*time.Second {
		t.Errorf("the usual tool has %v", d)
	}
}

type noTools struct{}

func (noTools) Tools(context.Context) []Tool { return nil }

// The warning about a name that is there twice comes once, and the first tool is the one that runs.
func TestOfTwoToolsOfOneNameTheFirstIsTaken(t *testing.T) {
	var log bytes.Buffer
	named := func(answer string) Tool {
		return tool("same", func(context.Context) (any, error) { return answer, nil })
	}
	a := New(script(asks(Call{Name: "same"}), says("done"), asks(Call{Name: "same"}), says("done")), Config{
		Tools:   []Tool{named("mine"), named("theirs")},
		Sources: []ToolSource{noTools{}},
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 2 {
		if _, err := a.Run(t.Context(), Task{Text: "go"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "its name is taken"); n != 1 || !strings.Contains(log.String(), "tool=same") {
		t.Errorf("%d warnings:\n%s", n, &log)
	}
	for _, turns := range a.model.(*scripted).requests[1].Turns {
		for _, res := range turns.Results {
			if string(res.Output) != `"mine"` {
				t.Errorf("result %s", res.Output)
			}
		}
	}
}

func TestMustToolPanicsWithTheFault(t *testing.T) {
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "name") {
			t.Errorf("panicked with %v", err)
		}
	}()
	MustTool(NewTool("two words", "", func(context.Context, struct{}) (string, error) { return "", errors.New("x") }))
}
