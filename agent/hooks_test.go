package agent

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

func TestHooksStandAroundEachCall(t *testing.T) {
	var seen []string
	m := script(asks(Call{Name: "calculate", Args: map[string]any{"expression": "6*7"}}), says("42"))
	_, err := New(m, Config{Tools: []Tool{Calculate()}, Hooks: Hooks{
		BeforeModel: func(_ context.Context, req *Request) error {
			seen = append(seen, "before model")
			req.Instructions += " Be short."
			return nil
		},
		AfterModel: func(_ context.Context, _ *Request, reply *Reply) error {
			seen = append(seen, "after model "+reply.Text)
			return nil
		},
		BeforeTool: func(_ context.Context, tool Tool, args map[string]any) error {
			seen = append(seen, "before "+tool.Name+" "+args["expression"].(string))
			args["expression"] = "a copy"
			return nil
		},
		AfterTool: func(_ context.Context, tool Tool, out any, err error) (any, error) {
			seen = append(seen, "after "+tool.Name)
			return "masked", err
		},
	}}).Run(t.Context(), Task{Text: "go"})
	if err != nil {
		t.Fatal(err)
	}
	want := "before model, after model , before calculate 6*7, after calculate, before model, after model 42"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("called: %s", got)
	}
	turns := m.requests[1].Turns
	if res := turns[len(turns)-1].Results[0]; string(res.Output) != `"masked"` {
		t.Errorf("the model got %s", res.Output)
	}
	if !strings.HasSuffix(m.requests[1].Instructions, "Be short.") || strings.Count(m.requests[1].Instructions, "Be short.") != 1 {
		t.Error("a change of the instructions is not that of one call")
	}
}

func TestWhatAHookOfTheModelDoesWrongEndsTheRun(t *testing.T) {
	mine := &Error{Kind: KindQuota, Reason: "mine", Message: "Come back tomorrow."}
	for name, fault := range map[string]struct {
		hook   func() error
		kind   ErrorKind
		reason string
	}{
		"an error":           {func() error { return errors.New("hunter2") }, KindInternal, "hook"},
		"an error of ours":   {func() error { return mine }, KindQuota, "mine"},
		"a panic":            {func() error { panic("hunter2") }, KindInternal, "hook_panic"},
		"a panic of runtime": {func() error { return (*Error)(nil).Err }, KindInternal, "hook_panic"},
	} {
		for _, hooks := range []Hooks{
			{BeforeModel: func(context.Context, *Request) error { return fault.hook() }},
			{AfterModel: func(context.Context, *Request, *Reply) error { return fault.hook() }},
		} {
			m := script(says("Hello."))
			res, err := New(m, Config{Hooks: hooks}).Run(t.Context(), Task{Text: "go"})
			e := wantError(t, err, fault.kind, fault.reason)
			if strings.Contains(e.Message, "hunter2") {
				t.Errorf("%s: the caller is told %q", name, e.Message)
			}
			if asked := len(m.requests) == 1; asked != (hooks.AfterModel != nil) || res.Attempts != 0 {
				t.Errorf("%s: %d requests", name, len(m.requests))
			}
		}
	}
}

func TestWhatAHookOfAToolDoesWrongIsTheCalls(t *testing.T) {
	refuse := func(context.Context, Tool, map[string]any) error { return errors.New("not without approval") }
	for name, tt := range map[string]struct {
		hooks  Hooks
		want   string
		called bool
	}{
		"refused": {Hooks{BeforeTool: refuse, AfterTool: func(context.Context, Tool, any, error) (any, error) { return "late", nil }},
			"not without approval", false},
		"a panic before": {Hooks{BeforeTool: func(context.Context, Tool, map[string]any) error { panic("hunter2") }}, "failed unexpectedly", false},
		"a panic after":  {Hooks{AfterTool: func(context.Context, Tool, any, error) (any, error) { panic("hunter2") }}, "failed unexpectedly", true},
		"an error after": {Hooks{AfterTool: func(context.Context, Tool, any, error) (any, error) { return nil, errors.New("held back") }}, "held back", true},
	} {
		rec, called := tracingtest.NewRecorder(), false
		one := tool("one", func(context.Context) (any, error) { called = true; return "hunter2", nil })
		res := runCalls(t, t.Context(), Config{Tools: []Tool{one}, Hooks: tt.hooks, Tracer: agenttrace.New(rec, agenttrace.Config{})},
			Call{Name: "one"})[0]
		if !strings.Contains(res.Error, tt.want) || called != tt.called {
			t.Errorf("%s: the model got %q; called: %v", name, res.Error, called)
		}
		if tree := tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{}); strings.Contains(tree, "hunter2") ||
			!strings.Contains(tree, "tool.one [INTERNAL] Error") {
			t.Errorf("%s:\n%s", name, tree)
		}
	}
}

func TestPromptVersionIsThatOfInstructionsAndTools(t *testing.T) {
	version := func(cfg Config) string {
		res, err := New(script(says("Hello.")), cfg).Run(t.Context(), Task{Text: "go"})
		if err != nil {
			t.Fatal(err)
		}
		return res.PromptVersion
	}
	base := Config{Instructions: "Be short.", Tools: []Tool{Calculate()}}
	first := version(base)
	if len(first) != 12 || version(base) != first {
		t.Errorf("versions %q, %q", first, version(base))
	}
	seen := map[string]string{first: "the first"}
	for name, cfg := range map[string]Config{
		"other instructions":  {Instructions: "Be long.", Tools: base.Tools},
		"another tool":        {Instructions: "Be short.", Tools: []Tool{Calculate(), CurrentTime(nil)}},
		"another description": {Instructions: "Be short.", Tools: []Tool{{Name: "calculate", Description: "x", Parameters: base.Tools[0].Parameters}}},
		"another schema":      {Instructions: "Be short.", Tools: []Tool{{Name: "calculate", Description: base.Tools[0].Description}}},
	} {
		v := version(cfg)
		if seen[v] != "" {
			t.Errorf("%s is the same as %s", name, seen[v])
		}
		seen[v] = name
	}
}
