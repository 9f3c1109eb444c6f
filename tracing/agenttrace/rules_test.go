package agenttrace_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

func TestNilTracerAndHandlesRecordNothing(t *testing.T) {
	rec := tracingtest.NewRecorder()
	ctx, span := rec.Tracer("test").Start(t.Context(), "parent")
	disabled := agenttrace.New(noop.NewTracerProvider(), agenttrace.Config{})
	for _, tr := range []*agenttrace.AgentTracer{nil, disabled} {
		for _, tc := range scenarios {
			tc.run(ctx, tr)
		}
	}
	span.End()
	got := tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{})
	if want := "parent [INTERNAL] Unset\n"; got != want {
		t.Errorf("recorded\n%swant\n%s", got, want)
	}
}

func TestNothingIsMadeBelowAnUnrecordedSpan(t *testing.T) {
	rec := tracingtest.NewRecorder(sdktrace.WithSampler(sdktrace.NeverSample()))
	tr := agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})
	ctx, parent := rec.Tracer("test").Start(t.Context(), "dropped")
	defer parent.End()
	in := call(0)
	in.Content = func() agenttrace.ModelContent { t.Error("content was built"); return agenttrace.ModelContent{} }
	child, handle := tr.StartModelCall(ctx, in)
	if child != ctx || handle != nil {
		t.Error("a span was started")
	}
	for _, tc := range scenarios {
		tc.run(ctx, tr)
	}
	if n := len(rec.Spans()); n != 0 {
		t.Errorf("%d spans were recorded", n)
	}
}

func TestUnsampledRootIsNotRecorded(t *testing.T) {
	rec := tracingtest.NewRecorder(sdktrace.WithSampler(sdktrace.NeverSample()))
	_, handle := agenttrace.New(rec, agenttrace.Config{}).StartTask(t.Context(), task)
	if handle != nil {
		t.Error("the handle of an unrecorded span is not nil")
	}
}

func TestLateSpansFollowTheirEndedParent(t *testing.T) {
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{})
	ctx, span := rec.Tracer("test").Start(t.Context(), "parent")
	span.End()
	_, late := tr.StartStep(ctx, 1, "")
	late.End(nil)
	if n := len(rec.Spans()); n != 2 {
		t.Errorf("%d spans, want the parent and the late one", n)
	}
}

func TestOnlyTheFirstEndCounts(t *testing.T) {
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{})
	_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x"})
	c.End(agenttrace.ToolCallResult{Size: 1}, nil)
	c.End(agenttrace.ToolCallResult{Size: 2}, errors.New("late"))
	spans := rec.Spans()
	if len(spans) != 1 || spans[0].Status().Code != codes.Ok || value(spans[0], "tool.result_size").AsInt64() != 1 {
		t.Errorf("the second End changed the span:\n%s", tracingtest.Tree(spans, tracingtest.TreeConfig{}))
	}
}

func TestCutsKeepRunesWhole(t *testing.T) {
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{})
	long := strings.Repeat("añ日🙂", 200)
	_, s := tr.StartTask(t.Context(), agenttrace.TaskStart{Description: long, UserID: long, SessionID: long + "\xff"})
	s.End(agenttrace.TaskResult{}, errors.New(strings.Repeat("🙂", 5000)+"\xff"))
	in := call(0)
	in.Prompt = long
	_, m := tr.StartModelCall(t.Context(), in)
	m.End(agenttrace.ModelCallResult{}, nil)
	args := map[string]any{"a": long, "b": long, "c": long}
	_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x\xff", Args: args})
	c.End(agenttrace.ToolCallResult{}, nil)

	limits := map[attribute.Key]int{
		"agent.task.description": 200, "llm.prompt_preview": 100, "tool.args": 500,
		"agent.user.id": 256, "agent.session.id": 256,
	}
	seen := 0
	for _, span := range rec.Spans() {
		for _, a := range span.Attributes() {
			text := a.Value.AsString()
			if want := limits[a.Key]; want > 0 {
				seen++
				if n := utf8.RuneCountInString(text); n != want {
					t.Errorf("%s has %d runes, want %d", a.Key, n, want)
				}
			}
			if !utf8.ValidString(text) || !utf8.ValidString(span.Name()) || !utf8.ValidString(span.Status().Description) {
				t.Errorf("%s is not valid UTF-8", a.Key)
			}
		}
	}
	if seen != len(limits) {
		t.Errorf("%d of %d cut attributes were there", seen, len(limits))
	}
}

