package systemtest

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/tracingtest"
)

// taskLine is the one line of the latest invocation.
func taskLine(t *testing.T, log *lines) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, r := range log.records(t) {
		if r["message"] == "task done" || r["message"] == "request refused" {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines, want one:\n%s", len(found), log)
	}
	return found[0]
}

// goldenLine compares the line of the only invocation with testdata/lines/NAME.golden. What changes with the day, the
// place of a line of code or the length of a prompt only has to be there.
func goldenLine(t *testing.T, name string, log *lines) {
	t.Helper()
	line := taskLine(t, log)
	if _, ok := line["duration_ms"].(float64); !ok {
		t.Errorf("no duration: %v", line)
	}
	maskLine(line)
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(line); err != nil {
		t.Fatal(err)
	}
	tracingtest.Golden(t, filepath.Join("testdata", "lines", name+".golden"), text.String())
}

func maskLine(line map[string]any) {
	for key, value := range line {
		switch value := value.(type) {
		case map[string]any:
			maskLine(value)
		case float64:
			if value > 0 && (strings.HasSuffix(key, "_tokens") || key == "cost_usd" || key == "duration_ms" || key == "lineNumber") {
				line[key] = "<PRESENT>"
			}
		case string:
			if key == "time" || key == "correlation.id" || key == "filePath" || strings.HasPrefix(key, "logging.googleapis.com/") {
				line[key] = "<PRESENT>"
			}
		}
	}
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
			line := taskLine(t, s.log)
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

// Every kept and every dropped span is told once, at the default level: what alerts sum is what happened.
func TestLinesAddUpToTheSpans(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + closedPort, "TRACE_FLUSH_TIMEOUT": "3s",
		"TRACE_BUFFER_SPANS": "10",
	}})
	for range 8 {
		s.do(task("Hi")).want(t, 200)
	}
	stats := s.app.Tracing().Stats()
	if stats.Dropped == 0 {
		t.Fatal("nothing was dropped")
	}
	meshEventually(t, "a log of all spans", func() bool { // the pipeline's own lines come when they come
		kept, dropped := 0.0, 0.0
		for _, r := range s.log.records(t) {
			k, _ := r["spans_kept"].(float64)
			d, _ := r["spans_dropped"].(float64)
			kept, dropped = kept+k, dropped+d
		}
		if int64(kept) > stats.Kept || int64(dropped) > stats.Dropped {
			t.Fatalf("lines add up to %v kept and %v dropped spans, the pipeline has %+v", kept, dropped, stats)
		}
		return int64(kept) == stats.Kept && int64(dropped) == stats.Dropped
	})
}
