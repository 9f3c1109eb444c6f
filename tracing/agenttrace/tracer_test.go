package agenttrace_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// typedError is an error with a name of its own, as the agent's errors have.
type typedError struct{ kind, text string }

func (e *typedError) Error() string     { return e.text }
func (e *typedError) ErrorType() string { return e.kind }

var task = agenttrace.TaskStart{
	AgentName: "gemini-agent", AgentDescription: "Answers tasks with a model and tools.",
	Description: "What time is it in Madrid?", Type: "general", UserID: "ana", SessionID: "s-1",
	Model: "gemini-3.8-flash",
}

func call(step int) agenttrace.ModelCallStart {
	return agenttrace.ModelCallStart{
		Model: "gemini-3.8-flash", Step: step, Provider: "gcp.gemini",
		ServerAddress: "generativelanguage.googleapis.com", ServerPort: 443,
		Prompt: "What time is it in Madrid?", SessionID: "s-1",
	}
}

func answer(reasons ...string) agenttrace.ModelCallResult {
	return agenttrace.ModelCallResult{
		ResponseModel: "gemini-3.8-flash-001", ResponseID: "r-1", FinishReasons: reasons,
		Usage: agenttrace.Usage{InputTokens: 12, OutputTokens: 7, ReasoningTokens: 3},
	}
}

func ptr[T any](v T) *T { return &v }

// scenarios are operations with the spans they leave in testdata/spans.
var scenarios = map[string]struct {
	cfg agenttrace.Config
	run func(ctx context.Context, tr *agenttrace.AgentTracer)
}{
	"run_with_tools": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		ctx, t := tr.StartTask(ctx, task)
		_, m := tr.StartModelCall(ctx, call(0))
		m.End(answer("stop"), nil)
		step, s := tr.StartStep(ctx, 1, "")
		for _, zone := range []string{"Europe/Madrid", "Europe/Paris"} {
			_, c := tr.StartToolCall(step, agenttrace.ToolCallStart{
				Name: "current_time", CallID: zone, Description: "Tells the time.", AgentName: "gemini-agent",
				SessionID: "s-1", Args: map[string]any{"zone": zone, "api_key": "never shown"},
			})
			c.End(agenttrace.ToolCallResult{Size: 42}, nil)
		}
		_, m = tr.StartModelCall(step, call(1))
		m.End(answer("stop"), nil)
		s.End(nil)
		t.End(agenttrace.TaskResult{
			TotalSteps: 1, Reason: "stop", ResponseLength: 11, FinishReasons: []string{"stop"},
			Usage: agenttrace.Usage{InputTokens: 24, OutputTokens: 14},
		}, nil)
	}},
	"task_failed": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		err := fmt.Errorf("asking the model: %w", &typedError{"429", "quota is spent, api_key=AbC123"})
		ctx, t := tr.StartTask(ctx, agenttrace.TaskStart{Description: "x"})
		step, s := tr.StartStep(ctx, 1, "")
		_, m := tr.StartModelCall(step, call(1))
		m.End(agenttrace.ModelCallResult{}, err)
		s.End(err)
		t.End(agenttrace.TaskResult{TotalSteps: 1}, err)
	}},
	"task_max_steps": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, t := tr.StartTask(ctx, task)
		t.End(agenttrace.TaskResult{TotalSteps: 10, Reason: "max_steps", ResponseLength: 3}, nil)
	}},
	"task_timeout": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, t := tr.StartTask(ctx, task)
		t.End(agenttrace.TaskResult{}, fmt.Errorf("asking the model: %w", context.DeadlineExceeded))
	}},
	"model_parameters": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		in := call(0)
		in.Provider, in.Model = "", "models/gemini-3.8-flash"
		in.Temperature, in.TopP, in.TopK, in.Seed = ptr(0.5), ptr(0.9), ptr(40), ptr(7)
		in.MaxOutputTokens, in.ChoiceCount, in.StopSequences = 1024, 2, []string{"END"}
		in.OutputType, in.ReasoningLevel = "json", "LOW"
		in.FrequencyPenalty, in.PresencePenalty = ptr(0.1), ptr(-0.1)
		_, m := tr.StartModelCall(ctx, in)
		m.End(agenttrace.ModelCallResult{
			ResponseModel: "gemini-3.8-flash", ResponseID: "r-2", FinishReasons: []string{"stop", "length"},
			Usage: agenttrace.Usage{
				InputTokens: 100, OutputTokens: 20, CachedInputTokens: 60, ReasoningTokens: 5, ToolUseTokens: 8,
			},
		}, nil)
	}},
	"model_mismatch": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, m := tr.StartModelCall(ctx, call(0))
		m.End(agenttrace.ModelCallResult{ResponseModel: "gemini-3.8-flash-lite"}, nil)
	}},
	"model_blocked": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, m := tr.StartModelCall(ctx, call(0))
		m.End(agenttrace.ModelCallResult{
			FinishReasons: []string{"content_filter"}, Usage: agenttrace.Usage{InputTokens: 12},
		}, &typedError{"BLOCKED_SAFETY", "the answer was blocked"})
	}},
	"model_stream": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		in := call(0)
		in.Stream = true
		_, m := tr.StartModelCall(ctx, in)
		m.Text()
		m.Text()
		out := answer("stop")
		out.FirstContent = time.Now()
		m.End(out, nil)
		_, m = tr.StartModelCall(ctx, call(0)) // streams without having been asked
		m.End(out, nil)
		_, m = tr.StartModelCall(ctx, in)
		m.End(agenttrace.ModelCallResult{}, &typedError{"503", "nothing came"})
	}},
	"tool_failed": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, c := tr.StartToolCall(ctx, agenttrace.ToolCallStart{Name: "calculate", Args: map[string]any{"expression": "1/0"}})
		c.End(agenttrace.ToolCallResult{Size: 30}, errors.New("division by zero"))
	}},
	"tool_mcp": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		ctx, c := tr.StartToolCall(ctx, agenttrace.ToolCallStart{Name: "search", Type: "extension", CallID: "c-9"})
		agenttrace.ToolCallFromContext(ctx).SetMCP(agenttrace.MCPCall{
			Method: "tools/call", SessionID: "m-1", ProtocolVersion: "2025-11-25",
			ServerAddress: "search.example.com", ServerPort: 443,
		})
		tr.AddEvent(ctx, "search.cached", attribute.Bool("hit", true))
		tr.SetAttribute(ctx, attribute.Int("search.results", 3))
		c.End(agenttrace.ToolCallResult{Size: 9}, nil)
	}},
	"memory": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, m := tr.StartMemory(ctx, agenttrace.MemoryStart{
			Operation: "read", Type: "short_term", StoreID: "s", RecordID: "r-1",
		})
		m.End(agenttrace.MemoryResult{RecordCount: 1}, nil)
		_, m = tr.StartMemory(ctx, agenttrace.MemoryStart{Operation: "write", Type: "long_term", Remote: true})
		m.End(agenttrace.MemoryResult{RecordCount: 1}, &typedError{"UNAVAILABLE", "the store is away"})
		_, m = tr.StartMemory(ctx, agenttrace.MemoryStart{Operation: "search", Type: "long_term", Query: "not shown"})
		m.End(agenttrace.MemoryResult{}, nil)
	}},
	"agent_call": {run: func(ctx context.Context, tr *agenttrace.AgentTracer) {
		_, c := tr.StartAgentCall(ctx, agenttrace.AgentCallStart{
			AgentName: "sub-agent", ServerAddress: "sub.example.com", ServerPort: 443, SessionID: "s-1",
		})
		c.End(nil)
		_, c = tr.StartAgentCall(ctx, agenttrace.AgentCallStart{Provider: "example"})
		c.End(context.Canceled)
	}},
	"previews_off": {
		cfg: agenttrace.Config{Previews: agenttrace.PreviewsOff},
		run: everything,
	},
	"content": {
		cfg: agenttrace.Config{Content: agenttrace.SpanContent},
		run: everything,
	},
}

