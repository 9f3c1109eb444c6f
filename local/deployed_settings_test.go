package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const secretSetting = "s3cr3t-5f1d7c2b"

// badSettings are no good, each for itself, in two environments because some are looked at only when another is good.
var badSettings = map[string]struct{ bad, good []string }{
	"each": {bad: []string{
		"LOG_LEVEL=loud",
		"REQUEST_TIMEOUT=soon",
		"AGENT_NAME=" + strings.Repeat("n", 65),
		"AGENT_DESCRIPTION=" + strings.Repeat("n", 501),
		"AGENT_INSTRUCTIONS_FILE=nowhere/prompt.md",
		"GEMINI_THINKING_LEVEL=deep",
		"GEMINI_MAX_OUTPUT_TOKENS=many",
		"GEMINI_TEMPERATURE=hot",
		"GEMINI_TOP_P=2",
		"GEMINI_SEED=luck",
		"GEMINI_SAFETY=sometimes",
		"GEMINI_TOOLS=hammer",
		"SUB_AGENT_URL=ftp://nowhere",
		"MCP_SERVER_URL=gopher://nowhere",
		"OTEL_SDK_DISABLED=perhaps",
		"OTEL_RESOURCE_ATTRIBUTES=nonsense",
		"OTEL_PROPAGATORS=pigeon",
		"OTEL_TRACES_EXPORTER=otlp,pigeon",
		"OTEL_TRACES_SAMPLER=dice",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=gopher://nowhere",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=pigeon",
		"OTEL_EXPORTER_OTLP_HEADERS=" + secretSetting,
		"OTEL_EXPORTER_OTLP_TIMEOUT=long",
		"OTEL_EXPORTER_OTLP_COMPRESSION=zip",
		"CLOUD_TRACE_ENDPOINT=:::",
		"TRACE_KEEP_SLOWER_THAN=snail",
		"TRACE_MIN_DURATION=blink",
		"TRACE_FLUSH_TIMEOUT=never",
		"TRACE_BUFFER_SPANS=many",
		"TRACE_BUFFER_BYTES=much",
		"TRACE_REMOTE_SAMPLED_PER_SECOND=few",
		"TRACE_PREVIEWS=perhaps",
		"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=perhaps",
	}},
	"beside a good one": {
		bad: []string{
			"SUB_AGENT_AUTH=handshake",
			"OTEL_TRACES_SAMPLER_ARG=often",
			"OTEL_EXPORTER_OTLP_INSECURE=perhaps",
			"OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere/cert.pem",
		},
		good: []string{
			"SUB_AGENT_URL=http://127.0.0.1:1", "OTEL_TRACES_SAMPLER=traceidratio",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.invalid:4317",
		},
	},
}

// badSettingsDoNotStopIt: the function serves all the same, and says of each setting what is wrong with it.
func badSettingsDoNotStopIt(t *testing.T, program string) {
	for name, env := range badSettings {
		t.Run(name, func(t *testing.T) { servesWith(t, program, env.bad, env.good) })
	}
}

func servesWith(t *testing.T, program string, bad, good []string) {
	d := deploy(t, program, append(good, bad...)...)
	ask(t, d.url, "Hello", http.StatusOK)
	var warnings strings.Builder
	for line := range strings.Lines(d.Output()) {
		var entry struct{ Severity, Message string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Severity == "WARNING" {
			warnings.WriteString(entry.Message + "\n")
		}
	}
	for _, setting := range bad {
		name, value, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(value, "/") {
			name = value // a file says as much as the setting's name
		}
		if !strings.Contains(warnings.String(), name) {
			t.Errorf("no warning names %s", name)
		}
	}
	if strings.Contains(d.Output(), secretSetting) {
		t.Error("the value of a setting that holds secrets is in the log")
	}
}
