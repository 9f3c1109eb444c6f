package systemtest

import (
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// taskLine is the one line of the latest invocation.
func taskLine(t *testing.T, s *system) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, r := range s.log.records(t) {
		if r["message"] == "task done" {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines, want one:\n%s", len(found), s.log)
	}
	return found[0]
}

// Whatever becomes of a task, one line tells its story: what it used, what failed, and whether its trace was kept.
func TestOneLineTellsTheStory(t *testing.T) {
	t.Parallel()
	usage := geminisim.Usage{Prompt: 1000, Candidates: 100}
	for _, tt := range []struct {
		name   string
		script []geminisim.Reply
		status int
		want   map[string]any
	}{
		{"answered", []geminisim.Reply{geminisim.Text("Hi.").WithUsage(usage)}, 200, map[string]any{
			"severity": "INFO", "finish_reason": "stop", "model": "gemini-3.8-flash", "steps": 0.0, "input_tokens": 1000.0,
			"output_tokens": 100.0, "user": "anonymous", "kept": false, "reason": nil, "logging.googleapis.com/trace_sampled": false,
		}},
		{"failed after a step", []geminisim.Reply{use("calculate").WithUsage(usage), geminisim.Error(400, "", "no")}, 502, map[string]any{
			"severity": "ERROR", "steps": 1.0, "input_tokens": 1000.0, "output_tokens": 100.0, "kept": true, "reason": "error",
			"logging.googleapis.com/trace_sampled": true, "error_type": "400", "finish_reason": "",
		}},
		{"blocked", []geminisim.Reply{geminisim.Blocked("SAFETY").WithUsage(geminisim.Usage{Prompt: 7})}, 200, map[string]any{
			"severity": "INFO", "finish_reason": "blocked", "input_tokens": 7.0, "kept": true, "reason": "error",
		}},
		{"a tool failed", []geminisim.Reply{
			geminisim.Calls(geminisim.Call{Name: "calculate", Args: map[string]any{"expression": "1/0"}}), geminisim.Text("Oh."),
		}, 200, map[string]any{"kept": true, "reason": "error", "finish_reason": "stop", "steps": 1.0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{script: tt.script, env: map[string]string{
				"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0",
			}})
			res, err := s.client.Do(task("Hi").request(s)) // there may be no trace to check
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			line := taskLine(t, s)
			for key, want := range tt.want {
				if line[key] != want {
					t.Errorf("%s is %v, want %v", key, line[key], want)
				}
			}
			if cost, ok := line["cost_usd"].(float64); !ok || cost < 0 {
				t.Errorf("cost_usd is %v", line["cost_usd"])
			}
		})
	}
}
