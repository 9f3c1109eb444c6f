package mcptools

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
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
	many := strings.Repeat(`{"name":"x","inputSchema":{"type":"object"}},`, maxTools) +
		`{"name":"x","inputSchema":{"type":"object"}}`
	lists := func(tools string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				ID     json.RawMessage
				Method string
			}
			json.NewDecoder(r.Body).Decode(&in)
			result := map[string]string{"tools/list": `{"tools":[` + tools + `]}`, "initialize": `{"protocolVersion":"2025-06-18",
				"capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}`}[in.Method]
			switch {
			case in.Method == "notifications/initialized":
				w.WriteHeader(http.StatusAccepted)
				return
			case result == "":
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result)
		}
	}
	for _, tt := range []struct {
		service http.HandlerFunc
		want    string
	}{
		{service: respond(500, "text/plain", "no"), want: "a tool service is unavailable"},
		{service: lists(many), want: "a tool service offers too many tools, the rest is left out"},
		{service: lists(`{"name":"x","inputSchema":{"type":"array"}}`), want: "a tool is left out: its schema is unusable"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			noLeaks(t)
			log := newSpanLog()
			m, _ := newMCP(t, Config{URLs: []string{serve(t, tt.service).URL}, Logger: slog.New(log)})
			m.Tools(spanContext(0x31, 0x32))
			log.mu.Lock()
			defer log.mu.Unlock()
			if got := log.lines[tt.want]; got != "0000000000000032" {
				t.Errorf("the line was written in span %q; all lines: %v", got, log.lines)
			}
		})
	}
}
