package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// startChromium starts a browser, CHROMIUM_BIN or one on the path, and returns a tab of it.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser")
	}
	path := ""
	for _, name := range []string{os.Getenv("CHROMIUM_BIN"), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); name != "" && err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs Chromium: install it, or name it with CHROMIUM_BIN")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	quiet := func(string, ...any) {} // the protocol's newest events are unknown to the client
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// emptyPage serves a page without anything, and returns its origin.
func emptyPage(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>page</title>")
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// signal is an address that closes the channel when it is asked for.
func signal(t *testing.T) (<-chan struct{}, string) {
	heard := make(chan struct{})
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { once.Do(func() { close(heard) }) }))
	t.Cleanup(server.Close)
	return heard, server.URL
}

// fetched is what a page has seen of an answer.
type fetched struct {
	Error          string // no answer that it may read
	Status         int
	Trace          string // X-Trace-ID
	Correlation    string
	TraceResponse  string `json:"traceresponse"`
	Body           struct{ Response, Detail string }
	BodyTrace      string `json:"bodyTrace"`
	ForeignHeaders bool   // a header that is not exposed can be seen
}

// fetch calls execute as the script of a page does.
func fetch(t *testing.T, tab context.Context, origin, url, task, traceID string) fetched {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 4*patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`(async () => {
		try {
			const answer = await fetch(%q, {method: 'POST', body: JSON.stringify({task: %q}), headers: {
				'Content-Type': 'application/json', 'Authorization': 'Bearer x', 'X-Correlation-ID': 'page-1', 'baggage': 'a=b',
				'traceparent': '00-%s-00f067aa0ba902b7-01', 'b3': '%s-00f067aa0ba902b7-1'}});
			const body = await answer.json();
			return JSON.stringify({status: answer.status, trace: answer.headers.get('X-Trace-ID'), body, bodyTrace: body.trace_id,
				correlation: answer.headers.get('X-Correlation-ID'), traceresponse: answer.headers.get('traceresponse'),
				foreignHeaders: answer.headers.get('Vary') !== null});
		} catch (e) {
			return JSON.stringify({error: String(e)});
		}
	})()`, url, task, traceID, traceID)
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var got fetched
	if err := json.Unmarshal([]byte(raw), &got); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return got
}

// A page of an allowed origin executes a task within its own trace and reads which it was, of failures too; the preflight
// leaves nothing. A page of another origin learns nothing.
func TestAPageOnAnotherOriginCallsTheAgent(t *testing.T) {
	allowed, other := emptyPage(t), emptyPage(t)
	s := start(t, setup{env: map[string]string{"CORS_ALLOWED_ORIGINS": allowed}})
	tab := startChromium(t) // last, and so gone first: servers wait for the connections that it holds
	const traceID, failedID = "4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4737"

	got := fetch(t, tab, allowed, s.url+executePath, "What is 12 * 7?", traceID)
	if got.Status != http.StatusOK || got.Trace != traceID || got.BodyTrace != traceID || got.Correlation != "page-1" ||
		!strings.HasPrefix(got.TraceResponse, "00-"+traceID) || !strings.Contains(got.Body.Response, "84") || got.ForeignHeaders {
		t.Errorf("the allowed page has seen %+v", got)
	}
	got = fetch(t, tab, allowed, s.url+executePath, "", failedID)
	if got.Status != http.StatusBadRequest || got.Trace != failedID || !strings.Contains(got.Body.Detail, "task is empty") {
		t.Errorf("of a failure, the allowed page has seen %+v", got)
	}
	if got := fetch(t, tab, other, s.url+executePath, "Hello", traceID); got.Error == "" || got.Status != 0 {
		t.Errorf("the other page has seen %+v", got)
	}
	for _, span := range s.rec.Spans() {
		if strings.Contains(span.Name(), http.MethodOptions) {
			t.Errorf("a preflight left the span %s", span.Name())
		}
	}
	if lines := s.log.records(t); len(lines) != 2 {
		t.Errorf("%d lines in the log, want those of the two tasks:\n%s", len(lines), s.log)
	}
}
