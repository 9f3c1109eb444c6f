package agenttrace

import (
	"context"

	"example.com/gemini-agent/tracing/redact"
)

// The functions of this file are the short form of Start and End: they run a function in a span and end it with what
// the function returned. They return its error. A panic is recorded as an error with error.type panic and goes on; so is
// runtime.Goexit. run gets the span's context.

// Task runs the whole of an agent run in agent.task: see StartTask.
func (t *AgentTracer) Task(ctx context.Context, in TaskStart, run func(context.Context) (TaskResult, error)) error {
	ctx, span := t.StartTask(ctx, in)
	return within(ctx, run, span.End)
}

// Step runs one step in agent.step.TYPE: see StartStep.
func (t *AgentTracer) Step(ctx context.Context, number int, typ string, run func(context.Context) error) error {
	ctx, span := t.StartStep(ctx, number, typ)
	return alone(ctx, run, span.End)
}

// ModelCall runs one call of a model in llm.generate: see StartModelCall.
func (t *AgentTracer) ModelCall(ctx context.Context, in ModelCallStart, run func(context.Context) (ModelCallResult, error)) error {
	ctx, span := t.StartModelCall(ctx, in)
	return within(ctx, run, span.End)
}

// ToolCall runs a tool in tool.NAME: see StartToolCall.
func (t *AgentTracer) ToolCall(ctx context.Context, in ToolCallStart, run func(context.Context) (ToolCallResult, error)) error {
	ctx, span := t.StartToolCall(ctx, in)
	return within(ctx, run, span.End)
}

// AgentCall runs the call of a remote agent in invoke_agent NAME: see StartAgentCall.
func (t *AgentTracer) AgentCall(ctx context.Context, in AgentCallStart, run func(context.Context) error) error {
	ctx, span := t.StartAgentCall(ctx, in)
	return alone(ctx, run, span.End)
}

// Memory runs an operation of a memory in memory.OP: see StartMemory.
func (t *AgentTracer) Memory(ctx context.Context, in MemoryStart, run func(context.Context) (MemoryResult, error)) error {
	ctx, span := t.StartMemory(ctx, in)
	return within(ctx, run, span.End)
}

func within[R any](ctx context.Context, run func(context.Context) (R, error), end func(R, error)) (err error) {
	var out R
	returned := false
	defer func() {
		if returned {
			end(out, err)
			return
		}
		v := recover()
		end(out, panicked{v})
		if v != nil { // nil: runtime.Goexit, which goes on by itself
			panic(v)
		}
	}()
	out, err = run(ctx)
	returned = true
	return err
}

func alone(ctx context.Context, run func(context.Context) error, end func(error)) error {
	return within(ctx,
		func(ctx context.Context) (struct{}, error) { return struct{}{}, run(ctx) },
		func(_ struct{}, err error) { end(err) })
}

// panicked is the failure of a function that did not return. Of values that are neither error nor text nothing is
// shown: printed, a struct's secrets stand without the field names they would be known by.
type panicked struct{ value any }

func (p panicked) ErrorType() string { return "panic" }

func (p panicked) Error() string {
	switch v := p.value.(type) {
	case nil:
		return "the function did not return"
	case error:
		return redact.Text("panic: " + v.Error())
	case string:
		return redact.Text("panic: " + v)
	}
	return "panic with a value that is not shown"
}
