package function

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/agent"
)

// The flush is a part of the request's time, however short that is.
func TestTheFlushFitsIntoTheRequest(t *testing.T) {
	for _, tt := range []struct {
		timeout, flush string
		want           time.Duration
	}{
		{"", "", 2 * time.Second},
		{"4s", "", time.Second},
		{"4s", "500ms", 500 * time.Millisecond},
		{"1h", "30s", 30 * time.Second},
	} {
		a, _ := newTestApp(t, nil, map[string]string{"REQUEST_TIMEOUT": tt.timeout, "TRACE_FLUSH_TIMEOUT": tt.flush})
		if got := a.provider.FlushReserve(); got != tt.want || a.reserve != tt.want {
			t.Errorf("timeout %q, flush %q: longest wait %v, reserve %v; want %v", tt.timeout, tt.flush, got, a.reserve, tt.want)
		}
	}
}

// The framework sets a deadline of its own on the request where CLOUD_RUN_TIMEOUT_SECONDS is set.
func TestTheShorterDeadlineWins(t *testing.T) {
	a, _ := newTestApp(t, nil, map[string]string{"REQUEST_TIMEOUT": "40s"})
	const reserve = 2 * time.Second
	for _, tt := range []struct {
		name            string
		framework, want time.Duration
	}{
		{"none of the framework", 0, 40*time.Second - reserve},
		{"shorter", 20 * time.Second, 20*time.Second - reserve},
		{"very short", 4 * time.Second, 3 * time.Second}, // at most a quarter is kept back
		{"longer", time.Hour, 40*time.Second - reserve},
	} {
		t.Run(tt.name, func(t *testing.T) {
			framework := t.Context()
			before := time.Now()
			if tt.framework > 0 {
				var cancel context.CancelFunc
				framework, cancel = context.WithTimeout(framework, tt.framework)
				defer cancel()
			}
			ctx, cancel := a.deadline(framework, nil)
			defer cancel()
			after := time.Now()
			if end, _ := ctx.Deadline(); end.Before(before.Add(tt.want)) || end.After(after.Add(tt.want)) {
				t.Errorf("the run ends after %v, want %v", end.Sub(before), tt.want)
			}
		})
	}
}

// slowBody arrives after a while, or not at all.
type slowBody struct {
	after time.Duration
	err   error
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.after)
	b.after = 0
	if b.err != nil {
		return 0, b.err
	}
	b.err = io.EOF
	return copy(p, `{"task":"Hi"}`), nil
}

// The time a body takes to arrive is not added to the request's.
func TestTheTimeOfTheBodyCounts(t *testing.T) {
	var left time.Duration
	a, _ := newTestApp(t, modelFunc(func(ctx context.Context) (*agent.Reply, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return says(ctx)
	}), map[string]string{"REQUEST_TIMEOUT": "8s"})
	r := httptest.NewRequest("POST", executePath, &slowBody{after: 300 * time.Millisecond})
	r.Header.Set("Content-Type", "application/json")
	a.ServeHTTP(httptest.NewRecorder(), r)
	if most := 6*time.Second - 300*time.Millisecond; left > most || left <= 0 {
		t.Errorf("the run had %v, want at most %v", left, most)
	}
}

func TestABodyThatDoesNotArriveInTimeIs504(t *testing.T) {
	a, _ := newTestApp(t, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", executePath, &slowBody{50 * time.Millisecond, errors.New("timeout")})
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != 504 {
		t.Errorf("answer %d %s, want 504", w.Code, w.Body)
	}
}

// stall opens a connection, sends the beginning of a request whose body never comes, and returns the answer.
func stall(t *testing.T, a *App) string {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "POST "+executePath+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return string(answer)
}

func TestABodyThatStallsIs504WithItsTrace(t *testing.T) {
	a, spans := newTestApp(t, nil, map[string]string{"REQUEST_TIMEOUT": "400ms"})
	if answer := stall(t, a); !strings.HasPrefix(answer, "HTTP/1.1 504 ") {
		t.Errorf("answer %q, want a 504", answer)
	}
	if n := len(spans.Spans()); n != 1 {
		t.Errorf("%d spans at the exporter, want the server's", n)
	}
}

func TestABodyThatStallsEndsWithTheProcess(t *testing.T) {
	a, spans := newTestApp(t, nil, nil)
	entered := make(chan struct{})
	inner := a.handler
	a.handler = a.drain.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		inner.ServeHTTP(w, r)
	}))
	answer := make(chan string, 1)
	go func() { answer <- stall(t, a) }()
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if got := <-answer; !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("answer %q, want a 503", got)
	}
	if n := len(spans.Spans()); n != 1 {
		t.Errorf("%d spans at the exporter, want the server's", n)
	}
}
