package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/auth"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/tracingtest"
)

// A connection that goes dead without a word is left: by its pings while exports wait on it, and at once by those that come
// after Renew. What waits on the old one ends with its timeout or its ping, never later.
func TestASilentDeadConnectionIsLeft(t *testing.T) {
	cert, file := selfSigned(t)
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, tt := range []struct {
		name, protocol string
		tls            *tls.Config
		start          func(testing.TB, *tls.Config) *otlpReceiver
	}{
		{"grpc", GRPC, nil, startGRPCReceiver},
		{"https, HTTP/2", HTTP, secure, startHTTPReceiver},
		{"http/1.1", HTTP, nil, startHTTPReceiver},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.start(t, tt.tls)
			u, err := url.Parse(r.url)
			if err != nil {
				t.Fatal(err)
			}
			proxy := tracingtest.NewSilentProxy(t, u.Host)
			u.Host = proxy.Addr()
			x := newTestOTLP(t, Config{Protocol: tt.protocol, Endpoint: u.String(), Certificate: file, Timeout: 5 * time.Minute})
			if err := x.ExportSpans(t.Context(), namedSpans("before")); err != nil {
				t.Fatal(err)
			}
			proxy.Silence()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stuck := make(chan error, 1)
			go func() { stuck <- x.ExportSpans(ctx, namedSpans("stuck")) }()
			time.Sleep(50 * time.Millisecond) // it has the dead connection, and the next would have it as well
			x.Renew()
			if err := x.ExportSpans(t.Context(), namedSpans("after")); err != nil {
				t.Errorf("after Renew: %v", err)
			}
			if tt.name == "http/1.1" { // which has no ping: the timeout ends it
				cancel()
			}
			if err := <-stuck; export.Classify(err) != export.Retryable {
				t.Errorf("on the dead connection: %v", err)
			}
			if got := strings.Join(r.spanNames(), " "); got != "before after" {
				t.Errorf("arrived: %s", got)
			}
		})
	}
}

// A gRPC server that allows pings every five minutes only, its default, does not mind ours, however long a server takes.
func TestPingsAreNotTooManyForAServer(t *testing.T) {
	if testing.Short() {
		t.Skip("the shortest interval of pings is 10 s")
	}
	t.Parallel()
	r := startGRPCReceiver(t, nil)
	r.answer = func(ctx context.Context, _ int) (*coltracepb.ExportTraceServiceResponse, error) {
		select {
		case <-time.After(11 * time.Second):
		case <-ctx.Done():
		}
		return &coltracepb.ExportTraceServiceResponse{}, nil
	}
	x := newTestOTLP(t, Config{Protocol: GRPC, Endpoint: r.url, Timeout: time.Minute})
	for range 2 {
		if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.conns.Load(); n != 1 {
		t.Errorf("%d connections, want one that lasts", n)
	}
}

func TestRenewIsHarmlessAtAnyTime(t *testing.T) {
	for _, protocol := range []string{GRPC, HTTP} {
		verifyNoLeaks(t)
		start := startHTTPReceiver
		if protocol == GRPC {
			start = startGRPCReceiver
		}
		r := start(t, nil)
		x := newTestOTLP(t, Config{Protocol: protocol, Endpoint: r.url})
		x.Renew()
		for range 5 {
			if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
				t.Error(err)
			}
			x.Renew()
		}
		_ = x.Shutdown(t.Context())
		x.Renew()
		if err := x.ExportSpans(t.Context(), namedSpans("a")); !errors.Is(err, export.ErrClosed) {
			t.Errorf("after Shutdown: %v", err)
		}
	}
}

// The sizes that a server takes are found at its own wire: by gRPC's limit and by a proxy's answer to gRPC.
func TestSizeRefusalsOfRealServers(t *testing.T) {
	big := strings.Repeat("x", 30_000)
	for name, limit := range map[string]int{"20 kB": 20_000, "64 KiB": 64 << 10} {
		r := &otlpReceiver{}
		l := listenLoopback(t, r)
		srv := grpc.NewServer(grpc.MaxRecvMsgSize(limit))
		coltracepb.RegisterTraceServiceServer(srv, r)
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(srv.Stop)
		x := newTestOTLP(t, Config{Protocol: GRPC, Endpoint: "http://" + l.Addr().String()})
		if err := x.ExportSpans(t.Context(), namedSpans(big, big, big)); export.Classify(err) != export.Oversized {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := status.New(codes.Unknown, "unexpected HTTP status code received from server: 413 (Request Entity Too Large); "+
		`malformed header: missing HTTP content-type`)
	if f := export.ClassifyStatus(s); f != export.Oversized {
		t.Errorf("a proxy's 413: %v", f)
	}
}

func TestMutualTLS(t *testing.T) {
	cert, file := selfSigned(t)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{GRPC, HTTP} {
		start := startHTTPReceiver
		if protocol == GRPC {
			start = startGRPCReceiver
		}
		r := start(t, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert})
		cfg := Config{Protocol: protocol, Endpoint: r.url, Certificate: file, Timeout: 5 * time.Second}
		without := newTestOTLP(t, cfg)
		if err := without.ExportSpans(t.Context(), namedSpans("a")); err == nil {
			t.Errorf("%s: accepted without a certificate", protocol)
		}
		cfg.ClientCertificate, cfg.ClientKey = file, keyFile
		with := newTestOTLP(t, cfg)
		if err := with.ExportSpans(t.Context(), namedSpans("a")); err != nil {
			t.Errorf("%s: %v", protocol, err)
		}
		cfg.ClientKey = ""
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), "needs a key") {
			t.Errorf("%s: half a pair: %v", protocol, err)
		}
	}
}

func TestGRPCTargets(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "otlp.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	r := &otlpReceiver{}
	srv := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(srv, r)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	tcp := startGRPCReceiver(t, nil)
	for _, target := range []string{"unix:" + socket, "unix://" + socket, "dns:///" + strings.TrimPrefix(tcp.url, "http://")} {
		x := newTestOTLP(t, Config{Protocol: GRPC, Endpoint: target, Insecure: true})
		if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// The user's own headers win over those of the credentials; gRPC would otherwise send both.
func TestOwnHeadersWinOverCredentials(t *testing.T) {
	cert, file := selfSigned(t)
	for _, protocol := range []string{GRPC, HTTP} {
		start := startHTTPReceiver
		if protocol == GRPC {
			start = startGRPCReceiver
		}
		r := start(t, &tls.Config{Certificates: []tls.Certificate{cert}})
		g := googleauth.New("")
		g.Detect = func() (*auth.Credentials, error) { return testCredentials("p", "theirs", ""), nil }
		x, err := NewTelemetry(Config{Protocol: protocol, Endpoint: r.url, Certificate: file,
			Headers: map[string]string{"x-goog-user-project": "mine"}}, "", g)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = x.Shutdown(context.Background()) })
		if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
			t.Fatal(err)
		}
		if got := r.header("x-goog-user-project"); got != "mine" {
			t.Errorf("%s: x-goog-user-project %q", protocol, got)
		}
	}
}
