package httptrace

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"example.com/gemini-agent/tracing/tracingtest"
)

// A silent dead connection costs seconds, not every later request.
func TestTransportLeavesADeadHTTP2Connection(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := tracingtest.NewSilentProxy(t, server.Listener.Addr().String())
	transport := NewTransport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	t.Cleanup(transport.CloseIdleConnections)
	get := func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+proxy.Addr(), http.NoBody)
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
	proxy.Silence()
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
