package agenttrace_test

import (
	"testing"

	"example.com/gemini-agent/tracing/agenttrace"
)

func TestModelMismatch(t *testing.T) {
	for _, tc := range []struct {
		asked, answered string
		want            bool
	}{
		{"gemini-3.8-flash", "gemini-3.8-flash", false},
		{"models/gemini-3.8-flash", "gemini-3.8-flash", false},
		{"gemini-3.8-flash", "models/gemini-3.8-flash", false},
		{"publishers/google/models/gemini-3.8-flash", "Gemini-3.8-Flash", false},
		{"gemini-3.8-flash", "gemini-3.8-flash-001", false},
		{"gemini-3.8-flash-001", "gemini-3.8-flash", false},
		{"gemini-3.8-flash", "gemini-3.8-flash@20251101", false},
		{"gemini-2.5-flash-preview", "gemini-2.5-flash-preview-09-2025", false},
		{"gemini-flash-latest", "gemini-3.8-flash", false},
		{"projects/p/locations/l/endpoints/123", "gemini-3.8-flash", false},
		{"tunedModels/mine", "gemini-3.8-flash", false},
		{"gemini-3.8-flash", "", false},
		{"", "gemini-3.8-flash", false},
		{"gemini-3.8-flash", "gemini-3.8-flash-lite", true},
		{"gemini-3.8-flash-lite", "gemini-3.8-flash", true},
		{"gemini-3.8-flash", "gemini-3.8-flash-8b", true},
		{"gemini-3.8-flash-001", "gemini-3.8-flash-002", true},
		{"gemini-3.8-pro", "gemini-3.8-flash", true},
		{"gemini-3.8-pro", "gemini-3.8-pro-", true},
	} {
		if got := agenttrace.ModelMismatch(tc.asked, tc.answered); got != tc.want {
			t.Errorf("ModelMismatch(%q, %q) = %v, want %v", tc.asked, tc.answered, got, tc.want)
		}
	}
}
