package cloudtrace

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/trace/apiv2/tracepb"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
)

// cloudTraceServer is Cloud Trace at the wire.
type cloudTraceServer struct {
	tracepb.UnimplementedTraceServiceServer
	addr   string
	answer func() error

	mu       sync.Mutex
	requests []*tracepb.BatchWriteSpansRequest
}

func (s *cloudTraceServer) BatchWriteSpans(
	_ context.Context,
	req *tracepb.BatchWriteSpansRequest,
) (*emptypb.Empty, error) {
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.mu.Unlock()
	if s.answer != nil {
		return nil, s.answer()
	}
	return &emptypb.Empty{}, nil
}

func (s *cloudTraceServer) spans() []*tracepb.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*tracepb.Span
	for _, r := range s.requests {
		out = append(out, r.Spans...)
	}
	return out
}

func startCloudTrace(t *testing.T) *cloudTraceServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &cloudTraceServer{addr: l.Addr().String()}
	srv := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(srv, s)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-done })
	return s
}

func newTestCloudTrace(t *testing.T, cfg Config, project string) *Exporter {
	t.Helper()
	creds := googleauth.New("")
	creds.Detect = failDetect(t)
	x, err := New(cfg, project, creds)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Shutdown(context.Background()) })
	return x
}

func TestCloudTraceExporterCarriesWhatTheLibraryDrops(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: "http://" + s.addr}, "p1")
	x.Warm(t.Context())
	span := tracetest.SpanStub{
		Name: "llm.generate",
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
		}),
		Attributes: []attribute.KeyValue{
			attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop", `qu"ote`}),
			attribute.Int64Slice("ints", []int64{1, 2}),
			attribute.Map("map", attribute.Int("a", 1)),
			attribute.ByteSlice("bytes", []byte("hi")),
			attribute.Float64("temperature", 0.5),
			attribute.Bool("yes", true),
			attribute.String("http.request.method", "POST"),
			attribute.Int("http.response.status_code", 200),
			attribute.String("http.route", "/api/v1/agent/execute"),
			attribute.String("url.path", "/p"),
			attribute.String("url.full", "https://h/p"),
			attribute.String("server.address", "h"),
			attribute.String("user_agent.original", "curl"),
		},
		Events: []sdktrace.Event{
			{Name: "e", Attributes: []attribute.KeyValue{attribute.StringSlice("list", []string{"x"})}},
		},
		Links:    []sdktrace.Link{{Attributes: []attribute.KeyValue{attribute.BoolSlice("list", []bool{true})}}},
		Resource: resource.NewSchemaless(attribute.String("service.name", "gemini-agent")),
	}
	if err := x.ExportSpans(t.Context(), tracetest.SpanStubs{span}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	if got := s.requests[0].Name; got != "projects/p1" {
		t.Errorf("project: %s", got)
	}
	got := s.spans()[0]
	text := func(a *tracepb.Span_Attributes, key string) string {
		v := a.GetAttributeMap()[key]
		if v == nil {
			t.Errorf("%s is missing", key)
		}
		return v.GetStringValue().GetValue()
	}
	for key, want := range map[string]string{
		"gen_ai.response.finish_reasons": `["stop","qu\"ote"]`, "ints": "[1,2]", "map": `{"a":1}`, "bytes": "aGk=",
		"temperature": "0.5", "/http/method": "POST", "/http/route": "/api/v1/agent/execute", "/http/path": "/p",
		"/http/url": "https://h/p", "/http/host": "h", "/http/user_agent": "curl", "service.name": "gemini-agent",
	} {
		if got := text(got.Attributes, key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	if v := got.Attributes.AttributeMap["/http/status_code"].GetIntValue(); v != 200 {
		t.Errorf("/http/status_code = %d", v)
	}
	if n := got.Attributes.DroppedAttributesCount; n != 0 {
		t.Errorf("%d attributes dropped", n)
	}
	if got := text(got.TimeEvents.TimeEvent[0].GetAnnotation().Attributes, "list"); got != `["x"]` {
		t.Errorf("event list: %q", got)
	}
	if got := text(got.Links.Link[0].Attributes, "list"); got != "[true]" {
		t.Errorf("link list: %q", got)
	}
}

// Two exports of one span at a time must not write into the span's attribute slice (run with -race).
func TestCloudTraceExporterLeavesSharedAttributesAlone(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	attrs := make([]attribute.KeyValue, 1, 64)
	attrs[0] = attribute.String("a", "b")
	spans := tracetest.SpanStubs{{
		Name: "a", Attributes: attrs, Resource: resource.NewSchemaless(attribute.String("service.name", "s")),
	}}.Snapshots()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := x.ExportSpans(t.Context(), spans); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if attrs[:2][1].Key != "" {
		t.Errorf("the exporter wrote %v behind the span's attributes", attrs[:2][1])
	}
}

// The exporter must not trace its own calls. Instrumented clients use the global provider, so the test sets
// it, in a process of its own. A client that traces itself never comes to an end here.
func TestCloudTraceExporterNeverTracesItself(t *testing.T) {
	const child = "TRACING_TEST_CHILD"
	if os.Getenv(child) == "" {
		cmd := exec.CommandContext(
			t.Context(),
			os.Args[0],
			"-test.run=^TestCloudTraceExporterNeverTracesItself$",
			"-test.timeout=20s",
		)
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(x))
	otel.SetTracerProvider(tp)
	for range 5 {
		ctx, span := tp.Tracer("t").Start(t.Context(), "invocation")
		if err := x.ExportSpans(ctx, namedSpans("handed")); err != nil { // even with a live span in the context
			t.Fatal(err)
		}
		span.End()
	}
	if err := tp.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, span := range s.spans() {
		if n := span.DisplayName.Value; n != "invocation" && n != "handed" {
			t.Errorf("exported a span of its own: %s", n)
		}
	}
	if n := len(s.spans()); n != 10 {
		t.Errorf("%d spans, want 10", n)
	}
}

func TestCloudTraceExporterMakesOneAttempt(t *testing.T) {
	for _, tt := range []struct {
		code codes.Code
		want export.Fault
	}{
		{codes.Unavailable, export.Retryable},
		{codes.DeadlineExceeded, export.Retryable},
		{codes.ResourceExhausted, export.Retryable},
		{codes.PermissionDenied, export.Retryable},
		{codes.InvalidArgument, export.Refused},
		{codes.OutOfRange, export.Oversized},
	} {
		t.Run(tt.code.String(), func(t *testing.T) {
			verifyNoLeaks(t)
			s := startCloudTrace(t)
			s.answer = func() error { return status.Error(tt.code, "no") }
			x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "p1")
			err := x.ExportSpans(t.Context(), namedSpans("a"))
			if got := export.Classify(err); got != tt.want {
				t.Errorf("fault %v, want %v: %v", got, tt.want, err)
			}
			if n := len(s.requests); n != 1 {
				t.Errorf("%d attempts", n)
			}
		})
	}
}

func TestCloudTraceExporterDeadEndpointIsBounded(t *testing.T) {
	verifyNoLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x := newTestCloudTrace(t, Config{Endpoint: l.Addr().String(), Timeout: 50 * time.Millisecond}, "p1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := x.ExportSpans(ctx, namedSpans("a")); export.Classify(err) != export.Retryable {
		t.Errorf("got %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the exporter's own timeout did not bound the export")
	}
}

func TestCloudTraceExporterFindsTheProject(t *testing.T) {
	verifyNoLeaks(t)
	s := startCloudTrace(t)
	x := newTestCloudTrace(t, Config{Endpoint: s.addr}, "")
	err := x.ExportSpans(t.Context(), namedSpans("a"))
	if err == nil || !strings.Contains(err.Error(), "GOOGLE_CLOUD_PROJECT") || export.Classify(err) != export.Retryable {
		t.Errorf("without a project: %v", err)
	}
	res := resource.NewSchemaless(attribute.String("gcp.project_id", "from-resource"))
	if err := x.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: "a", Resource: res}}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	if got := s.requests[0].Name; got != "projects/from-resource" {
		t.Errorf("project: %s", got)
	}
	_ = x.Shutdown(t.Context())
	if err := x.ExportSpans(t.Context(), namedSpans("a")); !errors.Is(err, export.ErrClosed) {
		t.Errorf("after shutdown: %v", err)
	}
}

func TestCloudTraceAddress(t *testing.T) {
	for in, want := range map[string]struct {
		addr  string
		plain bool
	}{
		"cloudtrace.googleapis.com:443":     {"cloudtrace.googleapis.com:443", false},
		"https://cloudtrace.googleapis.com": {"cloudtrace.googleapis.com:443", false},
		"localhost:9000":                    {"localhost:9000", true},
		"http://127.0.0.1:9000/":            {"127.0.0.1:9000", true},
		"[::1]:9000":                        {"[::1]:9000", true},
	} {
		addr, plain, err := Address(in)
		if err != nil || addr != want.addr || plain != want.plain {
			t.Errorf("%s: %s, %v, %v", in, addr, plain, err)
		}
	}
	for _, in := range []string{"http://", "://x", "%zz"} {
		if _, _, err := Address(in); err == nil {
			t.Errorf("%s: no error", in)
		}
	}
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

func failDetect(t *testing.T) func() (*auth.Credentials, error) {
	return func() (*auth.Credentials, error) {
		t.Error("looked for credentials")
		return nil, errors.New("not allowed here")
	}
}
