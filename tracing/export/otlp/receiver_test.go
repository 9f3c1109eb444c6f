package otlp

import (
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// otlpReceiver is a backend at the wire. answer, when set, decides what a request gets.
type otlpReceiver struct {
	coltracepb.UnimplementedTraceServiceServer
	url    string
	answer func(ctx context.Context, n int) (*coltracepb.ExportTraceServiceResponse, error)

	mu       sync.Mutex
	requests []*coltracepb.ExportTraceServiceRequest
	headers  []map[string][]string
	conns    atomic.Int32 // opened so far
}

func (r *otlpReceiver) Export(
	ctx context.Context,
	req *coltracepb.ExportTraceServiceRequest,
) (*coltracepb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return r.take(ctx, req, md)
}

func (r *otlpReceiver) take(
	ctx context.Context,
	req *coltracepb.ExportTraceServiceRequest,
	md map[string][]string,
) (*coltracepb.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	r.requests = append(r.requests, req)
	r.headers = append(r.headers, md)
	n := len(r.requests)
	r.mu.Unlock()
	if r.answer != nil {
		return r.answer(ctx, n)
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func (r *otlpReceiver) spanNames() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, req := range r.requests {
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					names = append(names, s.Name)
				}
			}
		}
	}
	return names
}

func (r *otlpReceiver) header(key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, v := range r.headers[len(r.headers)-1] {
		if strings.EqualFold(k, key) {
			return strings.Join(v, ",")
		}
	}
	return ""
}

type countingListener struct {
	net.Listener
	n *atomic.Int32
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

func listenLoopback(t testing.TB, r *otlpReceiver) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return countingListener{l, &r.conns}
}

// startGRPCReceiver serves the trace service; with a config over TLS.
func startGRPCReceiver(t testing.TB, tc *tls.Config) *otlpReceiver {
	t.Helper()
	r := &otlpReceiver{}
	l := listenLoopback(t, r)
	var opts []grpc.ServerOption
	r.url = "http://" + l.Addr().String()
	if tc != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(tc)))
		r.url = "https://" + l.Addr().String()
	}
	srv := grpc.NewServer(opts...)
	coltracepb.RegisterTraceServiceServer(srv, r)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-done })
	return r
}

// startHTTPReceiver serves POST /v1/traces; with a config over TLS and HTTP/2.
func startHTTPReceiver(t testing.TB, tc *tls.Config) *otlpReceiver {
	t.Helper()
	r := &otlpReceiver{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(r.serveHTTP))
	srv.Listener.Close()
	srv.Listener = listenLoopback(t, r)
	if tc != nil {
		srv.TLS, srv.EnableHTTP2 = tc, true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/v1/traces"
	return r
}

func (r *otlpReceiver) serveHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost || req.URL.Path != "/v1/traces" ||
		req.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "wrong request", http.StatusNotFound)
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(req.Body)
	}
	raw, _ := io.ReadAll(body)
	msg := new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(raw, msg); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	resp, err := r.take(req.Context(), msg, req.Header)
	if h, ok := errors.AsType[*httpAnswer](err); ok {
		if h.retryAfter != "" {
			w.Header().Set("Retry-After", h.retryAfter)
		}
		http.Error(w, h.text, h.code)
		return
	}
	out, _ := proto.Marshal(resp)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

type httpAnswer struct {
	code             int
	retryAfter, text string
}

func (h *httpAnswer) Error() string { return h.text }

// selfSigned returns a certificate for 127.0.0.1 and the file of its PEM form.
func selfSigned(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
