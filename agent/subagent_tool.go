package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"example.com/gemini-agent/tracing/redact"
)

// DelegateToolName is the name of the tool that hands a task to the sub-agent without a name of its own. That of any other
// is delegate_to_NAME.
const DelegateToolName = "delegate_to_subagent"

const maxTaskBytes = 32768

// delegation is what the sub-agent gets.
type delegation struct {
	Task      string `json:"task"`
	UserID    string `json:"user_id,omitempty"`
	SessionID string `json:"session_id,omitempty"`

	MaxTokens  int     `json:"max_tokens,omitempty"`
	MaxCostUSD float64 `json:"max_cost_usd,omitempty"`
}

// delegated is what the model gets back.
type delegated struct {
	Response     string `json:"response"`
	TotalSteps   int    `json:"total_steps"`
	FinishReason string `json:"finish_reason,omitempty"`
}

// ToolName is the name of the sub-agent's tool.
func (s *SubAgent) ToolName() string {
	if s == nil || s.cfg.Name == DefaultSubAgentName {
		return DelegateToolName
	}
	return "delegate_to_" + s.cfg.Name
}

// Tool returns the sub-agent's tool: it gives the sub-agent a task, in the name of the caller and within the caller's
// session, and returns its answer and how many steps it took. Every failure is an error for the model, with the public
// text of Execute's errors and nothing of their causes. The tool is described in general terms; [SubAgent.Tools] asks the
// sub-agent.
func (s *SubAgent) Tool() Tool {
	tool := Tool{
		Name: s.ToolName(), Description: describeDelegation("another agent", ""), Parameters: delegationParameters(),
		Call: s.delegate, Delegates: true,
	}
	if s != nil {
		// A little more than the call's own limit, so that its clearer error comes first.
		tool.Timeout = s.cfg.Timeout + time.Second
	}
	return tool
}

// describeDelegation tells the model what a sub-agent is good for. says is the sub-agent's own description, "" for none.
func describeDelegation(who, says string) string {
	text := "Gives a self-contained task to " + who + " and returns its answer."
	if says != "" {
		text += " What it does: " + says
	}
	return text + " It knows nothing of this conversation: put everything it needs into the task."
}

func delegationParameters() *jsonschema.Schema {
	longest := maxTaskBytes
	return &jsonschema.Schema{
		Type: "object",
		Properties: map[string]*jsonschema.Schema{
			"task": {Type: "string", Description: "The task, in plain words.", MaxLength: &longest},
		},
		Required: []string{"task"},
	}
}

func (s *SubAgent) delegate(ctx context.Context, args map[string]any) (any, error) {
	task, _ := args["task"].(string)
	task = strings.TrimSpace(task)
	if task == "" || len(task) > maxTaskBytes {
		return nil, &ToolError{Reason: "invalid_arguments",
			Text: fmt.Sprintf("task must be 1 to %d bytes long", maxTaskBytes)}
	}
	who := callerOf(ctx)
	share := allowanceOf(ctx)
	if share.none {
		return nil, &ToolError{Reason: ReasonBudget, Text: "too little is left of the task's budget for another agent"}
	}
	sessionID, done := who.delegate(s)
	defer done()
	body, err := json.Marshal(delegation{
		Task: task, UserID: who.userID, SessionID: sessionID, MaxTokens: share.Tokens, MaxCostUSD: share.CostUSD,
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the task: %w", err)
	}
	res, err := s.Execute(ctx, body)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, &ToolError{Reason: e.Reason, Text: e.Message, Err: e}
		}
		return nil, err
	}
	if res.Status >= 400 {
		text := fmt.Sprintf("the sub-agent refused the task (%d)", res.Status)
		if detail := problemText(res.Body); detail != "" {
			text += ": " + detail
		}
		if res.RetryAfter != "" {
			text += " (retry after " + redact.Bytes(res.RetryAfter, 40) + ")"
		}
		return nil, &ToolError{Reason: fmt.Sprint(res.Status), Text: text}
	}
	var out delegated
	if err := json.Unmarshal(res.Body, &out); err != nil {
		return nil, &ToolError{Reason: "not_json", Err: err,
			Text: "the sub-agent's answer has another form than an agent's"}
	}
	return out, nil
}
