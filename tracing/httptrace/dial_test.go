package httptrace

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// mute is a TCP proxy that can stop forwarding on the connections it has, without closing them: what a frozen instance or
// a forgetful NAT looks like. New connections work.
type mute struct {
	net.Listener
	target string
	cut    atomic.Pointer[atomic.Bool] // of the connections accepted since the last cut
}

func newMute(t *testing.T, target string) *mute {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mute{Listener: l, target: target}
	m.cut.Store(new(atomic.Bool))
	go m.serve(t.Context())
	t.Cleanup(func() { _ = l.Close() })
	return m
}

// silence stops forwarding for good on the connections that are open.
func (m *mute) silence() { m.cut.Swap(new(atomic.Bool)).Store(true) }

func (m *mute) serve(ctx context.Context) {
	for {
		client, err := m.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", m.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
		dead := m.cut.Load()
		go forward(server, client, dead)
		go forward(client, server, dead)
	}
}

func forward(to, from net.Conn, dead *atomic.Bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if dead.Load() {
			if err != nil {
				return
			}
			continue // swallowed, and acknowledged by the kernel
		}
		if n > 0 {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// A silent dead connection costs seconds, not every later request.
func TestTransportLeavesADeadHTTP2Connection(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := newMute(t, server.Listener.Addr().String())
	transport := NewTransport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	t.Cleanup(transport.CloseIdleConnections)
	get := func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+proxy.Addr().String(), http.NoBody)
		if err != nil {
			return "", err
		}
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	if body, err := get(t.Context()); err != nil || body != "HTTP/2.0" {
		t.Fatalf("%q, %v", body, err)
	}
	proxy.silence()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // without pings, none of it would be enough
	defer cancel()
	for {
		body, err := get(ctx)
		if err == nil && body == "HTTP/2.0" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("never again: %v", err)
		}
	}
}
