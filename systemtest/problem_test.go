package systemtest

import (
	"net/http"
	"strings"
	"testing"
)

// checkProblem fails the test unless a is a problem document (RFC 9457) that says this and names this field.
func checkProblem(t *testing.T, a answer, detail, field string) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	m := a.fields(t)
	title := http.StatusText(a.status)
	for key, want := range map[string]any{
		"type": "about:blank", "title": title, "status": float64(a.status), "trace_id": a.header.Get("X-Trace-ID"),
	} {
		if m[key] != want || want == "" {
			t.Errorf("%s is %v, want %v", key, m[key], want)
		}
	}
	if got, _ := m["detail"].(string); got == "" || !strings.Contains(got, detail) {
		t.Errorf("detail is %q, want %q in it", got, detail)
	}
	if got, _ := m["field"].(string); got != field {
		t.Errorf("field is %q, want %q", got, field)
	}
	for key := range m {
		switch key {
		case "type", "title", "status", "detail", "field", "trace_id":
		default:
			t.Errorf("unknown member %s", key)
		}
	}
}
