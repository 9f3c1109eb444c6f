package tracing

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
)

// textHandler writes the start of the line itself and leaves the attributes to slog's own handler.
type textHandler struct {
	inner   slog.Handler // writes to line.buf
	line    *textLine
	service string
}

// textLine is shared by all handlers made from one.
type textLine struct {
	mu  sync.Mutex
	w   io.Writer
	buf bytes.Buffer
}

func newTextHandler(w io.Writer, level slog.Leveler, service string) *textHandler {
	line := &textLine{w: w}
	return &textHandler{
		inner: slog.NewTextHandler(&line.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: attrsOnly}),
		line:  line, service: service,
	}
}

// attrsOnly takes away what stands at the start of the line. An attribute with the name and kind of such a field is
// lost with it.
func attrsOnly(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch {
		case a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime,
			a.Key == slog.LevelKey && a.Value.Kind() == slog.KindAny,
			a.Key == slog.MessageKey && a.Value.Kind() == slog.KindString:
			return slog.Attr{}
		}
	}
	return a
}

func (h *textHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &textHandler{inner: h.inner.WithAttrs(attrs), line: h.line, service: h.service}
}

func (h *textHandler) WithGroup(name string) slog.Handler {
	return &textHandler{inner: h.inner.WithGroup(name), line: h.line, service: h.service}
}

func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	h.line.mu.Lock()
	defer h.line.mu.Unlock()
	buf := &h.line.buf
	buf.Reset()
	if !r.Time.IsZero() {
		buf.Write(r.Time.AppendFormat(buf.AvailableBuffer(), "15:04:05.000 "))
	}
	buf.WriteString(r.Level.String())
	for range max(1, 6-len(r.Level.String())) {
		buf.WriteByte(' ')
	}
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		traceID := sc.TraceID()
		buf.Write(hex.AppendEncode(buf.AvailableBuffer(), traceID[:4]))
	} else {
		buf.WriteString("-       ")
	}
	buf.WriteByte(' ')
	if h.service != "" {
		buf.WriteString(printable(h.service) + ": ")
	}
	buf.WriteString(printable(r.Message))
	buf.WriteByte(' ')
	if err := h.inner.Handle(ctx, r); err != nil {
		return err
	}
	line := bytes.TrimRight(buf.Bytes(), " \n")
	buf.Truncate(len(line))
	if id := correlation.ID(ctx); id != "" {
		buf.WriteString(" " + logCorrelationID + "=" + id)
	}
	buf.WriteByte('\n')
	_, err := h.line.w.Write(buf.Bytes())
	return err
}

// printable quotes a message that would not stay on its line or would steer the terminal.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
