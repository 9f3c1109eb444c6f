package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
)

const (
	functionMain = "example.com/gemini-agent/bench/functionmain" // what the platform's build makes of this module
	executePath  = "/api/v1/agent/execute"
	// grace is for a process to end from SIGTERM on. The platform gives 10 s, which the function minds by its own clock;
	// the rest is for a busy machine.
	grace = 30 * time.Second
)

// deployed is the function as a process, in the environment of a deploy, with Gemini and the trace backend in the
// test.
type deployed struct {
	*process.Process
	url     string
	gemini  *geminisim.Server
	backend *receiver
}

// deploy starts a program. env comes after, and so instead of, what it is started with otherwise.
func deploy(tb testing.TB, program string, env ...string) *deployed {
	tb.Helper()
	d := &deployed{gemini: geminisim.New(geminisim.Config{}), backend: startReceiver(tb)}
	gemini := httptest.NewServer(d.gemini)
	tb.Cleanup(func() {
		gemini.CloseClientConnections() // a model that hangs does so as long as there is somebody to hang for
		gemini.Close()
	})
	port := process.FreePort(tb)
	d.url = "http://" + net.JoinHostPort("127.0.0.1", port)
	d.Process = process.Start(tb, program, process.Environ(append([]string{
		"FUNCTION_TARGET=Agent", "PORT=" + port,
		"GEMINI_API_KEY=test", "GOOGLE_GEMINI_BASE_URL=" + gemini.URL,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + d.backend.addr, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
	}, env...)...))
	d.AwaitPort(tb, port)
	return d
}

// reply is an answer over HTTP.
type reply struct {
	status  int
	header  http.Header
	body    string
	traceID string
}

// field returns a string of a JSON body.
func (r reply) field(name string) string {
	var body map[string]any
	_ = json.Unmarshal([]byte(r.body), &body) // then there is no such field
	text, _ := body[name].(string)
	return text
}

// send posts a task.
func send(ctx context.Context, url, task string, header http.Header) (reply, error) {
	body, err := json.Marshal(map[string]string{"task": task})
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+executePath, strings.NewReader(string(body)))
	if err != nil {
		return reply{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(raw), res.Header.Get("X-Trace-Id")}, err
}

// ask posts a task and fails the test unless the answer has the status.
func ask(tb testing.TB, url, task string, status int) reply {
	tb.Helper()
	res, err := send(tb.Context(), url, task, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if res.status != status {
		tb.Fatalf("status %d, want %d: %s", res.status, status, res.body)
	}
	return res
}

// askInFlight posts a task and returns once the model has been asked.
func (d *deployed) askInFlight(ctx context.Context, tb testing.TB) <-chan reply {
	tb.Helper()
	asked, answer := len(d.gemini.Requests()), make(chan reply, 1)
	go func() {
		res, err := send(ctx, d.url, "Hello", nil)
		if err != nil {
			res.body = err.Error()
		}
		answer <- res
	}()
	eventually(tb, "the model is asked", func() bool { return len(d.gemini.Requests()) > asked })
	return answer
}

// terminate sends SIGTERM and fails the test unless the process ends in order.
func (d *deployed) terminate(tb testing.TB, meanwhile ...func()) {
	tb.Helper()
	if runtime.GOOS == "windows" {
		tb.Skip("Windows has no SIGTERM that a process could send")
	}
	d.Signal(tb, syscall.SIGTERM)
	for _, do := range meanwhile {
		do()
	}
	code, err := d.Wait(grace)
	if err != nil || code != 0 {
		tb.Errorf("after SIGTERM: exit code %d, %v", code, err)
	}
}

// check fails the test unless the backend has the whole trace.
func (d *deployed) check(tb testing.TB, traceID, want string) {
	tb.Helper()
	spans := d.backend.trace(traceID)
	checkWhole(tb, spans, "")
	if got := outline(spans); got != strings.TrimPrefix(want, "\n") {
		tb.Errorf("the backend has\n%swant%s", got, want)
	}
}

const answeredTrace = `
gemini-agent: POST /api/v1/agent/execute
  agent.task
    llm.generate
      POST /v1beta/models/{model}:generateContent
`

func TestDeployedFunction(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and waits for processes")
	}
	program := process.Build(t, functionMain)
	for name, test := range map[string]func(*testing.T, string){
		"SIGTERM while the backend is away":       sigtermBackendAway,
		"SIGTERM before the backend is back":      sigtermBackendBackLater,
		"SIGTERM during a request":                sigtermDuringRequest,
		"SIGTERM during a request without an end": sigtermDuringHang,
		"the client goes":                         clientGoes,
		"out of time":                             outOfTime,
		"every setting bad":                       badSettingsDoNotStopIt,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, program)
		})
	}
}

