package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
)

const (
	logTraceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	logSpanIDValue = "00f067aa0ba902b7"
)

func decodeLines(t *testing.T, buf *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(buf.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return lines
}

func spanContext(t *testing.T, flags trace.TraceFlags) context.Context {
	t.Helper()
	traceID, err := trace.TraceIDFromHex(logTraceID)
	if err != nil {
		t.Fatal(err)
	}
	spanID, err := trace.SpanIDFromHex(logSpanIDValue)
	if err != nil {
		t.Fatal(err)
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: flags})
	return trace.ContextWithSpanContext(t.Context(), sc)
}

// TestLogHandlerRules runs the standard library's rules for handlers.
func TestLogHandlerRules(t *testing.T) {
	var buf bytes.Buffer
	h := NewLogHandler(&buf, LogConfig{Service: "s"})
	err := slogtest.TestHandler(h, func() []map[string]any {
		lines := decodeLines(t, &buf)
		for _, m := range lines {
			for ours, theirs := range map[string]string{"severity": slog.LevelKey, "message": slog.MessageKey} {
				m[theirs] = m[ours]
				delete(m, ours)
			}
		}
		return lines
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLogLinesHaveTheirSpan holds that the ids are at the top level whatever the logger was given before.
func TestLogLinesHaveTheirSpan(t *testing.T) {
	tests := []struct {
		name    string
		project string
		trace   string
		flags   trace.TraceFlags
	}{
		{"with a project", "p1", "projects/p1/traces/" + logTraceID, trace.FlagsSampled},
		{"without", "", logTraceID, 0},
	}
	for _, tt := range tests {
		var buf bytes.Buffer
		ctx := correlation.ContextWithID(spanContext(t, tt.flags), "corr")
		log := slog.New(NewLogHandler(&buf, LogConfig{ProjectID: tt.project}))
		log.InfoContext(ctx, "m")
		log.With("a", 1).InfoContext(ctx, "m", "b", 2)
		log.WithGroup("g").InfoContext(ctx, "m", "b", 2)
		log.With("a", 1).WithGroup("g").With("c", 3).WithGroup("h").InfoContext(ctx, "m", "b", 2)
		lines := decodeLines(t, &buf)
		if len(lines) != 4 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, m := range lines {
			for key, want := range map[string]any{
				"message":                              "m",
				"severity":                             "INFO",
				"logging.googleapis.com/trace":         tt.trace,
				"logging.googleapis.com/spanId":        logSpanIDValue,
				"logging.googleapis.com/trace_sampled": tt.flags.IsSampled(),
				"correlation.id":                       "corr",
			} {
				if m[key] != want {
					t.Errorf("%s: line %d: %s = %v, want %v", tt.name, i, key, m[key], want)
				}
			}
			if _, err := time.Parse(time.RFC3339Nano, m["time"].(string)); err != nil {
				t.Error(err)
			}
		}
		got, _ := json.Marshal(map[string]any{"a": lines[3]["a"], "g": lines[3]["g"]})
		if string(got) != `{"a":1,"g":{"c":3,"h":{"b":2}}}` {
			t.Errorf("%s: attributes = %s", tt.name, got)
		}
	}

	var buf bytes.Buffer
	slog.New(NewLogHandler(&buf, LogConfig{ProjectID: "p"})).Info("m")
	if m := decodeLines(t, &buf)[0]; len(m) != 3 {
		t.Errorf("a line without span: %v", m)
	}
}

func TestLogHandlersShareNothing(t *testing.T) {
	var buf bytes.Buffer
	// One by one, so that the slice of attributes has room to spare.
	base := slog.New(NewLogHandler(&buf, LogConfig{})).WithGroup("g").With("a", 1).With("b", 2).With("c", 3)
	one, two := base.With("x", 1), base.With("y", 2)
	one.Info("m")
	two.Info("m")
	lines := decodeLines(t, &buf)
	for i, want := range []string{`{"a":1,"b":2,"c":3,"x":1}`, `{"a":1,"b":2,"c":3,"y":2}`} {
		if got, _ := json.Marshal(lines[i]["g"]); string(got) != want {
			t.Errorf("line %d: %s, want %s", i, got, want)
		}
	}
	buf.Reset()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { base.Info("m", "i", i) })
	}
	wg.Wait() // the race detector watches
	if lines := decodeLines(t, &buf); len(lines) != 4 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestLogSeverity(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "DEBUG", slog.LevelDebug - 4: "DEBUG", slog.LevelInfo - 1: "DEBUG", slog.LevelInfo: "INFO",
		slog.LevelWarn - 1: "INFO", slog.LevelWarn: "WARNING", slog.LevelError: "ERROR", slog.LevelError + 8: "ERROR",
	} {
		var buf bytes.Buffer
		log := slog.New(NewLogHandler(&buf, LogConfig{Level: slog.Level(-100)}))
		log.Log(t.Context(), level, "m", "level", 3)
		if m := decodeLines(t, &buf)[0]; m["severity"] != want || m["level"] != 3.0 {
			t.Errorf("%v: %v", level, m)
		}
	}
	var buf bytes.Buffer
	log := slog.New(NewLogHandler(&buf, LogConfig{}))
	log.Debug("m")
	if buf.Len() > 0 {
		t.Errorf("debug is on by default: %s", buf.String())
	}
}

func TestLogErrorReport(t *testing.T) {
	cfg := LogConfig{Service: "agent", Version: "v1"}
	tests := []struct {
		name   string
		cfg    LogConfig
		level  slog.Level
		attrs  []slog.Attr
		report bool
	}{
		{"5xx error", cfg, slog.LevelError, []slog.Attr{slog.Int("n", 1), HTTPStatus(503)}, true},
		{"4xx error", cfg, slog.LevelError, []slog.Attr{HTTPStatus(404)}, false},
		{"error without status", cfg, slog.LevelError, nil, false},
		{"5xx warning", cfg, slog.LevelWarn, []slog.Attr{HTTPStatus(503)}, false},
		{"no service", LogConfig{}, slog.LevelError, []slog.Attr{HTTPStatus(503)}, false},
	}
	for _, tt := range tests {
		var buf bytes.Buffer
		slog.New(NewLogHandler(&buf, tt.cfg)).WithGroup("g").LogAttrs(t.Context(), tt.level, "m", tt.attrs...)
		m := decodeLines(t, &buf)[0]
		if _, ok := m["@type"]; ok != tt.report {
			t.Errorf("%s: %v", tt.name, m)
		}
		if !tt.report {
			continue
		}
		if m["@type"] != reportedErrorEvent || m["message"] != "m" || m["severity"] != "ERROR" {
			t.Errorf("%s: %v", tt.name, m)
		}
		service, _ := json.Marshal(m["serviceContext"])
		if string(service) != `{"service":"agent","version":"v1"}` {
			t.Errorf("serviceContext = %s", service)
		}
		place := m["context"].(map[string]any)
		if got := place["httpRequest"].(map[string]any)["responseStatusCode"]; got != 503.0 {
			t.Errorf("responseStatusCode = %v", got)
		}
		location := place["reportLocation"].(map[string]any)
		if name, _ := location["functionName"].(string); !strings.HasSuffix(name, "TestLogErrorReport") {
			t.Errorf("reportLocation = %v", location)
		}
	}
}

func TestLogText(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 4, 5, 6e6, time.UTC)
	with := spanContext(t, 0)
	tests := []struct {
		ctx   context.Context
		level slog.Level
		text  string
		setup func(slog.Handler) slog.Handler

		service, want string
	}{
		{t.Context(), slog.LevelInfo, "hello", nil, "", "15:04:05.006 INFO  -        hello k=v"},
		{with, slog.LevelWarn, "hello", nil, "", "15:04:05.006 WARN  4bf92f35 hello k=v"},
		{correlation.ContextWithID(with, "c"), slog.LevelError, "two words", nil, "",
			"15:04:05.006 ERROR 4bf92f35 two words k=v correlation.id=c"},
		{with, slog.LevelInfo + 1, "a\x1b[31m\nb", nil, "", `15:04:05.006 INFO+1 4bf92f35 "a\x1b[31m\nb" k=v`},
		{correlation.ContextWithID(with, "c"), slog.LevelInfo, "m", func(h slog.Handler) slog.Handler {
			return h.WithAttrs([]slog.Attr{slog.Int("a", 1)}).WithGroup("g")
		}, "gemini-agent", "15:04:05.006 INFO  4bf92f35 gemini-agent: m a=1 g.k=v correlation.id=c"},
		{t.Context(), slog.LevelInfo, "hello", nil, "a\nb", `15:04:05.006 INFO  -        "a\nb": hello k=v`},
	}
	for _, tt := range tests {
		var writes lineWriter
		h := NewLogHandler(&writes, LogConfig{Text: true, Service: tt.service})
		if tt.setup != nil {
			h = tt.setup(h)
		}
		r := slog.NewRecord(at, tt.level, tt.text, 0)
		r.AddAttrs(slog.String("k", "v"))
		if err := h.Handle(tt.ctx, r); err != nil {
			t.Fatal(err)
		}
		if len(writes) != 1 || writes[0] != tt.want+"\n" {
			t.Errorf("got %q, want %q", writes, tt.want)
		}
	}
}

type lineWriter []string

func (w *lineWriter) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}

func BenchmarkLog(b *testing.B) {
	ctx := correlation.ContextWithID(context.Background(), "c")
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1},
	}))
	for name, cfg := range map[string]LogConfig{"json": {}, "text": {Text: true}} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(NewLogHandler(io.Discard, cfg))
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(ctx, slog.LevelInfo, "served", slog.Int("status", 200), slog.String("path", "/"))
			}
		})
	}
}

func ExampleNewLogHandler() {
	log := NewLogHandler(os.Stdout, LogConfig{Text: true})
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0: 0x4b, 15: 1}, SpanID: trace.SpanID{7: 2},
	}))
	r := slog.NewRecord(time.Time{}, slog.LevelWarn, "slow answer", 0)
	r.AddAttrs(slog.Duration("took", time.Second))
	if err := log.Handle(correlation.ContextWithID(ctx, "order-7"), r); err != nil {
		panic(err)
	}
	// Output: WARN  4b000000 slow answer took=1s correlation.id=order-7
}