// everything is one run whose every operation has content.
func everything(ctx context.Context, tr *agenttrace.AgentTracer) {
	ctx, t := tr.StartTask(ctx, task)
	in := call(0)
	in.Content = func() agenttrace.ModelContent {
		return agenttrace.ModelContent{
			Instructions: "Be brief.",
			Input: []agenttrace.Message{
				{Role: "user", Parts: []agenttrace.Part{
					{Type: "text", Content: "What time is it in \"Madrid\"? My password: hunter2"},
					{Type: "blob", Modality: "image", MIMEType: "image/png", Content: "aGVsbG8="},
					{Type: "uri", Modality: "document", MIMEType: "application/pdf", URI: "gs://b/o"},
					{Type: "file", Modality: "audio", ID: "f-1"},
				}},
				{Role: "model", Parts: []agenttrace.Part{
					{Type: "reasoning", Content: "A tool knows."},
					{Type: "tool_call", ID: "c-1", Name: "current_time", Arguments: map[string]any{"apiKey": "hunter2"}},
				}},
				{Role: "tool", Parts: []agenttrace.Part{
					{Type: "tool_call_response", ID: "c-1", Response: map[string]any{"token": "hunter2", "time": "12:00"}},
				}},
			},
			Tools: []agenttrace.ToolDefinition{{Name: "current_time", Description: "left out"}},
		}
	}
	_, m := tr.StartModelCall(ctx, in)
	out := answer("stop")
	out.Output = func() []agenttrace.Message {
		return []agenttrace.Message{{
			Role: "model", FinishReason: "stop", Parts: []agenttrace.Part{{Type: "text", Content: "Noon."}},
		}}
	}
	m.End(out, nil)
	_, c := tr.StartToolCall(ctx, agenttrace.ToolCallStart{Name: "current_time", Args: map[string]any{"zone": "CET"}})
	c.End(agenttrace.ToolCallResult{Size: 9, Result: func() any { return `{"time":"12:00"}` }}, nil)
	_, mem := tr.StartMemory(ctx, agenttrace.MemoryStart{Operation: "search", Type: "short_term", Query: "Madrid"})
	mem.End(agenttrace.MemoryResult{RecordCount: 1, Records: func() any {
		return []map[string]any{{"id": "r-1", "content": "likes noon", "score": 0.5}}
	}}, nil)
	t.End(agenttrace.TaskResult{Reason: "stop"}, nil)
}

func TestSpansOfEachOperation(t *testing.T) {
	for name, tc := range scenarios {
		t.Run(name, func(t *testing.T) {
			rec := tracingtest.NewRecorder()
			tc.run(t.Context(), agenttrace.New(rec, tc.cfg))
			tree := tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{})
			tracingtest.Golden(t, "testdata/spans/"+name+".golden", tree)
			for _, violation := range tracingtest.Conformance(rec.Spans()) {
				t.Error(violation)
			}
			for _, secret := range []string{"hunter2", "never shown", "AbC123"} {
				if strings.Contains(tree, secret) {
					t.Errorf("the spans hold the secret %q", secret)
				}
			}
		})
	}
}

var _ trace.TracerProvider = (*tracingtest.Recorder)(nil)
