package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"example.com/gemini-agent/tracing/export"
)

func newTestOTLP(t testing.TB, cfg Config) *Exporter {
	t.Helper()
	x, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Shutdown(context.Background()) })
	return x
}

// verifyNoLeaks fails the test when it leaves a goroutine behind. Call it first.
func verifyNoLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func namedSpans(names ...string) []sdktrace.ReadOnlySpan {
	var stubs tracetest.SpanStubs
	for _, n := range names {
		stubs = append(stubs, tracetest.SpanStub{Name: n})
	}
	return stubs.Snapshots()
}

func TestOTLPExporterDelivers(t *testing.T) {
	cert, certFile := selfSigned(t)
	tc := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, tt := range []struct {
		name, protocol, compression string
		tls                         *tls.Config
	}{
		{name: "grpc", protocol: GRPC},
		{name: "grpc gzip", protocol: GRPC, compression: "gzip"},
		{name: "grpc tls", protocol: GRPC, tls: tc},
		{name: "http", protocol: HTTP},
		{name: "http gzip", protocol: HTTP, compression: "gzip"},
		{name: "http tls", protocol: HTTP, tls: tc},
	} {
		t.Run(tt.name, func(t *testing.T) {
			verifyNoLeaks(t)
			start := startHTTPReceiver
			if tt.protocol == GRPC {
				start = startGRPCReceiver
			}
			r := start(t, tt.tls.Clone())
			x := newTestOTLP(t, Config{
				Protocol: tt.protocol, Endpoint: r.url, Compression: tt.compression, Certificate: certFile,
				Headers: map[string]string{"x-key": "v 1"},
			})
			if n := r.conns.Load(); n != 0 {
				t.Errorf("construction opened %d connections", n)
			}
			for _, name := range []string{"a", "b"} {
				if err := x.ExportSpans(t.Context(), namedSpans(name)); err != nil {
					t.Fatal(err)
				}
			}
			if got := fmt.Sprint(r.spanNames()); got != "[a b]" {
				t.Errorf("arrived: %s", got)
			}
			if got := r.header("x-key"); got != "v 1" {
				t.Errorf("header: %q", got)
			}
			if got := r.header("x-idempotency-key"); got != "" {
				t.Errorf("the internal mark was sent: %q", got)
			}
			if n := r.conns.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

func TestOTLPExporterFaults(t *testing.T) {
	partial := func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error) {
		return &coltracepb.ExportTraceServiceResponse{
			PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 2, ErrorMessage: "too old"},
		}, nil
	}
	warning := func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error) {
		return &coltracepb.ExportTraceServiceResponse{
			PartialSuccess: &coltracepb.ExportTracePartialSuccess{ErrorMessage: "use gzip"},
		}, nil
	}
	fail := func(err error) func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error) {
		return func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error) { return nil, err }
	}
	throttled, _ := status.New(codes.Unavailable, "busy").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	for _, tt := range []struct {
		name, protocol string
		answer         func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error)
		want           export.Fault
		after          time.Duration
		text           string
	}{
		{"partial grpc", GRPC, partial, export.PartlyRefused, 0, "2 spans rejected: too old"},
		{"partial http", HTTP, partial, export.PartlyRefused, 0, "2 spans rejected: too old"},
		{"warning http", HTTP, warning, export.PartlyRefused, 0, "0 spans rejected: use gzip"},
		{"unavailable", GRPC, fail(throttled.Err()), export.Retryable, 3 * time.Second, "Unavailable: busy"},
		{"quota", GRPC, fail(status.Error(codes.ResourceExhausted, "quota")), export.Retryable, 0, "quota"},
		{"denied", GRPC, fail(status.Error(codes.PermissionDenied, "no")), export.Retryable, 0, "PermissionDenied"},
		{"invalid", GRPC, fail(status.Error(codes.InvalidArgument, "bad span")), export.Refused, 0, "bad span"},
		{"503", HTTP, fail(&httpAnswer{code: 503, retryAfter: "7", text: "busy"}), export.Retryable,
			7 * time.Second, "503 Service Unavailable: busy"},
		{"500", HTTP, fail(&httpAnswer{code: 500, text: "oops"}), export.Retryable, 0, "oops"},
		{"401", HTTP, fail(&httpAnswer{code: 401, text: "who"}), export.Retryable, 0, "401"},
		{"404", HTTP, fail(&httpAnswer{code: 404, text: "where"}), export.Retryable, 0, "404"},
		{"400", HTTP, fail(&httpAnswer{code: 400, text: "bad"}), export.Refused, 0, "400"},
		{"too large, Go", GRPC, fail(status.Error(codes.ResourceExhausted,
			"grpc: received message larger than max (25000 vs. 20000)")), export.Oversized, 0, "larger than max"},
		{"too large, Java", GRPC, fail(status.Error(codes.ResourceExhausted,
			"gRPC message exceeds maximum size 4194304: 5000000")), export.Oversized, 0, "exceeds"},
		{"too large, .NET", GRPC, fail(status.Error(codes.ResourceExhausted,
			"Received message exceeds the maximum configured message size.")), export.Oversized, 0, "exceeds"},
		{"too large, Rust", GRPC, fail(status.Error(codes.OutOfRange,
			"Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes")), export.Oversized, 0, "OutOfRange"},
		{"over quota, by bytes", GRPC, fail(status.Error(codes.ResourceExhausted,
			"ingestion rate limit (15000000 bytes) exceeded while adding 10 bytes")), export.Retryable, 0, "rate limit"},
		{"413", HTTP, fail(&httpAnswer{code: 413, text: "big"}), export.Oversized, 0, "413"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			verifyNoLeaks(t)
			start := startHTTPReceiver
			if tt.protocol == GRPC {
				start = startGRPCReceiver
			}
			r := start(t, nil)
			r.answer = tt.answer
			x := newTestOTLP(t, Config{Protocol: tt.protocol, Endpoint: r.url})
			spans := namedSpans("a", "b", "c")
			err := x.ExportSpans(t.Context(), spans)
			if got := export.Classify(err); got != tt.want {
				t.Errorf("fault %v, want %v (%v)", got, tt.want, err)
			}
			if got := export.RetryAfter(err); got != tt.after {
				t.Errorf("retry after %v, want %v", got, tt.after)
			}
			if err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want one with %q", err, tt.text)
			}
			if got := len(r.requests); got != 1 {
				t.Errorf("%d attempts, want 1: retries are the pipeline's", got)
			}
			if got := len(export.Unsent(err, spans)); got != 3 {
				t.Errorf("%d unsent spans, want all 3", got)
			}
		})
	}
}

