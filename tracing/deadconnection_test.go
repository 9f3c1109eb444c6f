package tracing

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"example.com/gemini-agent/tracing/export/otlp"
	"example.com/gemini-agent/tracing/tracingtest"
)

type grpcCollector struct {
	coltracepb.UnimplementedTraceServiceServer
	take func(*coltracepb.ExportTraceServiceRequest)
}

func (c grpcCollector) Export(_ context.Context, r *coltracepb.ExportTraceServiceRequest) (
	*coltracepb.ExportTraceServiceResponse, error,
) {
	c.take(r)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

// A connection to the collector that goes dead without a word loses nothing and taxes few: from the cut on invocations go on,
// and everything arrives without help.
func TestASilentDeadConnectionLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("the exporter's own timeout is 10 s of real time")
	}
	for _, name := range []string{"grpc", "https, HTTP/2", "http/1.1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]int{}
			web := collect(t, seen)
			cfg := otlp.Config{Protocol: otlp.HTTP}
			target := web.Listener.Addr().String()
			var mu sync.Mutex
			scheme, path := "http://", otlp.TracesPath
			switch name {
			case "grpc":
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				srv := grpc.NewServer()
				coltracepb.RegisterTraceServiceServer(srv, grpcCollector{take: func(r *coltracepb.ExportTraceServiceRequest) {
					mu.Lock()
					defer mu.Unlock()
					note(seen, r)
				}})
				go func() { _ = srv.Serve(l) }()
				t.Cleanup(srv.Stop)
				target, path, cfg.Protocol = l.Addr().String(), "", otlp.GRPC
			case "https, HTTP/2":
				secure := httptest.NewUnstartedServer(web.Config.Handler)
				secure.EnableHTTP2 = true
				secure.StartTLS()
				t.Cleanup(secure.Close)
				target, scheme = secure.Listener.Addr().String(), "https://"
				cfg.Certificate = pemFile(t, secure.Certificate())
			}
			proxy := tracingtest.NewSilentProxy(t, target)
			cfg.Endpoint = scheme + proxy.Addr() + path
			p, err := Setup(t.Context(), Config{Exporter: ExporterConfig{Names: []string{"otlp"}, OTLP: cfg}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
			var worst time.Duration
			kept := 0
			invoke := func() {
				ctx, invocation := p.Begin(t.Context())
				_, s := p.TracerProvider().Tracer("test").Start(ctx, "span", trace.WithSpanKind(trace.SpanKindServer))
				s.End()
				kept++
				begin := time.Now()
				invocation.End()
				worst = max(worst, time.Since(begin))
			}
			for range 20 {
				invoke()
				time.Sleep(50 * time.Millisecond)
			}
			proxy.Silence()
			cut := time.Now()
			delivered := func() bool { return p.Stats().Exported == int64(kept) }
			for time.Since(cut) < 3*time.Second || !delivered() && time.Since(cut) < 2*time.Minute {
				if time.Since(cut) < 5*time.Second {
					invoke()
				}
				time.Sleep(50 * time.Millisecond)
			}
			t.Logf("%d invocations, all delivered %v after the cut; longest wait %v", kept,
				time.Since(cut).Round(100*time.Millisecond), worst.Round(time.Millisecond))
			if st := p.Stats(); !delivered() || st.Dropped != 0 {
				t.Errorf("stats %+v for %d spans", st, kept)
			}
		})
	}
}

func pemFile(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
