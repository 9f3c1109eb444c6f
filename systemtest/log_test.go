package systemtest

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing"
)

// Every line of a request leads to the span it was written in.
func TestLogLinesAreTiedToTheirSpans(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		env      map[string]string
		script   []geminisim.Reply
		call     call
		status   int
		lines    map[string]string // message and the span it was written in
		severity string            // of the last line
	}{
		{
			name: "answered", script: []geminisim.Reply{geminisim.Text("Hello.")}, call: task("Hi"), status: 200,
			lines: map[string]string{"task done": "POST " + executePath}, severity: "INFO",
		},
		{
			name: "another model", script: []geminisim.Reply{geminisim.Text("Hello.").ServedBy("gemini-4-flash")},
			call: task("Hi"), status: 200, lines: map[string]string{
				"another model answers than the one asked for; check GEMINI_MODEL": "llm.generate",
				"task done": "POST " + executePath,
			}, severity: "INFO",
		},
		{
			name: "bad request", call: call{body: `{"task":7}`}, status: 400,
			lines: map[string]string{"task done": "POST " + executePath}, severity: "WARNING",
		},
		{
			name: "not found", call: call{path: "/x"}, status: 404,
			lines: map[string]string{"request refused": "POST"}, severity: "WARNING",
		},
		{
			name: "quota", script: []geminisim.Reply{geminisim.QuotaExceeded(2 * 60e9)}, call: task("Hi"), status: 429,
			lines: map[string]string{"task done": "POST " + executePath}, severity: "WARNING",
		},
		{
			name: "model failed", script: []geminisim.Reply{geminisim.Error(400, "", "bad")}, call: task("Hi"), status: 502,
			lines: map[string]string{"task done": "POST " + executePath}, severity: "ERROR",
		},
		{
			name: "no key", env: map[string]string{"GEMINI_API_KEY": "-"}, call: task("Hi"), status: 503,
			lines: map[string]string{"task done": "POST " + executePath}, severity: "ERROR",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"GOOGLE_CLOUD_PROJECT": "my-project", "APP_VERSION": "1.2.3"}
			for k, v := range tt.env {
				env[k] = v
			}
			s := start(t, setup{env: env, script: tt.script})
			startup := len(s.log.records(t))
			a := s.do(tt.call.with("X-Correlation-ID", "corr-1")).want(t, tt.status)
			records := s.log.records(t)[startup:]
			if len(records) != len(tt.lines) {
				t.Errorf("%d lines, want %d:\n%s", len(records), len(tt.lines), s.log)
			}
			for _, r := range records {
				checkLine(t, r, a, tt.lines[r["message"].(string)])
			}
			last := records[len(records)-1]
			if last["severity"] != tt.severity {
				t.Errorf("severity is %v, want %s", last["severity"], tt.severity)
			}
			checkErrorReport(t, last, tt.status)
		})
	}
}

// checkLine fails the test unless the line has the ids of the named span of a.
func checkLine(t *testing.T, line map[string]any, a answer, name string) {
	t.Helper()
	var in sdktrace.ReadOnlySpan
	for _, span := range a.spans {
		if span.SpanContext().SpanID().String() == line["logging.googleapis.com/spanId"] {
			in = span
		}
	}
	if in == nil || in.Name() != name {
		t.Errorf("not written in %q: %v", name, line)
	}
	for key, want := range map[string]any{
		"logging.googleapis.com/trace":         "projects/my-project/traces/" + a.header.Get("X-Trace-ID"),
		"logging.googleapis.com/trace_sampled": true,
		"correlation.id":                       "corr-1",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	for _, key := range []string{"time", "severity", "message"} {
		if v, _ := line[key].(string); v == "" {
			t.Errorf("%s is missing: %v", key, line)
		}
	}
}

// checkErrorReport fails the test unless a 5xx has the shape Error Reporting takes, and nothing else has.
func checkErrorReport(t *testing.T, line map[string]any, status int) {
	t.Helper()
	kind, _ := line["@type"].(string)
	if status < 500 {
		if kind != "" {
			t.Errorf("status %d is reported as an error: %v", status, line)
		}
		return
	}
	service, _ := line["serviceContext"].(map[string]any)
	where, _ := line["context"].(map[string]any)
	request, _ := where["httpRequest"].(map[string]any)
	location, _ := where["reportLocation"].(map[string]any)
	if !strings.HasSuffix(kind, ".ReportedErrorEvent") || service["service"] != "gemini-agent" ||
		service["version"] != "1.2.3" || request["responseStatusCode"] != float64(status) || location["functionName"] == "" {
		t.Errorf("no error report: %v", line)
	}
}

// A tool's log line belongs to the tool's span.
func TestLogLinesOfToolsAreTiedToTheirSpans(t *testing.T) {
	t.Parallel()
	log := new(lines)
	logger := slog.New(tracing.NewLogHandler(log, tracing.LogConfig{ProjectID: "my-project"})) // of the tool's own
	says := tool(t, "says", func(ctx context.Context) (any, error) {
		logger.InfoContext(ctx, "at work")
		return "ok", nil
	})
	s := start(t, setup{
		tools:  []agent.Tool{says},
		script: []geminisim.Reply{use("says"), geminisim.Text("Done.")},
	})
	a := s.do(task("Hi").with("X-Correlation-ID", "corr-1")).want(t, 200)
	records := log.records(t)
	if len(records) != 1 {
		t.Fatalf("%d lines, want one:\n%s", len(records), log)
	}
	checkLine(t, records[0], a, "tool.says")
}

// The flush tells what it did, at debug, after the request's own line.
func TestTheFlushReportsItself(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{"LOG_LEVEL": "debug"}})
	a := s.do(task("Hi")).want(t, 200)
	for _, r := range s.log.records(t) {
		if r["message"] == "flush" {
			if r["severity"] != "DEBUG" || r["spans"] != float64(len(a.spans)) || r["bytes"] == 0.0 || r["wait_ms"] == nil {
				t.Errorf("flush of %d spans: %v", len(a.spans), r)
			}
			return
		}
	}
	t.Errorf("no such line:\n%s", s.log)
}
