package main

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// TestPanicsLeaveAWholeTrace: a panic costs its tool call or its request, not the trace and not the process.
func TestPanicsLeaveAWholeTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for processes")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t, program, panicking+"=1", "FUNCTION_TARGET=Panicking")

	d.gemini.Script(geminisim.Calls(geminisim.Call{Name: "explode"}), geminisim.Text("It is broken."))
	res := ask(t, d.url, "Hello", http.StatusOK)
	d.check(t, res.traceID, `
gemini-agent: POST /api/v1/agent/execute
  agent.task
    agent.step.reasoning
      llm.generate
        POST /v1beta/models/{model}:generateContent
      tool.explode !panic
    llm.generate
      POST /v1beta/models/{model}:generateContent
`)

	res, err = send(t.Context(), d.url, "Hello", http.Header{"X-Test-Panic": {"1"}})
	if err != nil || res.status != http.StatusInternalServerError {
		t.Fatalf("answer = %d %s, %v", res.status, res.body, err)
	}
	if got := res.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if strings.Contains(res.body, "boom") || strings.Contains(d.Output(), "boom") {
		t.Error("the panic's value is in the answer or in the log")
	}
	d.check(t, res.traceID, `
gemini-agent: POST /api/v1/agent/execute !panic
`)
	d.terminate(t)
}
