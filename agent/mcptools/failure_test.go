package mcptools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnswerOverTheBound(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		tools := m.Tools(t.Context())
		var blank atomic.Int64 // bytes
		service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
			if seen.Method != "tools/call" {
				return false
			}
			// A good answer but for its size: blank space before it is legal JSON.
			w.Header().Set("Content-Type", "application/json")
			for range blank.Load() >> 20 {
				w.Write(bytes.Repeat([]byte(" "), 1<<20))
			}
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"whole"}]}}`, seen.ID)
			return true
		}
		call := func(size int64) (any, error) {
			blank.Store(size)
			return toolNamed(t, tools, "echo").Call(t.Context(), map[string]any{"text": "x"})
		}
		if got, err := call(maxBody); err == nil || reasonOf(err) != "too_large" || !strings.Contains(err.Error(), "ask for less") {
			t.Errorf("an answer over the bound = %v, %v (%s), want it called too large", got, err, reasonOf(err))
		}
		if got, err := call(maxBody - 1<<20); err != nil || got != "whole" {
			t.Errorf("the next answer, within the bound = %v, %v", got, err)
		}
	})
}

func TestServiceDownAtStart(t *testing.T) {
	noLeaks(t)
	up, down := startToolService(t, "up", false), startToolService(t, "down", false)
	down.stop()
	var log bytes.Buffer
	dials := &countingTransport{base: loopback(t).Transport}
	m, clock := newMCP(t, Config{URLs: []string{down.url() + "?key=hunter2", up.url()},
		HTTPClient: &http.Client{Transport: dials}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		if got := toolNames(m.Tools(t.Context())); got != "big echo fail look" {
			t.Fatalf("tools = %q, want those of the service that is up", got)
		}
	}
	tried := dials.to(down.addr)
	if tried == 0 || strings.Count(log.String(), "unavailable") != 1 {
		t.Errorf("tried %d times, log %q; want one attempt", tried, log.String())
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log shows the secret: %s", log.String())
	}
	down.start()
	if m.Tools(t.Context()); dials.to(down.addr) != tried {
		t.Error("the service was tried again at once")
	}
	clock.advance(backOff)
	if got := toolNames(m.Tools(t.Context())); got != "big echo fail look up_big up_echo up_fail up_look" {
		t.Errorf("tools after the back-off = %q", got)
	}
}

// countingTransport counts requests by host.
type countingTransport struct {
	base  http.RoundTripper
	mu    sync.Mutex
	count map[string]int
}

func (c *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if c.count == nil {
		c.count = map[string]int{}
	}
	c.count[req.URL.Host]++
	c.mu.Unlock()
	return c.base.RoundTrip(req)
}

func (c *countingTransport) to(host string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[host]
}

func TestBackOffDoubles(t *testing.T) {
	noLeaks(t)
	down := startToolService(t, "down", false)
	down.stop()
	m, clock := newMCP(t, Config{URLs: []string{down.url()}})
	server := m.servers[0]
	for _, want := range []time.Duration{5, 10, 20, 40, 60, 60} {
		m.Tools(t.Context())
		if got := server.retryAt.Sub(clock.now()).Round(time.Second); got != want*time.Second {
			t.Errorf("back-off = %s, want %s", got, want*time.Second)
		}
		clock.advance(want * time.Second)
	}
}

func TestSlowServiceIsNotWaitedFor(t *testing.T) {
	noLeaks(t)
	service := startToolService(t, "svc", false)
	release := make(chan struct{})
	service.before = func(toolRequest, http.ResponseWriter, *http.Request) bool { <-release; return false }
	m, _ := newMCP(t, Config{URLs: []string{service.url()}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if tools := m.Tools(ctx); len(tools) != 0 {
		t.Errorf("tools = %q", toolNames(tools))
	}
	// The attempt went on, and serves the next request.
	close(release)
	if tools := m.Tools(t.Context()); len(tools) != 4 {
		t.Errorf("tools = %q", toolNames(tools))
	}
	if n := len(service.requests("server/discover")); n != 1 {
		t.Errorf("connected %d times, want once", n)
	}
}

func TestDiesMidCall(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		tests := []struct {
			tool  string
			calls int // that the service sees
			ok    bool
		}{
			{"echo", 1, false}, // it may have been done: not repeated
			{"look", 2, true},  // declared read-only: repeated
		}
		for _, tt := range tests {
			t.Run(tt.tool, func(t *testing.T) {
				service := startToolService(t, "svc", sessions)
				var died atomic.Bool
				service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
					if seen.Method != "tools/call" || !died.CompareAndSwap(false, true) {
						return false
					}
					panic(http.ErrAbortHandler)
				}
				m, _ := newMCP(t, Config{URLs: []string{service.url()}})
				got, err := toolNamed(t, m.Tools(t.Context()), tt.tool).Call(t.Context(), map[string]any{"text": "x"})
				if tt.ok != (err == nil) || !tt.ok && reasonOf(err) != "connection" {
					t.Errorf("%s = %v, %v", tt.tool, got, err)
				}
				if n := len(service.requests("tools/call")); n != tt.calls {
					t.Errorf("called %d times, want %d", n, tt.calls)
				}
			})
		}
	})
}

func TestBreaksOffInItsAnswer(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		for _, contentType := range []string{"application/json", "text/event-stream"} {
			service := startToolService(t, "svc", sessions)
			service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
				if seen.Method != "tools/call" {
					return false
				}
				w.Header().Set("Content-Type", contentType)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			m, _ := newMCP(t, Config{URLs: []string{service.url()}})
			_, err := toolNamed(t, m.Tools(t.Context()), "echo").Call(t.Context(), map[string]any{"text": "x"})
			if err == nil || reasonOf(err) != "connection" || !strings.Contains(err.Error(), "broke off") {
				t.Errorf("%s: echo = %v (%s)", contentType, err, reasonOf(err))
			}
			m.Close()
		}
	})
}

func TestServiceRestarts(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		client := loopback(t)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}, HTTPClient: client})
		echo := toolNamed(t, m.Tools(t.Context()), "echo")
		service.restart()
		client.CloseIdleConnections() // as happens by itself once the old server's farewell has arrived
		if got, err := echo.Call(t.Context(), map[string]any{"text": "again"}); err != nil || got != "svc: again" {
			t.Errorf("echo after the restart = %v, %v", got, err)
		}
		if got := toolNames(m.Tools(t.Context())); got != "big echo fail look" {
			t.Errorf("tools after the restart = %q", got)
		}
		service.stop()
		if _, err := echo.Call(t.Context(), map[string]any{"text": "x"}); err == nil || reasonOf(err) != "connection" {
			t.Errorf("echo of a dead service = %v (%s)", err, reasonOf(err))
		}
		if tools := m.Tools(t.Context()); len(tools) != 0 {
			t.Errorf("a dead service offers %q", toolNames(tools))
		}
	})
}

// TestSessionForgotten: servers say in different ways that they do not know a session any more. None of them has
// begun the call, so it is repeated over a new session.
func TestSessionForgotten(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
	}{
		{"as specified", 404, ""},
		{"404 with a JSON-RPC error", 404,
			`{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}`},
		{"400 with a JSON-RPC error", 400,
			`{"jsonrpc":"2.0","error":{"code":-32000,"message":"No valid session ID"},"id":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			service := startToolService(t, "svc", true)
			m, _ := newMCP(t, Config{URLs: []string{service.url()}})
			echo := toolNamed(t, m.Tools(t.Context()), "echo")
			var forgot atomic.Bool
			service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
				if seen.Method != "tools/call" || !forgot.CompareAndSwap(false, true) {
					return false
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
				return true
			}
			if got, err := echo.Call(t.Context(), map[string]any{"text": "x"}); err != nil || got != "svc: x" {
				t.Errorf("echo = %v, %v", got, err)
			}
			if n := len(service.requests("initialize")); n != 2 {
				t.Errorf("%d sessions were opened, want 2", n)
			}
			// A server known to be old is not asked again whether it is new.
			if n := len(service.requests("server/discover")); n != 1 {
				t.Errorf("probed %d times, want once", n)
			}
			m.Close()
			if n := len(service.requests("DELETE")); n != 1 {
				t.Errorf("%d sessions were ended, want the living one only", n)
			}
		})
	}
}

