package main

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

// TestLocal runs `go run ./local` as users do.
func TestLocal(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program and waits for processes")
	}
	program := process.Build(t, localMain)
	for name, test := range map[string]func(*testing.T, string){
		"the README's curl":                answersTheREADME,
		"the README's stream":              streamsAsTheREADMESays,
		"a mistyped variable":              asksAboutATypo,
		"no exporter, no picture":          printsNoPicture,
		"a collector on this machine":      findsTheCollector,
		"a signal ends it after the flush": flushesAtTheEnd,
		"the port is taken":                saysThatThePortIsTaken,
		"demo":                             showsTheDemo,
	} {
		t.Run(name, func(t *testing.T) { test(t, program) })
	}
}

// picture is the head of a drawn trace.
var picture = regexp.MustCompile(`(?m)^trace ([0-9a-f]{32}) \|.*$`)

// split cuts what was printed into the text at the start and the drawn trace, and fails the test unless the drawing is
// all that follows.
func split(t *testing.T, printed, traceID string) (usage, drawn string) {
	t.Helper()
	heads := picture.FindAllStringSubmatchIndex(printed, -1)
	if len(heads) != 1 || printed[heads[0][2]:heads[0][3]] != traceID {
		t.Fatalf("trace %s is not drawn once:\n%s", traceID, printed)
	}
	usage, drawn = printed[:heads[0][0]], printed[heads[0][0]:]
	lines := strings.Split(strings.TrimRight(drawn, "\n"), "\n")
	for len(lines) > 1 && strings.HasPrefix(lines[1], "  ") { // the heading goes on
		lines = lines[1:]
	}
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, "-> http://localhost:") && strings.HasSuffix(line, "/trace/"+traceID) {
			continue // where the live page shows it
		}
		if !regexp.MustCompile(`^[ |\x60-]*[A-Za-z].* (=+|x+) `).MatchString(line) {
			t.Errorf("among the spans is %q", line)
		}
	}
	return usage, drawn
}

// checkLog fails the test unless there is nothing but log lines, and no warning.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry struct{ Severity string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Severity != "INFO" {
			t.Errorf("on stderr is %s", line)
		}
	}
}

func answersTheREADME(t *testing.T, program string) {
	l := startLocal(t, program)
	res := l.curl(t)
	usage, drawn := split(t, l.stdout(), res.traceID)
	if !strings.Contains(drawn, " 3 services\n") && !strings.Contains(drawn, " 3 services |") {
		t.Errorf("not over three services:\n%s", drawn)
	}
	for _, name := range []string{
		"gemini-agent: ", "gemini-sub-agent: ", "search-service: ", "tool.calculate", "llm.generate",
	} {
		if !strings.Contains(drawn, name) {
			t.Errorf("%s is not drawn:\n%s", name, drawn)
		}
	}
	if want := curl("localhost:" + l.port); !strings.Contains(usage, "\n  "+want+"\n") {
		t.Errorf("the start does not show %s:\n%s", want, usage)
	}
	oneLine := strings.TrimSpace(strings.ReplaceAll(curlOfREADME(t), " \\\n  ", " "))
	if oneLine != curl("localhost:8080") {
		t.Errorf("the README shows another command: %s", oneLine)
	}
	if !strings.Contains(usage, "SIMULATED") || strings.Contains(usage, "Serving function") {
		t.Errorf("the start says\n%s", usage)
	}
	checkLog(t, l.stderr())
}

// streamsAsTheREADMESays: the functions framework holds nothing back, and the last event comes when the trace is drawn.
func streamsAsTheREADMESays(t *testing.T, program string) {
	l := startLocal(t, program)
	out := string(l.paste(t, commandOfREADME(t, "curl -sN ")))
	var order []string
	for _, line := range strings.Split(out, "\n") {
		if name, ok := strings.CutPrefix(line, "event: "); ok && (len(order) == 0 || order[len(order)-1] != name) {
			order = append(order, name)
		}
	}
	if got := strings.Join(order, " "); !strings.HasPrefix(got, "start step tool delta") || !strings.HasSuffix(got, "delta answer") {
		t.Errorf("the events are %s:\n%s", got, out)
	}
	data := regexp.MustCompile(`"trace_id":"([0-9a-f]{32})"`).FindStringSubmatch(out)
	if data == nil {
		t.Fatal(out)
	}
	split(t, l.stdout(), data[1])
	checkLog(t, l.stderr())
}