// pending makes traces that cannot be delivered for now.
func pending(t *testing.T, d *deployed) []string {
	t.Helper()
	traces := []string{}
	d.backend.down()
	for range 8 {
		traces = append(traces, ask(t, d.url, "Hello", http.StatusOK).traceID)
	}
	if n := d.backend.count(); n != 0 {
		t.Fatalf("%d traces came although the backend is away", n)
	}
	return traces
}

func sigtermBackendAway(t *testing.T, program string) {
	d := deploy(t, program)
	traces := pending(t, d)
	d.backend.up(t)
	d.terminate(t)
	for _, id := range traces {
		d.check(t, id, answeredTrace)
	}
}

func sigtermBackendBackLater(t *testing.T, program string) {
	d := deploy(t, program)
	traces := pending(t, d)
	d.terminate(t, func() {
		time.Sleep(3 * time.Second)
		d.backend.up(t)
	})
	for _, id := range traces {
		d.check(t, id, answeredTrace)
	}
}

func sigtermDuringRequest(t *testing.T, program string) {
	d := deploy(t, program)
	d.gemini.Script(geminisim.Text("Here I am.").After(2 * time.Second))
	answer := d.askInFlight(t.Context(), t)
	d.terminate(t)
	res := <-answer
	if res.status != http.StatusOK || res.field("response") != "Here I am." {
		t.Errorf("answer = %d %s", res.status, res.body)
	}
	d.check(t, res.traceID, answeredTrace)
}

func sigtermDuringHang(t *testing.T, program string) {
	d := deploy(t, program)
	d.gemini.Script(geminisim.Hang())
	answer := d.askInFlight(t.Context(), t)
	d.terminate(t)
	res := <-answer
	if res.status != http.StatusServiceUnavailable || !strings.Contains(res.field("detail"), "shutting down") {
		t.Errorf("answer = %d %s", res.status, res.body)
	}
	d.check(t, res.traceID, `
gemini-agent: POST /api/v1/agent/execute !503
  agent.task !canceled
    llm.generate !canceled
      POST /v1beta/models/{model}:generateContent
`)
}

func clientGoes(t *testing.T, program string) {
	d := deploy(t, program)
	d.gemini.Script(geminisim.Hang())
	ctx, cancel := context.WithCancel(t.Context())
	answer := d.askInFlight(ctx, t)
	cancel()
	if res := <-answer; res.status != 0 {
		t.Fatalf("the client got an answer: %d %s", res.status, res.body)
	}
	eventually(t, "the trace is there", func() bool { return d.backend.count() == 1 })
	d.terminate(t)
	d.check(t, d.backend.ids()[0], `
gemini-agent: POST /api/v1/agent/execute
  agent.task !canceled
    llm.generate !canceled
      POST /v1beta/models/{model}:generateContent
`)
}

func outOfTime(t *testing.T, program string) {
	d := deploy(t, program, "REQUEST_TIMEOUT=5s")
	d.gemini.Script(geminisim.Hang())
	res := ask(t, d.url, "Hello", http.StatusGatewayTimeout)
	d.check(t, res.traceID, `
gemini-agent: POST /api/v1/agent/execute !504
  agent.task !timeout
    llm.generate !timeout
      POST /v1beta/models/{model}:generateContent !timeout
`)
}
