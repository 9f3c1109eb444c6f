package agent

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestDelegateTool(t *testing.T) {
	tests := []struct {
		name    string
		args    map[string]any
		handler http.HandlerFunc
		want    string // JSON of the result
		fails   string // text of the error
		reason  string
	}{
		{"answer", map[string]any{"task": "sum it up"},
			respond(200, "application/json", `{"response":"done","total_steps":3,"finish_reason":"stop","trace_id":"x"}`),
			`{"response":"done","total_steps":3,"finish_reason":"stop"}`, "", ""},
		{"refused", map[string]any{"task": "x"}, respond(400, "application/problem+json", `{"title":"t","detail":"too odd"}`),
			"", "the sub-agent refused the task (400): too odd", "400"},
		{"failed", map[string]any{"task": "x"}, respond(500, "application/problem+json", `{"detail":"secret cause"}`),
			"", "The sub-agent failed (500).", "500"},
		{"other JSON", map[string]any{"task": "x"}, respond(200, "application/json", `[]`),
			"", "the sub-agent's answer has another form than an agent's", "not_json"},
		{"no task", map[string]any{}, nil, "", "task must be 1 to 32768 bytes long", "invalid_arguments"},
		{"long task", map[string]any{"task": strings.Repeat("x", 32769)}, nil,
			"", "task must be 1 to 32768 bytes long", "invalid_arguments"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var in map[string]any
				if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["task"] != tt.args["task"] || len(in) != 1 {
					t.Errorf("the sub-agent got %v, %v", in, err)
				}
				tt.handler(w, r)
			})
			tool := newSubAgent(t, SubAgentConfig{URL: server.URL}).Tool()
			got, err := tool.Call(t.Context(), tt.args)
			if tt.fails != "" {
				var named interface{ ErrorType() string }
				if err == nil || err.Error() != tt.fails || !errors.As(err, &named) || named.ErrorType() != tt.reason {
					t.Fatalf("Call = %v, %v; want error %q (%s)", got, err, tt.fails, tt.reason)
				}
				return
			}
			data, _ := json.Marshal(got)
			if err != nil || string(data) != tt.want {
				t.Errorf("Call = %s, %v; want %s", data, err, tt.want)
			}
		})
	}
}

// The sub-agent learns for whom it works: what the caller said, and nothing made up.
func TestDelegateToolPassesTheCallerOn(t *testing.T) {
	for _, tt := range []struct {
		task Task
		want string
	}{
		{Task{UserID: "user-1", SessionID: "session-1"}, `{"task":"x","user_id":"user-1","session_id":"session-1"}`},
		{Task{SessionID: "session-1"}, `{"task":"x","session_id":"session-1"}`},
		{Task{}, `{"task":"x"}`},
	} {
		var got []byte
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got, _ = io.ReadAll(r.Body)
			respond(200, "application/json", `{"response":"done"}`)(w, r)
		})
		tools := []Tool{newSubAgent(t, SubAgentConfig{URL: server.URL}).Tool()}
		m := script(asks(Call{Name: DelegateToolName, Args: map[string]any{"task": "x"}}), says("done"))
		tt.task.Text = "go"
		if _, err := New(m, Config{Tools: tools}).Run(t.Context(), tt.task); err != nil || string(got) != tt.want {
			t.Errorf("the sub-agent got %s, want %s (%v)", got, tt.want, err)
		}
	}
}

func TestDelegateToolDeclaration(t *testing.T) {
	tool := newSubAgent(t, SubAgentConfig{URL: "http://127.0.0.1:1"}).Tool()
	resolved, err := tool.Parameters.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(map[string]any{"task": "x"}); err != nil {
		t.Errorf("a task is refused: %v", err)
	}
	if err := resolved.Validate(map[string]any{}); err == nil {
		t.Error("no task is accepted")
	}
	if tool.Timeout <= 30*time.Second {
		t.Errorf("tool timeout %s would cut the call's own limit short", tool.Timeout)
	}
}
