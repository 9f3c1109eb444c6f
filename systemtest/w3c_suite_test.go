package systemtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"example.com/gemini-agent/bench/process"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/httptrace"
)

// TestW3CSuite runs the W3C's own tests of trace context (https://github.com/w3c/trace-context, folder test, Python with
// aiohttp) against the middleware and the client transport, at level 2:
//
//	TRACE_CONTEXT_SUITE=../trace-context/test go test ./systemtest -run W3CSuite -v
//
// PYTHON is the interpreter, python3 by default.
func TestW3CSuite(t *testing.T) {
	suite := os.Getenv("TRACE_CONTEXT_SUITE")
	if suite == "" {
		t.Skip("set TRACE_CONTEXT_SUITE to the folder test of a checkout of w3c/trace-context")
	}
	cfg, err := tracing.ConfigFromEnv(func(name string) string {
		return map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_PROPAGATORS": "tracecontext"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := tracing.Setup(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Shutdown(t.Context()) }()
	client := &http.Client{Transport: p.Transport(&http.Transport{}, httptrace.TransportConfig{Propagate: true})}
	service := httptest.NewServer(p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var calls []struct {
			URL       string
			Arguments json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&calls); err != nil {
			http.Error(w, "no list of calls", http.StatusBadRequest)
			return
		}
		for _, c := range calls {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, c.URL, bytes.NewReader(c.Arguments))
			if err != nil {
				http.Error(w, "no URL", http.StatusBadRequest)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
	}), httptrace.MiddlewareConfig{}))
	defer service.Close()
	cmd := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("PYTHON"), "python3"), "test.py", service.URL)
	cmd.Dir, err = filepath.Abs(suite)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = process.Environ("SPEC_LEVEL=2", "HARNESS_PORT="+process.FreePort(t))
	out, err := cmd.CombinedOutput()
	ran := regexp.MustCompile(`(?m)^Ran (\d+) tests`).FindSubmatch(out)
	if err != nil || ran == nil || string(ran[1]) == "0" {
		t.Fatalf("%v:\n%s", err, out)
	}
	t.Logf("%s tests passed", ran[1])
}
