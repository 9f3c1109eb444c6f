package export_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"example.com/gemini-agent/tracing/export"
)

func texts(s sdktrace.ReadOnlySpan) (total int, longest int) {
	add := func(n int) { total, longest = total+n, max(longest, n) }
	add(len(s.Name()))
	add(len(s.Status().Description))
	for _, kv := range s.Attributes() {
		add(len(kv.Value.AsString()))
	}
	for _, e := range s.Events() {
		for _, kv := range e.Attributes {
			add(len(kv.Value.AsString()))
		}
	}
	return total, longest
}

// The longest texts lose first, short ones nothing; the span says what is gone; the original stays as it is.
func TestCutShortensTheLongestTexts(t *testing.T) {
	t.Parallel()
	original := tracetest.SpanStub{
		Name: "llm.generate",
		Attributes: []attribute.KeyValue{
			attribute.String("small", "stays"), attribute.Int("n", 7), attribute.String("huge", strings.Repeat("é", 50_000)),
			attribute.StringSlice("list", []string{strings.Repeat("x", 9_000), "y"}),
		},
		Events: []sdktrace.Event{{Name: "exception", Attributes: []attribute.KeyValue{
			attribute.String("stack", strings.Repeat("s", 3_000)),
		}}},
		Status: sdktrace.Status{Description: "boom"},
	}.Snapshot()
	cut, ok := export.Cut(original, 8_000)
	if !ok {
		t.Fatal("not cut")
	}
	total, longest := texts(cut)
	if total > 8_000 || longest < 2_000 {
		t.Errorf("texts of %d bytes, the longest %d: want at most 8000, evenly spent", total, longest)
	}
	attrs := map[string]attribute.Value{}
	for _, kv := range cut.Attributes() {
		attrs[string(kv.Key)] = kv.Value
	}
	if attrs["small"].AsString() != "stays" || attrs["n"].AsInt64() != 7 || cut.Status().Description != "boom" {
		t.Errorf("short values changed: %v", attrs)
	}
	for _, key := range []string{"huge", "list"} {
		if !strings.HasSuffix(attrs[key].AsString(), "…[cut]") {
			t.Errorf("%s is not marked", key)
		}
	}
	if gone := attrs["trace.cut_bytes"].AsInt64(); gone < 104_000 || gone > 110_000 {
		t.Errorf("trace.cut_bytes = %d", gone)
	}
	if n := len(original.Attributes()[2].Value.AsString()); n != 100_000 {
		t.Errorf("the original has %d bytes left", n)
	}
	again, ok := export.Cut(cut, 0)
	if _, longest = texts(again); !ok || longest > 64 {
		t.Errorf("cut again: %t, longest %d", ok, longest)
	}
	if _, ok := export.Cut(again, 0); ok {
		t.Error("a span without long texts was cut")
	}
}
