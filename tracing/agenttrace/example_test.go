package agenttrace_test

import (
	"context"
	"fmt"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// Every operation opens a span and ends it with its result and error.
func ExampleAgentTracer() {
	rec := tracingtest.NewRecorder()
	tracer := agenttrace.New(rec, agenttrace.Config{})

	ctx, task := tracer.StartTask(context.Background(), agenttrace.TaskStart{Description: "2+2?", Model: "gemini-3.8-flash"})
	_, model := tracer.StartModelCall(ctx, agenttrace.ModelCallStart{Model: "gemini-3.8-flash"})
	model.End(agenttrace.ModelCallResult{FinishReasons: []string{"stop"}}, nil)
	stepCtx, step := tracer.StartStep(ctx, 1, "reasoning")
	_, tool := tracer.StartToolCall(stepCtx, agenttrace.ToolCallStart{Name: "calculate"})
	tool.End(agenttrace.ToolCallResult{}, fmt.Errorf("parsing the expression: unexpected end"))
	_, model = tracer.StartModelCall(stepCtx, agenttrace.ModelCallStart{Model: "gemini-3.8-flash", Step: 1})
	model.End(agenttrace.ModelCallResult{FinishReasons: []string{"stop"}}, nil)
	step.End(nil)
	task.End(agenttrace.TaskResult{TotalSteps: 1, Reason: "stop", ResponseLength: 1}, nil)

	fmt.Print(tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{NoValues: true}))
	// Output:
	// agent.task [INTERNAL] Ok
	//   llm.generate [CLIENT] Ok
	//   agent.step.reasoning [INTERNAL] Unset
	//     tool.calculate [INTERNAL] Error "parsing the expression: unexpected end"
	//     llm.generate [CLIENT] Ok
}