func TestDurationsAreMillisecondsWithTwoDecimals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracingtest.NewRecorder()
		tr := agenttrace.New(rec, agenttrace.Config{})
		_, m := tr.StartModelCall(t.Context(), call(0))
		_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x"})
		time.Sleep(1_234_567 * time.Nanosecond)
		m.End(agenttrace.ModelCallResult{}, nil)
		time.Sleep(2 * time.Second)
		c.End(agenttrace.ToolCallResult{}, nil)
		if ms := value(rec.Spans()[0], "llm.duration_ms").AsFloat64(); ms != 1.23 {
			t.Errorf("llm.duration_ms = %v", ms)
		}
		if ms := value(rec.Spans()[1], "tool.duration_ms").AsFloat64(); ms != 2001.23 {
			t.Errorf("tool.duration_ms = %v", ms)
		}
	})
}

func TestPreviewsHideSecretsAtTheirEnd(t *testing.T) {
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{})
	in := call(0)
	in.Prompt = strings.Repeat("x ", 40) + "AIzaSyA1234567890abcdefghijklmnopqrstuv" // cut in its middle
	_, m := tr.StartModelCall(t.Context(), in)
	m.End(agenttrace.ModelCallResult{}, nil)
	if got := value(rec.Spans()[0], "llm.prompt_preview").AsString(); strings.Contains(got, "AIza") {
		t.Errorf("llm.prompt_preview = %q", got)
	}
}

func TestRecordingSurvivesWhatItIsGiven(t *testing.T) {
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})
	loop := map[string]any{}
	loop["self"] = loop
	in := call(0)
	in.Content = func() agenttrace.ModelContent { panic("content") }
	_, m := tr.StartModelCall(t.Context(), in)
	m.End(agenttrace.ModelCallResult{Output: func() []agenttrace.Message { panic("output") }}, nil)
	_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x", Args: loop})
	c.End(agenttrace.ToolCallResult{Result: func() any { return panicky{} }}, nil)
	odd := map[string]any{"v": panicky{}, "f": func() {}}
	_, c = tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "y", Args: odd})
	c.End(agenttrace.ToolCallResult{}, (*brokenError)(nil))
	for _, violation := range tracingtest.Conformance(rec.Spans()) {
		t.Error(violation)
	}
	if n := len(rec.Spans()); n != 3 {
		t.Errorf("%d spans, want 3", n)
	}
}

type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic("marshal") }

type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text } // panics on nil

func value(span sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

// attributeSampler keeps what it was shown.
type attributeSampler struct{ attrs []attribute.KeyValue }

func (s *attributeSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	s.attrs = p.Attributes
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
}

func (s *attributeSampler) Description() string { return "attributeSampler" }

func TestSamplersSeeTheAttributesOfALocalRoot(t *testing.T) {
	sampler := &attributeSampler{}
	rec := tracingtest.NewRecorder(sdktrace.WithSampler(sampler))
	_, m := agenttrace.New(rec, agenttrace.Config{}).StartModelCall(t.Context(), call(0))
	defer m.End(agenttrace.ModelCallResult{}, nil)
	set := attribute.NewSet(sampler.attrs...)
	for _, key := range []attribute.Key{
		"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port",
	} {
		if !set.HasValue(key) {
			t.Errorf("%s was not there at the start", key)
		}
	}
}

func TestAnUnrecordedRunAllocatesNothing(t *testing.T) {
	unsampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, parent := unsampled.Tracer("test").Start(t.Context(), "dropped")
	defer parent.End()
	for name, tp := range map[string]trace.TracerProvider{"disabled": noop.NewTracerProvider(), "unsampled": unsampled} {
		tr := agenttrace.New(tp, agenttrace.Config{})
		if n := testing.AllocsPerRun(10, func() { runOnce(ctx, tr) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
