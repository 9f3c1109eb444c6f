package function

import (
	"bytes"
	"encoding/json"
	"net/http"

	"example.com/gemini-agent/agent"
)

// response is the answer of execute.
type response struct {
	Response     string       `json:"response"`
	Steps        []agent.Step `json:"steps"`
	TotalSteps   int          `json:"total_steps"`
	FinishReason string       `json:"finish_reason"`
	Model        string       `json:"model"`
	Usage        usage        `json:"usage"`
	SessionID    string       `json:"session_id,omitempty"`
	Turn         int          `json:"turn,omitempty"`
	SessionSaved *bool        `json:"session_saved,omitempty"` // absent: the task is of no session
	TraceID      string       `json:"trace_id"`
}

func newResponse(r *agent.Result, traceID string) *response {
	return &response{
		Response:     r.Response,
		Steps:        r.Steps,
		TotalSteps:   len(r.Steps),
		FinishReason: r.FinishReason,
		Model:        r.Model,
		Usage:        newUsage(r),
		TraceID:      traceID,
	}
}

// usage is what a task has used up. What sub-agents have used for it stands apart.
type usage struct {
	tokens
	Delegated *tokens `json:"delegated,omitempty"`
}

type tokens struct {
	Input     int      `json:"input_tokens"`
	Output    int      `json:"output_tokens"` // thoughts included
	Cached    int      `json:"cached_tokens"`
	Reasoning int      `json:"reasoning_tokens"`
	CostUSD   *float64 `json:"cost_usd,omitempty"` // absent: a price is not known
}

func newUsage(r *agent.Result) usage {
	u := usage{tokens: newTokens(r.Spent)}
	if r.Delegated != (agent.Spent{}) {
		d := newTokens(r.Delegated)
		u.Delegated = &d
	}
	return u
}

// usage is what a request without an answer has used up; nil: nothing.
func (rec *taskRecord) usage() *usage {
	r := rec.result
	if r == nil {
		r = &agent.Result{Delegated: rec.delegated}
	}
	if r.Spent == (agent.Spent{}) && r.Delegated == (agent.Spent{}) {
		return nil
	}
	u := newUsage(r)
	return &u
}

func newTokens(s agent.Spent) tokens {
	return tokens{s.Usage.InputTokens, s.Usage.OutputTokens, s.Usage.CachedInputTokens, s.Usage.ReasoningTokens, s.CostUSD}
}

// writeJSON writes a whole answer.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError) // our types always encode
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the client may be gone; there is nobody to tell
}
