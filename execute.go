package function

import (
	"context"
	"net/http"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
)

// execute runs the agent on a task.
func (a *App) execute(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := a.deadline(r.Context(), r.Header) // of the whole request: reading the body counts
	defer cancel()
	task, _, err := readTask(ctx, w, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rec := recordOf(r.Context())
	rec.task = &task
	if wantsStream(r) {
		stream := a.newStream(w, r, &task, cancel)
		defer stream.close()
		task.Listener = stream
		answer, err := a.run(ctx, task, rec)
		stream.end(answer, err)
		return
	}
	answer, err := a.run(ctx, task, rec)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", answer)
}

// run has the agent do the task, and notes in rec what came of it.
func (a *App) run(ctx context.Context, task agent.Task, rec *taskRecord) (*response, error) {
	if a.agent == nil {
		return nil, a.agentErr
	}
	task.Budget = task.Budget.Within(a.ceiling)
	turn, err := a.openTurn(ctx, &task, rec)
	if err != nil {
		return nil, err
	}
	defer turn.release(ctx)
	result, err := a.agent.Run(ctx, task)
	rec.result = result
	if err != nil {
		return nil, err
	}
	answer := newResponse(result, tracing.TraceID(ctx))
	turn.complete(ctx, task, result, answer)
	return answer, nil
}

// deadline returns the context of a run: it ends early enough that the answer and the trace still get out before
// the request itself is out of time.
func (a *App) deadline(ctx context.Context, header http.Header) (context.Context, context.CancelFunc) {
	end := time.Now().Add(a.timeout)
	if framework, ok := ctx.Deadline(); ok && framework.Before(end) {
		end = framework
	}
	reserve := min(a.reserve, time.Until(end)/4)
	ctx, cancel := context.WithDeadline(ctx, end.Add(-reserve))
	return agent.ContextWithDepth(ctx, agent.DepthFromHeader(header)), cancel
}
