package function

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/tracingtest"
)

func TestIndexSaysWhichVersionAnswersAndLeavesNoTrace(t *testing.T) {
	rec, log := tracingtest.NewRecorder(), &bytes.Buffer{}
	a := New(t.Context(), Config{
		Getenv: func(name string) string {
			return map[string]string{
				"APP_VERSION": "1.2.3", "OTEL_SERVICE_NAME": "my-agent",
				"OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER": "always_on",
			}[name]
		},
		LogWriter: log,
		Tracing:   func(tc *tracing.Config) { tc.Exporters = append(tc.Exporters, rec.Exporter()) },
	})
	t.Cleanup(func() { _ = a.Shutdown(context.Background()) })
	log.Reset() // of what it said about its settings

	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?probe=1", nil))
	want := `{"name":"my-agent","version":"1.2.3",` +
		`"paths":["POST /api/v1/agent/execute","POST /api/v1/agent/delegate"]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); w.Code != http.StatusOK || diff != "" {
		t.Errorf("GET / = %d (-want +got):\n%s", w.Code, diff)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q", got)
	}
	if spans := rec.Spans(); len(spans) > 0 || log.Len() > 0 {
		t.Errorf("it left the spans %q and the log %q", names(spans), log)
	}

	// Any other request leaves both.
	a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/nothing", nil))
	if len(rec.Spans()) == 0 || log.Len() == 0 {
		t.Errorf("a request for what is not there left %d spans and %d bytes of log", len(rec.Spans()), log.Len())
	}
}

func TestIndexIsOnlyItsOwnPathAndMethod(t *testing.T) {
	a, _ := newTestApp(t, nil, nil)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodHead, "/", http.StatusOK},
		{http.MethodPost, "/", http.StatusNotFound},
		{http.MethodGet, "/nothing", http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
	}
}
