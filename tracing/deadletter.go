package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"log/slog"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/export/otlp"
)

const (
	deadLetterMessage = "trace dead letter"
	maxDeadLetter     = 200_000 // bytes of a line's payload: Cloud Logging takes lines of 256 KiB
	deadLetterSpans   = 512
	usualRatio        = 8 // between the size of spans in memory and that of their letter
	smallestCut       = 1 << 10
)

// deadLetters writes spans that no backend took to the log, in lines that any OTLP receiver takes back: field otlp is the
// base64 of a gzipped ExportTraceServiceRequest, as it is posted to /v1/traces. They are of level ERROR, so that no
// LOG_LEVEL keeps them out.
type deadLetters struct {
	logger  *slog.Logger
	project string // gcp.project_id where the resource has none
}

// write returns how many of spans are in the log.
func (d deadLetters) write(ctx context.Context, backend string, spans []sdktrace.ReadOnlySpan) (written int) {
	if !d.logger.Enabled(ctx, slog.LevelError) {
		return 0
	}
	for len(spans) > 0 && ctx.Err() == nil {
		text, n := d.encode(spans)
		if text != "" {
			d.logger.LogAttrs(context.Background(), slog.LevelError, deadLetterMessage,
				slog.String("backend", backend), slog.Int("spans", n), slog.String("otlp", text))
			written += n
		}
		spans = spans[n:]
	}
	return written
}

// encode returns the payload of one line, and for how many of spans it is: at least one, "" if that fits no line.
func (d deadLetters) encode(spans []sdktrace.ReadOnlySpan) (text string, n int) {
	size := 0
	for _, s := range spans {
		if size += export.Size(s); n > 0 && (n == deadLetterSpans || size > usualRatio*maxDeadLetter) {
			break
		}
		n++
	}
	for {
		if text = d.letter(spans[:n]); len(text) <= maxDeadLetter {
			return text, n
		}
		if n == 1 {
			return d.cut(spans[0], len(text)), 1
		}
		n = min(n/2, max(1, n*maxDeadLetter/len(text)))
	}
}

// cut returns the payload for a span whose own would be of size bytes.
func (d deadLetters) cut(span sdktrace.ReadOnlySpan, size int) string {
	for limit := export.Size(span); limit > smallestCut; {
		limit = min(limit*9/10, limit*(maxDeadLetter*9/10)/size)
		smaller, ok := export.Cut(span, limit)
		if !ok {
			break
		}
		text := d.letter([]sdktrace.ReadOnlySpan{smaller})
		if size = len(text); size <= maxDeadLetter {
			return text
		}
	}
	return ""
}

func (d deadLetters) letter(spans []sdktrace.ReadOnlySpan) string {
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is a good one
	_, _ = w.Write(otlp.Marshal(spans, d.project))       // a bytes.Buffer does not fail
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}
