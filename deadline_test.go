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
	"testing/synctest"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
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
			synctest.Test(t, func(t *testing.T) {
				a, _ := newTestApp(t, nil, map[string]string{"REQUEST_TIMEOUT": "40s"})
				framework := t.Context()
				if tt.framework > 0 {
					var cancel context.CancelFunc
					framework, cancel = context.WithTimeout(framework, tt.framework)
					defer cancel()
				}
				ctx, cancel := a.deadline(framework, nil)
				defer cancel()
				if end, _ := ctx.Deadline(); time.Until(end) != tt.want {
					t.Errorf("the run ends after %v, want %v", time.Until(end), tt.want)
				}
			})
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
	synctest.Test(t, func(t *testing.T) {
		var left time.Duration
		a, _ := newTestApp(t, modelFunc(func(ctx context.Context) (*agent.Reply, error) {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			return says(ctx)
		}), map[string]string{"REQUEST_TIMEOUT": "8s"})
		a.ServeHTTP(httptest.NewRecorder(), withBody(t.Context(), &slowBody{after: 300 * time.Millisecond}))
		if want := 6*time.Second - 300*time.Millisecond; left != want {
			t.Errorf("the run had %v, want %v", left, want)
		}
	})
}

func TestABodyThatDoesNotArriveInTimeIs504(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t, nil, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		w := httptest.NewRecorder()
		a.ServeHTTP(w, withBody(ctx, &slowBody{50 * time.Millisecond, errors.New("timeout")}))
		if w.Code != 504 {
			t.Errorf("answer %d %s, want 504", w.Code, w.Body)
		}
	})
}

func withBody(ctx context.Context, body io.Reader) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "POST", executePath, body)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// stall sends the beginning of a request whose body never comes, and returns the connection.
func stall(t *testing.T, a *App) net.Conn {
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
	return conn
}

// secondRead is a body that says when it is read on.
type secondRead struct {
	io.ReadCloser
	reads int
	again func()
}

func (b *secondRead) Read(p []byte) (int, error) {
	if b.reads++; b.reads == 2 {
		b.again()
	}
	return b.ReadCloser.Read(p)
}

// A body that stalls ends with the request's time, and with the process. Neither takes the time that its trace needs.
func TestABodyThatStallsEndsWithItsTrace(t *testing.T) {
	for _, tt := range []struct {
		name, timeout string
		draining      bool
		status        string
	}{
		{"out of time", "400ms", false, "504"},
		{"shutdown", "", true, "503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, spans := newTestApp(t, nil, map[string]string{"REQUEST_TIMEOUT": tt.timeout}, func(tc *tracing.Config) {
				tc.Pipeline.FlushTimeout = 30 * time.Second // a quarter of 400 ms may be too little on a busy machine
			})
			if app := a.handler; tt.draining {
				a.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ctx, cancel := context.WithCancelCause(r.Context())
					defer cancel(nil)
					r.Body = &secondRead{ReadCloser: r.Body, again: func() { cancel(tracing.ErrDraining) }}
					app.ServeHTTP(w, r.WithContext(ctx))
				})
			}
			answer, err := io.ReadAll(stall(t, a))
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+tt.status+" ") {
				t.Errorf("answer %q, %v; want a %s", answer, err, tt.status)
			}
			if n := len(spans.Spans()); n != 1 {
				t.Errorf("%d spans at the exporter, want the server's", n)
			}
		})
	}
}
