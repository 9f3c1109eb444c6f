package agent

import (
	"context"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Listener is told how a run goes on. Tools that run at the same time are told of at the same time, from goroutines of
// their own; a run that waits for it waits. When the run has ended, nothing more is told.
type Listener interface {
	// Begin comes first: from here on the run has an outcome, and no reason to be refused.
	Begin()
	// Text is a piece of what the model says, in order. The pieces of the last step put together are the Response, unless
	// what was said cannot be used (blocked, or asked for again): the Result is what counts. Step 0 is before all tools.
	Text(step int, text string)
	// Step begins: the tools are called.
	Step(step int, tools []string)
	// Tool has been called, and failed or not.
	Tool(step int, name string, ok bool)
}

// streams reports whether the model is asked for a stream: somebody listens, and it can.
func (r *run) streams() bool {
	_, can := r.model.(Streamer)
	return can && r.task.Listener != nil
}

// answer has the model answer, and tells what it says. A model that cannot stream says everything at the end.
func (r *run) answer(ctx context.Context, req *Request, step int, span *agenttrace.ModelCallSpan) (*Reply, error) {
	listener := r.task.Listener
	if r.streams() {
		return r.model.(Streamer).Stream(ctx, req, func(text string) {
			span.Text()
			listener.Text(step, text)
		})
	}
	reply, err := r.model.Generate(ctx, req)
	if err == nil && listener != nil && reply.Text != "" {
		listener.Text(step, reply.Text)
	}
	return reply, err
}