func TestOTLPExporterHeedsContextOnHang(t *testing.T) {
	for _, protocol := range []string{GRPC, HTTP} {
		t.Run(protocol, func(t *testing.T) {
			verifyNoLeaks(t)
			r, release := startHTTPReceiver(t, nil), make(chan struct{})
			if protocol == GRPC {
				r = startGRPCReceiver(t, nil)
			}
			r.answer = func(context.Context, int) (*coltracepb.ExportTraceServiceResponse, error) {
				<-release
				return &coltracepb.ExportTraceServiceResponse{}, nil
			}
			defer close(release)
			x := newTestOTLP(t, Config{Protocol: protocol, Endpoint: r.url})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := x.ExportSpans(ctx, namedSpans("a")); export.Classify(err) != export.Retryable {
				t.Errorf("got %v", err)
			}
			own := newTestOTLP(t, Config{Protocol: protocol, Endpoint: r.url, Timeout: 50 * time.Millisecond})
			if err := own.ExportSpans(t.Context(), namedSpans("a")); export.Classify(err) != export.Retryable {
				t.Errorf("own timeout: got %v", err)
			}
		})
	}
}

func TestOTLPExporterDeadEndpointThenAlive(t *testing.T) {
	for _, protocol := range []string{GRPC, HTTP} {
		t.Run(protocol, func(t *testing.T) {
			verifyNoLeaks(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			addr := l.Addr().String()
			l.Close()
			endpoint := "http://" + addr
			if protocol == HTTP {
				endpoint += "/v1/traces"
			}
			x := newTestOTLP(t, Config{Protocol: protocol, Endpoint: endpoint, Timeout: 5 * time.Second})
			x.Warm(t.Context())
			if err := x.ExportSpans(t.Context(), namedSpans("a")); export.Classify(err) != export.Retryable {
				t.Fatalf("dead endpoint: %v", err)
			}
			if l, err = net.Listen("tcp", addr); err != nil {
				t.Skipf("the port was taken: %v", err)
			}
			serveOn(t, protocol, l)
			deadline := time.Now().Add(20 * time.Second)
			for {
				err := x.ExportSpans(t.Context(), namedSpans("b"))
				if err == nil {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("the backend is back and the exporter has not found it: %v", err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

func serveOn(t *testing.T, protocol string, l net.Listener) {
	t.Helper()
	r := &otlpReceiver{}
	if protocol == GRPC {
		srv := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(srv, r)
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(srv.Stop)
		return
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(r.serveHTTP))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
}

func TestOTLPExporterSplitsLargeBatches(t *testing.T) {
	verifyNoLeaks(t)
	r := startGRPCReceiver(t, nil) // refuses more than 4 MiB
	x := newTestOTLP(t, Config{Protocol: GRPC, Endpoint: r.url})
	var stubs tracetest.SpanStubs
	big := make([]attribute.KeyValue, 16) // 1 MiB a span
	for i := range big {
		big[i] = attribute.String(fmt.Sprint("v", i), strings.Repeat("x", 1<<16))
	}
	for i := range 9 {
		stubs = append(stubs, tracetest.SpanStub{Name: fmt.Sprint(i), Attributes: big})
	}
	spans := stubs.Snapshots()
	if err := x.ExportSpans(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.spanNames()); got != "[0 1 2 3 4 5 6 7 8]" || len(r.requests) < 3 {
		t.Errorf("arrived: %s in %d requests", got, len(r.requests))
	}

	r.requests = nil
	r.answer = func(_ context.Context, n int) (*coltracepb.ExportTraceServiceResponse, error) {
		if n > 1 {
			return nil, status.Error(codes.Unavailable, "down")
		}
		return &coltracepb.ExportTraceServiceResponse{}, nil
	}
	err := x.ExportSpans(t.Context(), spans)
	left := export.Unsent(err, spans)
	if export.Classify(err) != export.Retryable || len(left) == 0 || len(left) == len(spans) ||
		left[len(left)-1].Name() != "8" {
		t.Errorf("after the second request failed, %d of %d are unsent: %v", len(left), len(spans), err)
	}
}

func TestOTLPExporterWarmOpensTheConnectionThatExportUses(t *testing.T) {
	cert, certFile := selfSigned(t)
	tc := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, tt := range []struct {
		name, protocol string
		tls            *tls.Config
	}{{"grpc", GRPC, nil}, {"http", HTTP, nil}, {"http tls", HTTP, tc}} {
		t.Run(tt.name, func(t *testing.T) {
			verifyNoLeaks(t)
			start := startHTTPReceiver
			if tt.protocol == GRPC {
				start = startGRPCReceiver
			}
			r := start(t, tt.tls.Clone())
			x := newTestOTLP(t, Config{Protocol: tt.protocol, Endpoint: r.url, Certificate: certFile})
			x.Warm(t.Context())
			x.Warm(t.Context())
			for deadline := time.Now().Add(10 * time.Second); r.conns.Load() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("Warm opened no connection")
				}
			}
			if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
				t.Fatal(err)
			}
			x.Warm(t.Context())
			if n := r.conns.Load(); n != 1 {
				t.Errorf("%d connections, want the warm one alone", n)
			}
		})
	}
}

// A connection that the backend closed while the instance was frozen must not cost the next export.
func TestOTLPHTTPSurvivesConnectionClosedByBackend(t *testing.T) {
	verifyNoLeaks(t)
	var hits atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() { // answers one request a connection; the second one on it meets a reset
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			_, _ = c.Read(buf)
			hits.Add(1)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, _ = c.Read(buf[:1])
			c.Close()
		}
	}()
	x := newTestOTLP(t, Config{Endpoint: "http://" + l.Addr().String() + "/v1/traces"})
	var reused atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if i.Reused {
			reused.Add(1)
		}
	}})
	for range 2 {
		if err := x.ExportSpans(ctx, namedSpans("a")); err != nil {
			t.Fatal(err)
		}
	}
	if reused.Load() == 0 || hits.Load() != 2 {
		t.Errorf("reused %d, answered %d: the test did not meet a dead connection", reused.Load(), hits.Load())
	}
	_ = x.Shutdown(t.Context())
	l.Close()
	<-done
}

func TestOTLPExporterAfterShutdown(t *testing.T) {
	verifyNoLeaks(t)
	x := newTestOTLP(t, Config{})
	x.Warm(t.Context())
	_ = x.Shutdown(t.Context())
	_ = x.Shutdown(t.Context())
	x.Warm(t.Context())
	if err := x.ExportSpans(t.Context(), namedSpans("a")); !errors.Is(err, export.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestOTLPExporterUnreadableCertificateFailsClosed(t *testing.T) {
	cert, _ := selfSigned(t)
	r := startGRPCReceiver(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	x, err := New(
		Config{Protocol: GRPC, Endpoint: r.url, Certificate: filepath.Join(t.TempDir(), "none.pem")},
		nil,
	)
	if err == nil || x == nil {
		t.Fatalf("want an exporter and an error, got %v, %v", x, err)
	}
	defer x.Shutdown(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := x.ExportSpans(ctx, namedSpans("a")); err == nil {
		t.Error("sent to a server that the system's roots do not know")
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-1": 0, "soon": 0, "999999999": time.Hour,
		"Sun, 22 Nov 2026 12:00:09 GMT": 9 * time.Second, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := parseRetryAfter(v, now); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

// The process's variables, which the official exporters read, must not reach an app with its own settings.
func TestExportersIgnoreTheProcessEnvironment(t *testing.T) {
	verifyNoLeaks(t)
	r := startHTTPReceiver(t, nil)
	for k, v := range map[string]string{
		"OTEL_EXPORTER_OTLP_HEADERS": "x-leak=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-leak=1",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_EXPORTER_OTLP_ENDPOINT":    "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
	} {
		t.Setenv(k, v)
	}
	x := newTestOTLP(t, Config{Endpoint: r.url})
	if err := x.ExportSpans(t.Context(), namedSpans("a")); err != nil {
		t.Fatal(err)
	}
	if r.header("x-leak") != "" || r.header("content-encoding") != "" {
		t.Errorf("leaked: %v", r.headers)
	}
}
