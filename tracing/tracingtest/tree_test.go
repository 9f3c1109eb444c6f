package tracingtest

import (
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// stub is a finished span: its id, its parent's, and when it ran in ms.
type stub struct {
	name       string
	id, parent byte
	from, to   int
	remote     bool
	service    string
	attrs      []attribute.KeyValue
	status     sdktrace.Status
	events     []sdktrace.Event
	links      []sdktrace.Link
	notSampled bool
	kind       trace.SpanKind
}

func spanContext(id byte, remote bool) trace.SpanContext {
	if id == 0 {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled, Remote: remote,
	})
}

func (s stub) span() sdktrace.ReadOnlySpan {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	sc := spanContext(s.id, false)
	if s.notSampled {
		sc = sc.WithTraceFlags(0)
	}
	if s.kind == trace.SpanKindUnspecified {
		s.kind = trace.SpanKindInternal
	}
	return tracetest.SpanStub{
		Name: s.name, SpanContext: sc, Parent: spanContext(s.parent, s.remote), SpanKind: s.kind,
		StartTime:  start.Add(time.Duration(s.from) * time.Millisecond),
		EndTime:    start.Add(time.Duration(s.to) * time.Millisecond),
		Attributes: s.attrs, Status: s.status, Events: s.events, Links: s.links,
		Resource: resource.NewSchemaless(attribute.String("service.name", s.service)),
	}.Snapshot()
}

func spansOf(stubs ...stub) []sdktrace.ReadOnlySpan {
	spans := make([]sdktrace.ReadOnlySpan, len(stubs))
	for i, s := range stubs {
		spans[i] = s.span()
	}
	return spans
}

func TestTree(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   TreeConfig
		stubs []stub
		want  string
	}{
		{
			name: "values",
			stubs: []stub{{
				name: "root", id: 1, to: 9, kind: trace.SpanKindServer,
				status: sdktrace.Status{Code: codes.Error, Description: "dial 127.0.0.1:4711"},
				attrs: []attribute.KeyValue{
					attribute.String("b", "x"), attribute.Int("a", 1), attribute.StringSlice("c", []string{"y", "z"}),
					attribute.String("json", `{"a":1}`), attribute.Float64("d", 1.5), attribute.Bool("e", true),
				},
				events: []sdktrace.Event{{Name: "exception", Attributes: []attribute.KeyValue{
					attribute.String("exception.type", "*net.OpError"), attribute.String("exception.message", "dial"),
				}}},
				links: []sdktrace.Link{{SpanContext: spanContext(7, false)}},
			}},
			want: `root [SERVER] Error "dial 127.0.0.1:<PORT>"
  | a = 1
  | b = "x"
  | c = ["y", "z"]
  | d = 1.5
  | e = true
  | json = ` + "`{\"a\":1}`" + `
  * exception
  |   exception.message = "dial"
  |   exception.type = "*net.OpError"
  > link to <PRESENT>
`,
		},
		{
			name: "unstable values",
			cfg:  TreeConfig{Omit: []string{"gone.*"}, Present: []string{"mine"}},
			stubs: []stub{{name: "root", id: 1, to: 1, attrs: []attribute.KeyValue{
				attribute.Float64("llm.duration_ms", 1.23), attribute.String("correlation.id", "abc"),
				attribute.String("gone.x", "x"), attribute.Int("mine", 4), attribute.Int("server.port", 51234),
				attribute.String("url.full", "http://localhost:51234/x"), attribute.Int("process.runtime.goroutines", 7),
				attribute.String("text", "at 2026-01-02T03:04:05.6Z, id 0123456789abcdef0123456789abcdef, [::1]:80"),
				attribute.String("uuid", "01234567-89ab-cdef-0123-456789abcdef"),
			}}},
			want: `root [INTERNAL] Unset
  | correlation.id = <PRESENT>
  | llm.duration_ms = <PRESENT>
  | mine = <PRESENT>
  | process.runtime.goroutines = <PRESENT>
  | server.port = <PORT>
  | text = "at <TIME>, id <TRACE_ID>, [::1]:<PORT>"
  | url.full = "http://localhost:<PORT>/x"
  | uuid = "<UUID>"
`,
		},
		{
			name:  "well-known ports are values",
			stubs: []stub{{name: "root", id: 1, attrs: []attribute.KeyValue{attribute.Int("server.port", 443)}}},
			want:  "root [INTERNAL] Unset\n  | server.port = 443\n",
		},
		{
			name: "roots",
			stubs: []stub{
				{name: "lost", id: 3, parent: 9, from: 2, to: 3},
				{name: "entry", id: 1, parent: 8, remote: true, to: 5},
				{name: "dropped", id: 4, from: 6, to: 7, notSampled: true},
			},
			want: `entry [INTERNAL] Unset remote parent
lost [INTERNAL] Unset ORPHAN
dropped [INTERNAL] Unset unsampled
`,
		},
		{
			name: "two services",
			stubs: []stub{
				{name: "server", id: 3, parent: 2, remote: true, from: 2, to: 3, service: "sub"},
				{name: "inner", id: 4, parent: 3, from: 2, to: 3, service: "sub"},
				{name: "server", id: 1, to: 5, service: "agent"},
				{name: "POST", id: 2, parent: 1, from: 1, to: 4, service: "agent"},
			},
			want: `server [INTERNAL] Unset service agent
  POST [INTERNAL] Unset
    server [INTERNAL] Unset service sub
      inner [INTERNAL] Unset
`,
		},
		{
			name: "order",
			stubs: []stub{
				{name: "root", id: 1, to: 99},
				{name: "z first", id: 2, parent: 1, from: 1, to: 2},
				{name: "b parallel", id: 3, parent: 1, from: 3, to: 6},
				{name: "a parallel", id: 4, parent: 1, from: 5, to: 8},
				{name: "c parallel", id: 5, parent: 1, from: 7, to: 9},
				{name: "tool.b", id: 6, parent: 1, from: 10, to: 11}, // calls of one turn, run one after the other by chance
				{name: "tool.a", id: 7, parent: 1, from: 12, to: 13},
				{name: "last", id: 8, parent: 1, from: 14, to: 15},
				{name: "a tie", id: 9, parent: 1, from: 14, to: 14},
			},
			want: `root [INTERNAL] Unset
  z first [INTERNAL] Unset
  a parallel [INTERNAL] Unset
  b parallel [INTERNAL] Unset
  c parallel [INTERNAL] Unset
  tool.a [INTERNAL] Unset
  tool.b [INTERNAL] Unset
  a tie [INTERNAL] Unset
  last [INTERNAL] Unset
`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			spans := spansOf(tc.stubs...)
			for range 20 { // in whatever order they come in
				if got := Tree(spans, tc.cfg); got != tc.want {
					t.Fatalf("got\n%swant\n%s", got, tc.want)
				}
				rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
			}
		})
	}
}

func TestRecorderKeepsWhatEndsAndWhatIsExported(t *testing.T) {
	rec := NewRecorder()
	_, span := rec.Tracer("test").Start(t.Context(), "recorded")
	if n := len(rec.Spans()); n != 0 {
		t.Errorf("%d spans before the first ended", n)
	}
	span.End()
	if err := rec.Exporter().ExportSpans(t.Context(), spansOf(stub{name: "exported", id: 1})); err != nil {
		t.Error(err)
	}
	if got := rec.Spans(); len(got) != 2 || got[0].Name() != "recorded" || got[1].Name() != "exported" {
		t.Errorf("got %v", got)
	}
	if rec.Reset(); len(rec.Spans()) != 0 {
		t.Error("Reset forgot nothing")
	}
}
