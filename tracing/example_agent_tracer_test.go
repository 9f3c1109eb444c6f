package tracing_test

import (
	"context"
	"fmt"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/tracingtest"
)

// Every operation opens a span and ends it with its result and error.
func ExampleAgentTracer() {
	rec := tracingtest.NewRecorder()
	tracer := tracing.NewAgentTracer(rec, tracing.AgentTracerConfig{})

	ctx, task := tracer.StartTask(context.Background(), tracing.TaskStart{Description: "2+2?", Model: "gemini-3.8-flash"})
	_, model := tracer.StartModelCall(ctx, tracing.ModelCallStart{Model: "gemini-3.8-flash"})
	model.End(tracing.ModelCallResult{FinishReasons: []string{"stop"}}, nil)
	stepCtx, step := tracer.StartStep(ctx, 1, "reasoning")
	_, tool := tracer.StartToolCall(stepCtx, tracing.ToolCallStart{Name: "calculate"})
	tool.End(tracing.ToolCallResult{}, fmt.Errorf("parsing the expression: unexpected end"))
	_, model = tracer.StartModelCall(stepCtx, tracing.ModelCallStart{Model: "gemini-3.8-flash", Step: 1})
	model.End(tracing.ModelCallResult{FinishReasons: []string{"stop"}}, nil)
	step.End(nil)
	task.End(tracing.TaskResult{TotalSteps: 1, Reason: "stop", ResponseLength: 1}, nil)

	fmt.Print(tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{NoValues: true}))
	// Output:
	// agent.task [INTERNAL] Ok
	//   llm.generate [CLIENT] Ok
	//   agent.step.reasoning [INTERNAL] Unset
	//     tool.calculate [INTERNAL] Error "parsing the expression: unexpected end"
	//     llm.generate [CLIENT] Ok
}
