package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// tool makes a tool of a function without arguments.
func tool(name string, fn func(ctx context.Context) (any, error)) Tool {
	return Tool{Name: name, Call: func(ctx context.Context, _ map[string]any) (any, error) { return fn(ctx) }}
}

func TestResultsComeInTheOrderOfTheCallsWithTheirNamesAndIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := tool("slow", func(context.Context) (any, error) { time.Sleep(time.Second); return "slow", nil })
		fast := tool("fast", func(context.Context) (any, error) { return map[string]int{"n": 1}, nil })
		start := time.Now()
		got := runCalls(t, t.Context(), Config{Tools: []Tool{slow, fast}},
			Call{ID: "1", Name: "slow"}, Call{Name: "fast"}, Call{ID: "3", Name: "slow"})
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v: not at the same time", took)
		}
		want := `[{1 slow "slow"} { fast {"n":1}} {3 slow "slow"}]`
		var parts []string
		for _, r := range got {
			parts = append(parts, fmt.Sprintf("{%s %s %s}", r.ID, r.Name, r.Output))
		}
		if s := "[" + strings.Join(parts, " ") + "]"; s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	})
}

func TestParallelToolsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		busy := tool("busy", func(context.Context) (any, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			running.Add(-1)
			return nil, nil
		})
		calls := make([]Call, 10)
		for i := range calls {
			calls[i].Name = "busy"
		}
		start := time.Now()
		runCalls(t, t.Context(), Config{Tools: []Tool{busy}, MaxParallelTools: 4}, calls...)
		if most.Load() != 4 || time.Since(start) != 3*time.Second {
			t.Errorf("%d at once, %v in all; want 4 and 3s", most.Load(), time.Since(start))
		}
	})
}

func TestFaultsGoBackToTheModel(t *testing.T) {
	big := strings.Repeat("ñ", 100)
	tools := []Tool{
		tool("fails", func(context.Context) (any, error) { return nil, errors.New("the disk is full") }),
		tool("silent", func(context.Context) (any, error) { return nil, errors.New("") }),
		tool("fails_us", func(context.Context) (any, error) {
			return nil, &Error{Kind: KindSubAgent, Message: "The sub-agent failed.", Err: errors.New("private")}
		}),
		tool("long_error", func(context.Context) (any, error) { return nil, errors.New(strings.Repeat("é", 5000)) }),
		tool("panics", func(context.Context) (any, error) { panic("secret value") }),
		tool("panics_in_go", func(context.Context) (any, error) { return nilMapWrite(nil), nil }),
		tool("panics_in_json", func(context.Context) (any, error) { return badMarshaler{}, nil }),
		tool("exits", func(context.Context) (any, error) { runtime.Goexit(); return nil, nil }),
		tool("no_json", func(context.Context) (any, error) { return func() {}, nil }),
		tool("big", func(context.Context) (any, error) { return big, nil }),
		tool("big_object", func(context.Context) (any, error) { return map[string]string{"k": big}, nil }),
		tool("nothing", func(context.Context) (any, error) { return nil, nil }),
		tool("html", func(context.Context) (any, error) { return "<b>&</b>", nil }),
		{Name: "no_function"},
		Calculate(),
	}
	for _, tc := range []struct {
		call         Call
		output, fail string
	}{
		{Call{Name: "fails"}, "", "the disk is full"},
		{Call{Name: "silent"}, "", "the tool failed"},
		{Call{Name: "fails_us"}, "", "The sub-agent failed."},
		{Call{Name: "long_error"}, "", strings.Repeat("é", 1024)},
		{Call{Name: "panics"}, "", "the tool failed unexpectedly (tool_call_test.go:"},
		{Call{Name: "panics_in_go"}, "", "the tool failed unexpectedly: assignment to entry in nil map (tool_call_test.go:"},
		{Call{Name: "panics_in_json"}, "", "the tool failed unexpectedly ("},
		{Call{Name: "exits"}, "", "the tool ended without a result"},
		{Call{Name: "no_json"}, "", "the tool's result cannot be written as JSON"},
		{Call{Name: "big"}, `"` + strings.Repeat("ñ",
			32) + `\n[cut: the result has 202 bytes, more than the 65 a tool may return; ask for less]"`, ""},
		{Call{Name: "big_object"}, `"{\"k\":\"` + strings.Repeat("ñ",
			29) + `\n[cut: the result has 208 bytes, more than the 65 a tool may return; ask for less]"`, ""},
		{Call{Name: "nothing"}, "null", ""},
		{Call{Name: "html"}, `"<b>&</b>"`, ""},
		{Call{Name: "no_function"}, "", "the tool failed unexpectedly: "},
		{Call{Name: "calculate", Args: map[string]any{"expression": "6*7"}}, `{"result":42}`, ""},
		{Call{Name: "calculate", Args: map[string]any{"expression": "6/0"}}, "", "division by zero"},
		{Call{Name: "calculate"}, "", `invalid arguments: missing properties: ["expression"]`},
		{Call{Name: "calculate", Args: map[string]any{"expr": "1", "expression": "1"}}, "",
			`invalid arguments: unknown arguments ["expr"]`},
		{Call{Name: "nope"}, "", "there is no tool of that name; the tools on offer are: fails, silent, fails_us, "},
	} {
		got := runCalls(t, t.Context(), Config{Tools: tools, MaxResultBytes: 65}, tc.call)[0]
		if string(got.Output) != tc.output || !strings.HasPrefix(got.Error, tc.fail) || (got.Error == "") != (tc.fail == "") {
			t.Errorf("%s: got %s / %q, want %s / %q", tc.call.Name, got.Output, got.Error, tc.output, tc.fail)
		}
		if !utf8.ValidString(got.Error) || len(got.Error) > maxToolError || strings.Contains(got.Error, "secret") {
			t.Errorf("%s: error %q", tc.call.Name, got.Error)
		}
	}
}

