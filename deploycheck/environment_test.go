package deploycheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentOfADefaultDeploy(t *testing.T) {
	got, err := Environment(root, map[string]string{"project_id": "p", "region": "r"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"APP_VERSION":                 "rehearsal000",
		"ENVIRONMENT":                 "production",
		"GOOGLE_CLOUD_LOCATION":       "global",
		"GOOGLE_CLOUD_PROJECT":        "p",
		"GOOGLE_GENAI_USE_VERTEXAI":   "true",
		"LOG_LEVEL":                   "info",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://telemetry.googleapis.com",
		"OTEL_TRACES_EXPORTER":        "otlp",
		"REQUEST_TIMEOUT":             "60s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestEnvironmentFollowsTheVariables(t *testing.T) {
	got, err := Environment(root, map[string]string{
		"project_id": "p", "region": "r", "gemini_backend": "gemini_api", "gemini_model": "m", "trace_exporter": "cloudtrace",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"GEMINI_MODEL":                "m",
		"GOOGLE_CLOUD_LOCATION":       "",
		"GOOGLE_GENAI_USE_VERTEXAI":   "false",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "",
		"OTEL_TRACES_EXPORTER":        "cloudtrace",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestEnvironmentRefusesWhatTerraformRefuses(t *testing.T) {
	for problem, given := range map[string]map[string]string{
		"is required":    {"project_id": "p"},
		"none is called": {"project_id": "p", "region": "r", "regoin": "r"},
	} {
		if _, err := Environment(root, given); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("Environment(%v) = %v, want an error with %q", given, err, problem)
		}
	}
}
