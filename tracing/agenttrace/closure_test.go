package agenttrace_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// everyClosure runs f in a span of each kind, through the short forms.
func everyClosure(t *agenttrace.AgentTracer, f func() error) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"agent.task": func() error {
			return t.Task(ctx, agenttrace.TaskStart{}, func(context.Context) (agenttrace.TaskResult, error) {
				return agenttrace.TaskResult{}, f()
			})
		},
		"agent.step.planning": func() error {
			return t.Step(ctx, 1, "planning", func(context.Context) error { return f() })
		},
		"llm.generate": func() error {
			return t.ModelCall(ctx, agenttrace.ModelCallStart{}, func(context.Context) (agenttrace.ModelCallResult, error) {
				return agenttrace.ModelCallResult{}, f()
			})
		},
		"tool.search": func() error {
			return t.ToolCall(ctx, agenttrace.ToolCallStart{Name: "search"}, func(context.Context) (agenttrace.ToolCallResult, error) {
				return agenttrace.ToolCallResult{}, f()
			})
		},
		"invoke_agent math": func() error {
			return t.AgentCall(ctx, agenttrace.AgentCallStart{AgentName: "math"}, func(context.Context) error { return f() })
		},
		"memory.read": func() error {
			return t.Memory(ctx, agenttrace.MemoryStart{Operation: "read"}, func(context.Context) (agenttrace.MemoryResult, error) {
				return agenttrace.MemoryResult{}, f()
			})
		},
	}
}

// Whatever the function does, its span ends, says so, and the outcome reaches the caller.
func TestClosuresEndTheirSpan(t *testing.T) {
	failed := errors.New("broken")
	for _, tt := range []struct {
		name      string
		f         func() error
		err       error
		panics    any
		errorType string
		message   string // of the exception
	}{
		{"returns", func() error { return nil }, nil, nil, "", ""},
		{"fails", func() error { return failed }, failed, nil, "_OTHER", "broken"},
		{"panics with an error", func() error { panic(failed) }, nil, failed, "panic", "panic: broken"},
		{"panics with a secret", func() error { panic("token=abcdef0123456789") }, nil, "token=abcdef0123456789", "panic", "panic: token=[REDACTED]"},
		{"panics with a struct", func() error { panic(struct{ s string }{"x"}) }, nil, struct{ s string }{"x"}, "panic", "panic with a value that is not shown"},
		{"exits", func() error { runtime.Goexit(); return nil }, nil, nil, "panic", "the function did not return"},
	} {
		rec := tracingtest.NewRecorder()
		traced := everyClosure(agenttrace.New(rec, agenttrace.Config{}), tt.f)
		untraced := everyClosure(nil, tt.f)
		for name := range traced {
			for which, run := range map[string]func() error{"traced": traced[name], "untraced": untraced[name]} {
				var err error
				var panicked any
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { panicked = recover() }()
					err = run()
				}()
				<-done
				if err != tt.err || panicked != tt.panics {
					t.Errorf("%s %s, %s: error %v, panic %v", which, name, tt.name, err, panicked)
				}
			}
		}
		spans := rec.Spans()
		if len(spans) != len(traced) {
			t.Errorf("%s: %d spans ended, want %d", tt.name, len(spans), len(traced))
		}
		for _, s := range spans {
			if traced[s.Name()] == nil {
				t.Errorf("%s: the span %q", tt.name, s.Name())
			}
			errorType := ""
			for _, kv := range s.Attributes() {
				if kv.Key == "error.type" {
					errorType = kv.Value.AsString()
				}
			}
			if errorType != tt.errorType {
				t.Errorf("%s: %s has error.type %q, want %q", tt.name, s.Name(), errorType, tt.errorType)
			}
			if got := s.Status().Description; !strings.Contains(got, tt.message) {
				t.Errorf("%s: %s has status %q, want %q", tt.name, s.Name(), got, tt.message)
			}
		}
	}
}

// The short form: a function runs in its span.
func ExampleAgentTracer_ToolCall() {
	rec := tracingtest.NewRecorder()
	tracer := agenttrace.New(rec, agenttrace.Config{})

	err := tracer.ToolCall(context.Background(), agenttrace.ToolCallStart{Name: "weather"},
		func(context.Context) (agenttrace.ToolCallResult, error) {
			return agenttrace.ToolCallResult{Size: 12}, nil
		})

	fmt.Println(err)
	fmt.Print(tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{NoValues: true}))
	// Output:
	// <nil>
	// tool.weather [INTERNAL] Ok
}
