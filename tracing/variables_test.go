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

// Each variable of the OpenTelemetry specification works, or is named once when it is set
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and .../protocol/exporter/).
func TestSpecificationsVariables(t *testing.T) {
	t.Parallel()
	otlp := func(signal string) (names []string) {
		for _, suffix := range []string{
			"ENDPOINT", "HEADERS", "PROTOCOL", "TIMEOUT", "COMPRESSION", "INSECURE", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY",
		} {
			names = append(names, "OTEL_EXPORTER_OTLP_"+signal+suffix)
		}
		return names
	}
	works := slices.Concat([]string{
		"OTEL_SDK_DISABLED", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER",
		"OTEL_TRACES_SAMPLER_ARG", "OTEL_TRACES_EXPORTER", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT",
		"OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
	}, otlp(""), otlp("TRACES_"))
	named := slices.Concat([]string{
		"OTEL_ENTITIES", "OTEL_LOG_LEVEL", "OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE", "OTEL_SEMCONV_STABILITY_OPT_IN",
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
		"OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
		"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_METRIC_EXPORT_INTERVAL",
		"OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
		"OTEL_EXPORTER_OTLP_METRIC_INSECURE", "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT",
		"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT", "OTEL_EXPORTER_JAEGER_ENDPOINT",
		"OTEL_EXPORTER_JAEGER_AGENT_HOST", "OTEL_PYTHON_LOG_CORRELATION", "OTEL_JAVAAGENT_ENABLED",
	}, otlp("METRICS_"), otlp("LOGS_"))
	set := func(string) string { return "x" }
	for _, name := range works {
		if !slices.Contains(variables(), name) {
			t.Errorf("%s is not read", name)
		}
		if err := CheckVariables([]string{name}, set); err != nil {
			t.Errorf("%s works: %v", name, err)
		}
	}
	for _, name := range variables() {
		if strings.HasPrefix(name, "OTEL_") && !slices.Contains(works, name) {
			t.Errorf("%s is in no specification", name)
		}
	}
	for _, name := range named {
		if err := CheckVariables([]string{name, name}, set); err == nil ||
			err.Error() != name+": set, but not supported: without effect here" {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := CheckVariables(slices.Concat(works, named, named), set)
	if err == nil || strings.Count(err.Error(), "\n") != 0 {
		t.Fatalf("%v, want one sentence", err)
	}
	for _, name := range named {
		listed := strings.Split(strings.TrimSuffix(err.Error(), ": set, but not supported: without effect here"), ", ")
		if n := len(slices.DeleteFunc(listed, func(s string) bool { return s != name })); n != 1 {
			t.Errorf("%s is named %d times", name, n)
		}
	}
}
