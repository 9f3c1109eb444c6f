package agent

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// spanLog notes for each log line the span id of its context.
type spanLog struct {
	slog.Handler
	mu    *sync.Mutex
	lines map[string]string
}

func newSpanLog() spanLog {
	return spanLog{slog.NewTextHandler(io.Discard, nil), &sync.Mutex{}, map[string]string{}}
}

func (l spanLog) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[r.Message] = trace.SpanContextFromContext(ctx).SpanID().String()
	return nil
}

// A line written while a request is served leads to its trace.
func TestLogLinesCarryTheSpanOfTheRequest(t *testing.T) {
	for _, tt := range []struct {
		tools []Tool
		want  string
	}{
		{tools: []Tool{{Name: "a b"}}, want: "tool left out: the model's service would refuse its name"},
		{tools: []Tool{{Name: "a"}, {Name: "a"}}, want: "tool left out: its name is taken"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			log := newSpanLog()
			a := New(script(says("Hello.")), Config{Sources: []ToolSource{&source{tools: tt.tools}}, Logger: slog.New(log)})
			if _, err := a.Run(spanContext(0x31, 0x32), Task{Text: "Hi"}); err != nil {
				t.Fatal(err)
			}
			log.mu.Lock()
			defer log.mu.Unlock()
			if got := log.lines[tt.want]; got != "0000000000000032" {
				t.Errorf("the line was written in span %q; all lines: %v", got, log.lines)
			}
		})
	}
}
