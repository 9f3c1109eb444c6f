package function

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
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
		`"paths":["POST /api/v1/agent/execute","POST /api/v1/agent/delegate",` +
		`"GET /api/v1/agent/sessions/{id}","DELETE /api/v1/agent/sessions/{id}","GET /openapi.json"]}` + "\n"
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

// What describes the agent, and what browsers ask before they ask, leaves no trace and no line in the log: not on any path.
func TestProbesAndOptionsLeaveNoTrace(t *testing.T) {
	log := &bytes.Buffer{}
	a, rec := newTestApp(t, modelFunc(says), map[string]string{"OTEL_TRACES_SAMPLER": "always_on"})
	a.logger = slog.New(slog.NewTextHandler(log, nil))
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
		traced       bool
	}{
		{"GET", "/", 200, "", false},
		{"HEAD", "/", 200, "", false},
		{"GET", openAPIPath, 200, "", false},
		{"HEAD", openAPIPath, 200, "", false},
		{"POST", openAPIPath, 404, "", true},
		{"OPTIONS", "/", 204, "GET, HEAD, OPTIONS", false},
		{"OPTIONS", openAPIPath, 204, "GET, HEAD, OPTIONS", false},
		{"OPTIONS", executePath, 204, "POST, OPTIONS", false},
		{"OPTIONS", delegatePath + "?agent=x", 204, "POST, OPTIONS", false},
		{"OPTIONS", "/nothing", 404, "", false},
		{"POST", "/", 404, "", true},
		{"GET", "//", 307, "", true},
		{"GET", "/nothing", 404, "", true},
		{"GET", executePath, 405, "POST", true},
		{"HEAD", executePath, 405, "POST", true},
		{"POST", executePath, 415, "", true},
	} {
		rec.Reset()
		log.Reset()
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s = %d, Allow %q; want %d, %q", tt.method, tt.path, w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
		}
		if traced, logged := len(rec.Spans()) > 0, log.Len() > 0; traced != tt.traced || logged != tt.traced {
			t.Errorf("%s %s: traced %v, logged %v, want %v", tt.method, tt.path, traced, logged, tt.traced)
		}
		if traced := w.Header().Get("X-Trace-Id") != ""; traced != tt.traced {
			t.Errorf("%s %s: X-Trace-ID %v, want %v", tt.method, tt.path, traced, tt.traced)
		}
	}
}

// The index says by which names the sub-agents go, and nothing of where they are.
func TestIndexNamesTheSubAgents(t *testing.T) {
	a, _ := newTestApp(t, nil, map[string]string{
		"AGENT_NAME": "desk", "AGENT_DESCRIPTION": "Answers <all> questions.", "OTEL_SERVICE_NAME": "service",
		"SUB_AGENTS": "research=https://hidden.example,math=https://hidden.example/2",
	})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	want := `{"name":"desk","version":"","description":"Answers <all> questions.",` +
		`"paths":["POST /api/v1/agent/execute","POST /api/v1/agent/delegate",` +
		`"GET /api/v1/agent/sessions/{id}","DELETE /api/v1/agent/sessions/{id}","GET /openapi.json"],"sub_agents":["research","math"]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Errorf("GET / (-want +got):\n%s", diff)
	}
}

// A name and a description that no span has are not the agent's in its index either.
func TestIndexHasNothingThatWasRefused(t *testing.T) {
	a, _ := newTestApp(t, nil, map[string]string{
		"AGENT_NAME": "one\ntwo", "AGENT_DESCRIPTION": strings.Repeat("é", maxDescription+1), "OTEL_SERVICE_NAME": "service",
	})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Body.String(); !strings.HasPrefix(got, `{"name":"service","version":"","paths":`) {
		t.Errorf("GET / = %s", got)
	}
}