func TestRefusalsKeepTheSession(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		var status atomic.Int32
		service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
			if seen.Method != "tools/call" {
				return false
			}
			w.WriteHeader(int(status.Load()))
			return true
		}
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		echo := toolNamed(t, m.Tools(t.Context()), "echo")
		for _, code := range []int{429, 500, 503} {
			status.Store(int32(code))
			_, err := echo.Call(t.Context(), map[string]any{"text": "x"})
			if err == nil || reasonOf(err) != fmt.Sprint(code) || !strings.Contains(err.Error(), fmt.Sprint(code)) {
				t.Errorf("%d: echo = %v (%s)", code, err, reasonOf(err))
			}
		}
		if n := len(service.requests("tools/call")); n != 3 {
			t.Errorf("called %d times, want 3", n)
		}
		if n := len(service.requests("tools/list")); n != 1 {
			t.Errorf("listed %d times, want once", n)
		}
	})
}

func TestCallObeysItsContext(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		release := make(chan struct{})
		defer close(release)
		var slow atomic.Bool
		slow.Store(true)
		service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
			if seen.Method == "tools/call" && slow.Load() {
				select {
				case <-r.Context().Done():
				case <-release:
				}
			}
			return false
		}
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		echo := toolNamed(t, m.Tools(t.Context()), "echo")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := echo.Call(ctx, map[string]any{"text": "x"})
		if !errors.Is(err, context.DeadlineExceeded) || reasonOf(err) != "timeout" {
			t.Errorf("echo = %v (%s), want a timeout", err, reasonOf(err))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err = echo.Call(ctx, map[string]any{"text": "x"})
		if !errors.Is(err, context.Canceled) || reasonOf(err) != "canceled" {
			t.Errorf("echo = %v (%s), want a cancellation", err, reasonOf(err))
		}
		slow.Store(false)
		if _, err := echo.Call(t.Context(), map[string]any{"text": "x"}); err != nil {
			t.Errorf("the session did not survive a timeout: %v", err)
		}
		if n := len(service.requests("tools/list")); n != 1 {
			t.Errorf("reconnected %d times", n-1)
		}
	})
}

func TestCloseWhileConnecting(t *testing.T) {
	noLeaks(t)
	service := startToolService(t, "svc", false)
	arrived := make(chan struct{}, 10)
	service.before = func(_ toolRequest, _ http.ResponseWriter, r *http.Request) bool {
		arrived <- struct{}{}
		<-r.Context().Done()
		return true
	}
	m, _ := newMCP(t, Config{URLs: []string{service.url()}})
	done := make(chan struct{})
	go func() { defer close(done); m.Tools(context.Background()) }()
	<-arrived
	m.Close()
	<-done
}
