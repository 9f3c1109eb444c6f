package systemtest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing"
)

// deafBackend accepts connections and never answers.
func deafBackend(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
		for _, c := range conns {
			c.Close()
		}
	})
	return l.Addr().String()
}

// A dead trace backend costs no answer, after the first failures no time, and another backend no span.
func TestDeadTraceBackends(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, address, protocol string }{
		{"refused", closedPort, "http/protobuf"},
		{"refused, gRPC", closedPort, "grpc"},
		{"deaf", deafBackend(t), "http/protobuf"},
		{"deaf, gRPC", deafBackend(t), "grpc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: map[string]string{
				"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + tt.address,
				"OTEL_EXPORTER_OTLP_PROTOCOL": tt.protocol, "TRACE_FLUSH_TIMEOUT": "3s",
			}})
			const requests = 20
			for range requests {
				s.do(task("Hi")).want(t, 200) // looks for the whole trace at the other backend
			}
			if n := s.app.Tracing().Stats().TimedOut; n > 3 {
				t.Errorf("%d of %d requests waited in vain, want no more than the first few", n, requests)
			}
		})
	}
}

// failing is a backend that fails until it is told to recover.
type failing struct {
	sdktrace.SpanExporter
	well atomic.Bool
}

func (f *failing) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if !f.well.Load() {
		return errors.New("unavailable")
	}
	return f.SpanExporter.ExportSpans(ctx, spans)
}

// What happened while the backend was away is there once it is back.
func TestTracesSurviveAnOutage(t *testing.T) {
	t.Parallel()
	var backend *failing
	s := start(t, setup{tracing: func(tc *tracing.Config) {
		backend = &failing{SpanExporter: tc.Exporters[0]}
		tc.Exporters[0] = backend
	}})
	const requests = 5
	var ids []string
	for range requests {
		res, err := s.client.Do(task("Hi").request(s))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
		ids = append(ids, res.Header.Get("X-Trace-ID"), res.Header.Get("X-Correlation-ID"))
	}
	if n := len(s.rec.Spans()); n != 0 {
		t.Fatalf("%d spans arrived at a dead backend", n)
	}
	backend.well.Store(true)
	if err := s.app.Tracing().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(ids); i += 2 {
		s.checkWhole(s.invocation(ids[i], ids[i+1]))
	}
}

// In production most traces are not sampled; a failed request is there all the same, whole.
func TestErrorsAreKeptInProduction(t *testing.T) {
	t.Parallel()
	s := start(t, setup{env: map[string]string{
		"ENVIRONMENT": "production", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0",
	}})
	s.sim.Script(geminisim.Text("Fine."), geminisim.Blocked("SAFETY"), geminisim.Error(400, "", "bad"))
	fine, err := s.client.Do(task("Hi").request(s))
	if err != nil {
		t.Fatal(err)
	}
	fine.Body.Close()
	if n := len(s.rec.Spans()); n != 0 {
		t.Errorf("%d spans of a good request were exported", n)
	}
	for _, status := range []int{200, 502} { // a blocked answer is an error on the span only
		a := s.do(task("Hi")).want(t, status)
		if len(a.spans) != 4 {
			t.Errorf("%d spans of a failed request, want 4", len(a.spans))
		}
		if got := text(a.span(t, "POST "+executePath), "sampling.reason"); got != "error" {
			t.Errorf("sampling.reason is %q", got)
		}
	}
}
