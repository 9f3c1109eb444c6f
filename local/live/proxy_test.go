package live_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/gemini-agent/local/live"
)

// proxied serves a page before an agent.
func proxied(t *testing.T, agent http.HandlerFunc, faults ...live.Fault) *httptest.Server {
	t.Helper()
	backend := httptest.NewServer(agent)
	t.Cleanup(backend.Close)
	at, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, server := startHub(t, live.Config{}, func(c *live.HandlerConfig) { c.Agent, c.Faults = at, faults })
	return server
}

func post(t *testing.T, server *httptest.Server, body string, header http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v1/agent/execute", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// turn waits until the newest turn has ended.
func turn(t *testing.T, server *httptest.Server) (last live.Turn) {
	t.Helper()
	for l := listen(t, server, ""); last.Ended == 0; {
		if m := l.next(); m.name == "turns" {
			var turns []live.Turn
			if err := json.Unmarshal([]byte(m.data), &turns); err != nil {
				t.Fatal(err)
			}
			last = turns[len(turns)-1]
		}
	}
	return last
}

func TestTheAgentGetsTheRequestAsItIs(t *testing.T) {
	var got *http.Request
	var body []byte
	armed := 0
	server := proxied(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Trace-ID", "0af7651916cd43dd8448eb211c80319c")
		_, _ = io.WriteString(w, `{"response": "yes"}`)
	}, live.Fault{Name: "503", Arm: func() { armed++ }})
	const sent = `{"task": " what? ", "session_id": "s", "max_steps": 3, "unknown": 1}`
	origin := server.URL
	res := post(t, server, sent, http.Header{
		"Origin": {origin}, "X-Live-Fault": {"503"}, "X-Correlation-Id": {"page-1"}, "Content-Type": {"application/json"},
	})
	if raw, err := io.ReadAll(res.Body); err != nil || string(raw) != `{"response": "yes"}` {
		t.Errorf("the page got %q, %v", raw, err)
	}
	if string(body) != sent || got.Header.Get("X-Correlation-Id") != "page-1" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the agent got %q with %v", body, got.Header)
	}
	for _, name := range []string{"Origin", "X-Live-Fault", "X-Forwarded-For"} {
		if v := got.Header.Get(name); v != "" {
			t.Errorf("the agent got %s: %s", name, v)
		}
	}
	turn := turn(t, server)
	if armed != 1 || turn.Fault != "503" || turn.ID != "page-1" || turn.Task != " what? " || turn.SessionID != "s" || turn.MaxSteps != 3 ||
		turn.TraceID != "0af7651916cd43dd8448eb211c80319c" || turn.Status != 200 || string(turn.Answer) != `{"response":"yes"}` || turn.Error != "" {
		t.Errorf("armed %d times; the turn is %+v", armed, turn)
	}
}

// TestStreamsPassAsTheyCome: the page has the first event while the agent still waits to send the next.
func TestStreamsPassAsTheyCome(t *testing.T) {
	goOn := make(chan struct{})
	server := proxied(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		sse(w, "start", map[string]any{"trace_id": "x"})
		<-goOn
		sse(w, "delta", map[string]any{"text": strings.Repeat("long ", 500_000)})
		sse(w, "answer", map[string]any{"response": "the end"})
	})
	res := post(t, server, `{"task":"x"}`, http.Header{"Accept": {"text/event-stream"}})
	if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "event: start\n" {
		t.Errorf("first comes %q, %v", line, err)
	}
	close(goOn)
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	if turn := turn(t, server); string(turn.Answer) != `{"response":"the end"}` || !turn.Stream {
		t.Errorf("the turn is %+v", turn)
	}
}

func TestTurnsOfBadAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		agent http.HandlerFunc
		want  string
	}{
		"not JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "not JSON"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "{")
		}, "broke off"},
		"dead": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "did not answer"},
		"no last": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			sse(w, "start", 1)
		}, "not JSON"},
		"empty":       {func(http.ResponseWriter, *http.Request) {}, "not JSON"},
		"odd request": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := proxied(t, tc.agent)
			res := post(t, server, `[{"task": 7}`, nil)
			_, _ = io.Copy(io.Discard, res.Body)
			if turn := turn(t, server); !strings.Contains(turn.Error, tc.want) || (turn.Error == "") != (tc.want == "") {
				t.Errorf("the turn's error is %q", turn.Error)
			}
		})
	}
}
