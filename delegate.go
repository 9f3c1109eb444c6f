package function

import (
	"encoding/json"
	"net/http"

	"example.com/gemini-agent/agent"
)

// delegate hands the task to the sub-agent that the request names, and its answer back. The sub-agent's work is in the same
// trace.
func (a *App) delegate(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := a.deadline(r.Context(), r.Header) // of the whole request: reading the body counts
	defer cancel()
	task, body, err := readTask(ctx, w, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rec := recordOf(r.Context())
	rec.task = &task
	sub, err := a.subAgents.choose(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	ctx, delegated := agent.ContextWithDelegated(agent.ContextWithCaller(ctx, task.UserID, task.SessionID))
	if a.ceiling != (agent.Budget{}) {
		body = withBudget(body, task.Budget.Within(a.ceiling))
	}
	if wantsStream(r) {
		stream := a.newStream(w, r, &task, cancel)
		defer stream.close()
		answer, err := sub.Stream(ctx, body, stream)
		rec.delegated = delegated.Spent()
		stream.passOn(answer, err)
		return
	}
	answer, err := sub.Execute(ctx, body)
	rec.delegated = delegated.Spent()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	passOn(w, answer)
}

// passOn ends a stream with the sub-agent's answer, which is a plain one where no stream has begun.
func (s *stream) passOn(answer *agent.SubAgentResponse, err error) {
	switch {
	case err != nil:
		s.end(nil, err)
	case answer.Status < http.StatusBadRequest:
		s.end(json.RawMessage(answer.Body), nil)
	case s.begun:
		s.last("error", json.RawMessage(answer.Body), answer.Status)
	default:
		passOn(s.w, answer)
	}
}

// passOn gives the caller the sub-agent's answer as it is.
func passOn(w http.ResponseWriter, answer *agent.SubAgentResponse) {
	if answer.RetryAfter != "" {
		w.Header().Set("Retry-After", answer.RetryAfter)
	}
	w.Header().Set("Content-Type", answer.ContentType)
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client may be gone; there is nobody to tell
}
