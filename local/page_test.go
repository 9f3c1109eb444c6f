package main

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

var pageLink = regexp.MustCompile(`(?m)^live page: (http://localhost:\d+)$`)

// startPage runs the system with a page and returns the page's address.
func startPage(t *testing.T, program string, env ...string) (l *running, page string) {
	t.Helper()
	l = startLocal(t, program, env...)
	link := pageLink.FindStringSubmatch(l.stdout())
	if link == nil {
		t.Fatalf("no page:\n%s", l.stdout())
	}
	return l, link[1]
}

// viaPage sends the README's task through the page, with a fault, and returns the answer and the spans that the page
// has.
func viaPage(t *testing.T, page, fault string) (res reply, spans string) {
	t.Helper()
	const task = "Ask the sub-agent to explain what machine learning is, and calculate 12 * 7"
	res, err := send(t.Context(), page, task, http.Header{"X-Live-Fault": {fault}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.Get(page + "/live/traces/" + res.traceID + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	raw, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", got.Status, err)
	}
	return res, string(raw)
}

// TestLivePage: the page of a run has every service's spans, and what was said.
func TestLivePage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program and waits for processes")
	}
	program := process.Build(t, localMain)
	const content = "gen_ai.input.messages"
	t.Run("has three services and their content, which no exporter gets", func(t *testing.T) {
		backend := startReceiver(t)
		l, page := startPage(t, program, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+backend.addr, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
		res, spans := viaPage(t, page, "")
		for _, want := range []string{"gemini-agent", "gemini-sub-agent", "search-service", content} {
			if !strings.Contains(spans, `"`+want+`"`) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if res.status != http.StatusOK || !strings.Contains(l.stdout(), "-> "+page+"/trace/"+res.traceID) {
			t.Errorf("answer %d; the terminal prints no link to the page", res.status)
		}
		exported := backend.trace(res.traceID)
		if got := outline(exported); got != strings.TrimPrefix(readmeTrace, "\n") {
			t.Errorf("the collector has\n%s", got)
		}
		for _, s := range exported {
			if _, ok := s.attrs[content]; ok {
				t.Fatalf("%s was exported with what was said", s.name)
			}
		}
	})
	t.Run("has no content where it is not wanted, and exporters have it where they are asked to", func(t *testing.T) {
		_, page := startPage(t, program, "LIVE_CONTENT=false")
		if _, spans := viaPage(t, page, ""); strings.Contains(spans, content) {
			t.Error("the page has what was said")
		}
		backend := startReceiver(t)
		_, page = startPage(t, program, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+backend.addr, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY")
		res, _ := viaPage(t, page, "")
		found := false
		for _, s := range backend.trace(res.traceID) {
			found = found || s.attrs[content] != nil
		}
		if !found {
			t.Error("what OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT asks for was not exported")
		}
	})
	t.Run("makes things go wrong once", func(t *testing.T) {
		_, page := startPage(t, program)
		for fault, want := range map[string]struct {
			status int
			span   string
		}{
			"429":            {http.StatusOK, `"429"`},
			"503":            {http.StatusBadGateway, `"503"`},
			"blocked":        {http.StatusOK, `blocked`},
			"malformed":      {http.StatusOK, `malformed`},
			"slow-tool":      {http.StatusOK, `"search-service"`},
			"sub-agent-down": {http.StatusOK, `could not be reached`},
			"collector-down": {http.StatusOK, `"search-service"`},
		} {
			res, spans := viaPage(t, page, fault)
			if res.status != want.status || !strings.Contains(spans, want.span) {
				t.Errorf("%s: %d, and %s in the spans: %v", fault, res.status, want.span, strings.Contains(spans, want.span))
			}
			eventually(t, "it is over after "+fault, func() bool {
				res, spans := viaPage(t, page, "")
				return res.status == http.StatusOK && !strings.Contains(spans, `"code":2`)
			})
		}
	})
	t.Run("is left out", func(t *testing.T) {
		port := process.FreePort(t)
		l := launch(t, program, []string{"PORT=" + port, "OTEL_TRACES_EXPORTER=none"}, "-live=false")
		l.AwaitPort(t, port)
		if strings.Contains(l.stdout(), "live page") {
			t.Errorf("printed:\n%s", l.stdout())
		}
	})
	t.Run("says which setting is bad", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		_, port, _ := net.SplitHostPort(taken.Addr().String())
		for setting, want := range map[string]string{
			"LIVE_PORT=" + port: "port " + port + " is in use by another program; set LIVE_PORT to a free one",
			"LIVE_PORT=nobody":  "LIVE_PORT cannot be used",
			"LIVE_CONTENT=some": `LIVE_CONTENT: "some" is neither true nor false`,
		} {
			l := launch(t, program, []string{"PORT=" + process.FreePort(t), setting})
			if code, err := l.Wait(20 * time.Second); err != nil || code != 1 || !strings.Contains(l.stderr(), want) {
				t.Errorf("%s: exit code %d, %v, %s", setting, code, err, l.stderr())
			}
		}
	})
}

// TestJaegerTakesADownload: the file that the page saves is one that a real Jaeger takes, whole.
func TestJaegerTakesADownload(t *testing.T) {
	backend := startJaeger(t)
	_, page := startPage(t, process.Build(t, localMain))
	res, file := viaPage(t, page, "")
	posted, err := http.Post(backend.http+"/v1/traces", "application/json", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer posted.Body.Close()
	if posted.StatusCode != http.StatusOK {
		t.Fatalf("Jaeger answers %s", posted.Status)
	}
	checkJaeger(t, backend, res.traceID, "", readmeTrace)
}
