package tracing

import (
	"slices"
	"strings"
	"testing"
)

func TestVariablesWithoutEffectAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value, want string // "": nothing is said
	}{
		{"TRACE_FLUSH_TIMEOUT", "1s", ""},
		{"TRACE_FLUSH_TIMOUT", "1s", "TRACE_FLUSH_TIMOUT: nothing reads this; is TRACE_FLUSH_TIMEOUT meant?"},
		{"TRACE_KEEP_SLOWER", "1s", "is TRACE_KEEP_SLOWER_THAN meant?"},
		{"TRACE_DEAD_LETTERS", "log", "is TRACE_DEAD_LETTER meant?"},
		{"TRACE_OF_SOMEBODY_ELSE", "1", ""},
		{"GEMINI_MODLE", "x", "is GEMINI_MODEL meant?"},
		{"GEMINI_CLI_HOME", "x", ""},
		{"GEMNI_MODEL", "x", ""}, // another prefix is somebody else's
		{"OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "x", "is OTEL_EXPORTER_OTLP_TRACES_ENDPOINT meant?"},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "x", ""},
		{"OTEL_BSP_SCHEDULE_DELAY", "5", "OTEL_BSP_SCHEDULE_DELAY: set, but not supported"},
		{"OTEL_METRICS_EXPORTER", "none", ""},
		{"OTEL_METRICS_EXPORTER", "otlp", "OTEL_METRICS_EXPORTER: set, but not supported"},
		{"OTEL_CONFIG_FILE", "", ""},
		{"PATH", "x", ""},
	} {
		err := CheckVariables([]string{tt.name, "HOME"}, envOf(map[string]string{tt.name: tt.value}),
			"GEMINI_MODEL", "GEMINI_API_KEY")
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	all := []string{"OTEL_LOGS_EXPORTER", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_LOGS_EXPORTER"}
	err := CheckVariables(all, func(string) string { return "x" })
	if want := "OTEL_BLRP_SCHEDULE_DELAY, OTEL_LOGS_EXPORTER: set, but"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want one sentence for all", err)
	}
}

// Whatever ConfigFromEnv asks for is in the list.
func TestVariablesAreAllThatIsRead(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "collector:4317"} {
		_, _ = ConfigFromEnv(func(name string) string {
			if (strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "TRACE_")) && !slices.Contains(variables(), name) {
				t.Errorf("%s is read and not in the list", name)
			}
			if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
				return endpoint
			}
			return ""
		})
	}
}