func asksAboutATypo(t *testing.T, program string) {
	l := startLocal(t, program, "TRACE_FLUSH_TIMOUT=1s")
	l.curl(t)
	if n := strings.Count(l.stderr(), "TRACE_FLUSH_TIMOUT: nothing reads this; is TRACE_FLUSH_TIMEOUT meant?"); n != 1 {
		t.Errorf("said %d times:\n%s", n, l.stderr())
	}
}

func printsNoPicture(t *testing.T, program string) {
	l := startLocal(t, program, "OTEL_TRACES_EXPORTER=none")
	l.curl(t)
	if picture.MatchString(l.stdout()) || !strings.Contains(l.stdout(), "by OTEL_TRACES_EXPORTER: none") {
		t.Errorf("printed:\n%s", l.stdout())
	}
	checkLog(t, l.stderr())
}

func findsTheCollector(t *testing.T, program string) {
	if listens(collector) || listens(viewerAddr) {
		t.Skip("a collector or a Jaeger runs on this machine; the test needs their ports")
	}
	backend := startReceiverAt(t, collector)
	ui, err := net.Listen("tcp", viewerAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer ui.Close()
	l := startLocal(t, program)
	res := l.curl(t)
	spans := backend.trace(res.traceID)
	checkWhole(t, spans, "")
	if got := outline(spans); got != strings.TrimPrefix(readmeTrace, "\n") {
		t.Errorf("the collector has\n%s", got)
	}
	for _, want := range []string{"the collector on " + collector, "http://localhost:16686/trace/" + res.traceID} {
		if !strings.Contains(l.stdout(), want) {
			t.Errorf("%s is not printed:\n%s", want, l.stdout())
		}
	}
}

func flushesAtTheEnd(t *testing.T, program string) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that a process could send another")
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		backend := startReceiver(t)
		l := startLocal(t, program, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+backend.addr, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
		backend.down()
		res := l.curl(t)
		backend.up(t)
		l.Signal(t, signal)
		if code, err := l.Wait(grace); err != nil || code != 0 {
			t.Errorf("%v: exit code %d, %v", signal, code, err)
		}
		spans := backend.trace(res.traceID)
		checkWhole(t, spans, "")
		if got := outline(spans); got != strings.TrimPrefix(readmeTrace, "\n") {
			t.Errorf("%v: the backend has\n%s", signal, got)
		}
	}
}

func saysThatThePortIsTaken(t *testing.T, program string) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	l := launch(t, program, []string{"PORT=" + port})
	if code, err := l.Wait(20 * time.Second); err != nil || code != 1 {
		t.Errorf("exit code %d, %v", code, err)
	}
	want := "local: 127.0.0.1:" + port + " is in use by another program; set PORT to a free one\n"
	if l.stdout() != "" || l.stderr() != want {
		t.Errorf("printed %q and %q, want only %q", l.stdout(), l.stderr(), want)
	}
}

func showsTheDemo(t *testing.T, program string) {
	l := launch(t, program, nil, "-demo")
	if code, err := l.Wait(30 * time.Second); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	printed := l.stdout()
	if heads := picture.FindAllString(printed, -1); len(heads) != 3 {
		t.Errorf("%d traces are drawn, want 3", len(heads))
	}
	for _, want := range []string{
		demoTask, "\nanswer: ", "\nstep 1 called [", "\nfinished: stop, ", "\nfinished: budget, ", "US dollars, trace ", "! budget", "memory.read", "memory.write", "llm.generate",
		"tool.lookup", "tool.flaky", "agent.step.reasoning", "[REDACTED]", "To look at them again",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not printed", want)
		}
	}
	if strings.Contains(printed+l.stderr(), demoSecret) {
		t.Error("the secret is printed")
	}
	checkLog(t, l.stderr())
}

// TestPostReturnsTheProblem: what the demo says when it fails.
func TestPostReturnsTheProblem(t *testing.T) {
	d := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"detail": "not configured"}`))
	})
	s := &system{}
	t.Cleanup(func() { _ = s.stop() })
	addr, err := s.listen(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := post(t.Context(), "http://"+addr, nil); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("error %v", err)
	}
}

func TestColours(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, true},
		{map[string]string{"TERM": "xterm-256color", "NO_COLOR": ""}, true},
		{map[string]string{"NO_COLOR": "1"}, false},
		{map[string]string{"NO_COLOR": "0"}, false}, // whatever it says
		{map[string]string{"TERM": "dumb"}, false},
	} {
		if got := coloured(func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%v: %t", tc.env, got)
		}
	}
}
