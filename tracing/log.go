package tracing

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"runtime"

	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/semconv"
)

// Field names of Cloud Logging (https://docs.cloud.google.com/trace/docs/trace-log-integration) and our own.
const (
	logTrace         = "logging.googleapis.com/trace"
	logSpanID        = "logging.googleapis.com/spanId"
	logTraceSampled  = "logging.googleapis.com/trace_sampled"
	logCorrelationID = "correlation.id"
)

// reportedErrorEvent makes Error Reporting take a log line for an error
// (https://cloud.google.com/error-reporting/docs/formatting-error-messages).
const reportedErrorEvent = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

// LogConfig says how log lines look. The zero value is JSON from level INFO.
type LogConfig struct {
	Text      bool         // short lines for a terminal
	Level     slog.Leveler // default: slog.LevelInfo
	ProjectID string       // Google Cloud project of the traces; optional
	// Service and Version name the app in error reports; without a service there are none. Text lines begin with the service.
	Service, Version string
}

// NewLogHandler returns a handler that ties each record to the span and the correlation id of its context, never to
// request headers. One record is one Write. It is safe for concurrent use.
//
// JSON lines have Cloud Logging's fields, at the top level whatever groups are open: time, severity (DEBUG, INFO,
// WARNING, ERROR), message, logging.googleapis.com/trace (projects/P/traces/ID when the project is known, which every
// version of the log viewer links, else the bare trace id), /spanId (16 hex digits), /trace_sampled and correlation.id.
//
// A record of level ERROR that has HTTPStatus of 500 or more among its own attributes is an error report as well.
//
// Text lines are "15:04:05.000 LEVEL trace service: message key=value… correlation.id=…", with the first 8 digits of the trace
// id: several services may write to one terminal.
func NewLogHandler(w io.Writer, cfg LogConfig) slog.Handler {
	if cfg.Level == nil {
		cfg.Level = slog.LevelInfo
	}
	if cfg.Text {
		return newTextHandler(w, cfg.Level, cfg.Service)
	}
	return &jsonHandler{
		inner: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: cloudLogging}),
		cfg:   cfg,
	}
}

// HTTPStatus is the attribute that says how a request was answered. On a record of level ERROR a status of 500 or more
// makes the line an error report.
func HTTPStatus(status int) slog.Attr {
	return slog.Int(string(semconv.KeyHTTPResponseStatusCode), status)
}

// cloudLogging renames slog's own fields.
func cloudLogging(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("severity", severity(level))
		}
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}

func severity(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "DEBUG"
	case level < slog.LevelWarn:
		return "INFO"
	case level < slog.LevelError:
		return "WARNING"
	}
	return "ERROR"
}

// jsonHandler keeps open groups to itself, because inner would put our fields into them.
type jsonHandler struct {
	inner  slog.Handler
	groups []logGroup
	cfg    LogConfig
}

type logGroup struct {
	name  string
	attrs []slog.Attr
}

func (h *jsonHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *jsonHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h2 := *h
	if n := len(h.groups); n > 0 {
		last := h.groups[n-1]
		last.attrs = append(last.attrs[:len(last.attrs):len(last.attrs)], attrs...)
		h2.groups = append(h.groups[:n-1:n-1], last)
	} else {
		h2.inner = h.inner.WithAttrs(attrs)
	}
	return &h2
}

func (h *jsonHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	h2 := *h
	h2.groups = append(h.groups[:len(h.groups):len(h.groups)], logGroup{name: name})
	return &h2
}

func (h *jsonHandler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(h.identity(ctx)...)
	if r.Level >= slog.LevelError && h.cfg.Service != "" {
		if status := recordStatus(r); status >= 500 {
			out.AddAttrs(h.report(r.PC, status)...)
		}
	}
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	for i := len(h.groups) - 1; i >= 0; i-- {
		g := h.groups[i]
		all := append(g.attrs[:len(g.attrs):len(g.attrs)], attrs...)
		attrs = []slog.Attr{{Key: g.name, Value: slog.GroupValue(all...)}}
	}
	out.AddAttrs(attrs...)
	return h.inner.Handle(ctx, out)
}

// identity is what ties a line to its trace.
func (h *jsonHandler) identity(ctx context.Context) []slog.Attr {
	attrs := make([]slog.Attr, 0, 4)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		traceID, spanID := sc.TraceID(), sc.SpanID()
		id := hex.EncodeToString(traceID[:])
		if h.cfg.ProjectID != "" {
			id = "projects/" + h.cfg.ProjectID + "/traces/" + id
		}
		attrs = append(attrs,
			slog.String(logTrace, id),
			slog.String(logSpanID, hex.EncodeToString(spanID[:])),
			slog.Bool(logTraceSampled, sc.IsSampled()))
	}
	if id := correlation.ID(ctx); id != "" {
		attrs = append(attrs, slog.String(logCorrelationID, id))
	}
	return attrs
}

// recordStatus returns the record's own HTTPStatus, 0 when it has none.
func recordStatus(r slog.Record) (status int64) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == string(semconv.KeyHTTPResponseStatusCode) && a.Value.Kind() == slog.KindInt64 {
			status = a.Value.Int64()
		}
		return status == 0
	})
	return status
}

// report is what Error Reporting reads. It wants a place in the code, because our lines hold no stack.
func (h *jsonHandler) report(pc uintptr, status int64) []slog.Attr {
	place := []any{slog.Group("httpRequest", slog.Int64("responseStatusCode", status))}
	if pc != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		place = append(place, slog.Group("reportLocation",
			slog.String("filePath", frame.File),
			slog.Int("lineNumber", frame.Line),
			slog.String("functionName", frame.Function)))
	}
	service := []any{slog.String("service", h.cfg.Service)}
	if h.cfg.Version != "" {
		service = append(service, slog.String("version", h.cfg.Version))
	}
	return []slog.Attr{
		slog.String("@type", reportedErrorEvent),
		slog.Group("serviceContext", service...),
		slog.Group("context", place...),
	}
}