type badMarshaler struct{}

func (badMarshaler) MarshalJSON() ([]byte, error) { panic("secret") }

func TestSlowToolIsToldAndThenLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		tools := []Tool{
			tool("deaf", func(context.Context) (any, error) { <-release; return "late", nil }),
			tool("minds", func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }),
			tool("last_word", func(ctx context.Context) (any, error) { <-ctx.Done(); return "partial", nil }),
			{Name: "patient", Timeout: time.Minute, Call: func(ctx context.Context, _ map[string]any) (any, error) {
				time.Sleep(30 * time.Second)
				return "here", nil
			}},
		}
		start := time.Now()
		got := runCalls(t, t.Context(), Config{Tools: tools, ToolTimeout: 5 * time.Second},
			Call{Name: "deaf"}, Call{Name: "minds"}, Call{Name: "last_word"})
		if took := time.Since(start); took != 5*time.Second+toolGrace {
			t.Errorf("took %v", took)
		}
		const slow = "the tool did not answer within 5s"
		if got[0].Error != slow || got[1].Error != slow || string(got[2].Output) != `"partial"` {
			t.Errorf("got %+v", got)
		}
		if got := runCalls(t, t.Context(), Config{Tools: tools}, Call{Name: "patient"}); string(got[0].Output) != `"here"` {
			t.Errorf("a tool with its own timeout: %+v", got[0])
		}
		close(release)
	})
}

func TestToolDefaultTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		minds := tool("minds", func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		start := time.Now()
		runCalls(t, t.Context(), Config{Tools: []Tool{minds}}, Call{Name: "minds"})
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

// A tool may do with its arguments what it likes: the conversation keeps what the model said.
func TestToolsGetTheirOwnCopyOfTheArguments(t *testing.T) {
	args := map[string]any{"list": []any{"a", map[string]any{"deep": 1.0}}, "s": "x"}
	before, _ := json.Marshal(args)
	vandal := Tool{Name: "vandal", Parameters: newObject("list", "s"),
		Call: func(_ context.Context, args map[string]any) (any, error) {
			list := args["list"].([]any)
			list[0] = "changed"
			list[1].(map[string]any)["deep"] = "changed"
			delete(args, "s")
			return nil, nil
		}}
	if got := runCalls(t, t.Context(), Config{Tools: []Tool{vandal}},
		Call{Name: "vandal", Args: args}); got[0].Error != "" {
		t.Fatal(got[0].Error)
	}
	if after, _ := json.Marshal(args); string(after) != string(before) {
		t.Errorf("arguments changed to %s", after)
	}
}

func TestSpanNamesOfMadeUpTools(t *testing.T) {
	for name, want := range map[string]string{
		"calculate": "calculate", "a.b:c-d": "a.b:c-d", "": "unnamed", "rm -rf /": "rm_-rf__", "ñandú": "_and_",
		strings.Repeat("é", 100): strings.Repeat("_", 32),
	} {
		if got := spanName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// nilMapWrite panics in the runtime when m is nil.
func nilMapWrite(m map[string]int) int {
	m["x"] = 1
	return len(m)
}
