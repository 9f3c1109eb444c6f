package agenttrace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// Config says how much of the content of a run its spans may hold.
// The zero value records previews and no content.
type Config struct {
	Content  ContentMode // default: no content
	Previews PreviewMode // default: short previews
}

// AgentTracer makes the spans of an agent run: task, steps, model calls, tool calls, memory operations and calls of
// other agents, with this module's own attributes and those of the GenAI conventions beside them.
//
// Each Start returns a handle that ends the span in one call, with the result and the error; later Ends of it do
// nothing. A task, model call, tool call or memory operation ends with status Ok, or with Error, the recorded
// exception and error.type; a step only knows Error. Texts are cut between runes and hold no secret redact.Text or
// redact.Args knows.
//
// Any TracerProvider will do. A span has what is known at its start from the start, so that samplers and span
// processors see it, and the rest before its end.
//
// A nil AgentTracer and a nil handle work and record nothing. Where the local parent span was not recorded no span is
// started either, because samplers make children follow their local parent; the handle is nil then. An AgentTracer may
// be used by several goroutines, a handle by one at a time.
type AgentTracer struct {
	tracer   trace.Tracer
	cfg      Config
	internal trace.SpanStartOption
	client   trace.SpanStartOption
	stopped  attribute.KeyValue // the finish reasons of nearly every answer, made once
}

// New returns an AgentTracer on tp; nil, which works, if tp records nothing.
func New(tp trace.TracerProvider, cfg Config) *AgentTracer {
	switch tp.(type) {
	case nil, noop.TracerProvider, *noop.TracerProvider:
		return nil
	}
	return &AgentTracer{
		tracer:   tp.Tracer("example.com/gemini-agent/agent"),
		cfg:      cfg,
		internal: trace.WithSpanKind(trace.SpanKindInternal),
		client:   trace.WithSpanKind(trace.SpanKindClient),
		stopped:  semconv.KeyGenAIFinishReasons.StringSlice([]string{"stop"}),
	}
}

// off reports whether a span started from ctx would not be recorded anyway: the local parent was not. A parent that has
// ended looks the same unless it is sampled or tells its end, as the SDK's spans do; its late children may be kept.
func (t *AgentTracer) off(ctx context.Context) bool {
	if t == nil {
		return true
	}
	parent := trace.SpanFromContext(ctx)
	if sc := parent.SpanContext(); parent.IsRecording() || !sc.IsValid() || sc.IsRemote() || sc.IsSampled() {
		return false
	}
	_, ended := parent.(interface{ EndTime() time.Time })
	return !ended
}

// handle is the open span in every handle. It lies in one allocation with the buffer for the span's attributes.
type handle struct {
	span  trace.Span
	t     *AgentTracer
	began time.Time
	opts  [3]trace.SpanStartOption
	attrs []attribute.KeyValue // empty, with the room that the attributes of the start have left in the buffer
}

// start starts the span and reports whether it is being recorded.
func (h *handle) start(ctx context.Context, t *AgentTracer, name string, kind trace.SpanStartOption,
	attrs []attribute.KeyValue, more ...trace.SpanStartOption,
) (context.Context, bool) {
	h.t = t
	opts := append(append(h.opts[:0], kind, trace.WithAttributes(attrs...)), more...)
	ctx, h.span = t.tracer.Start(ctx, name, opts...)
	if !h.span.IsRecording() {
		return ctx, false
	}
	h.began, h.attrs = time.Now(), attrs[len(attrs):]
	return ctx, true
}

// recording reports whether an End has something to do.
func (h *handle) recording() bool { return h.span.IsRecording() }

// end sets what is known only now, the status, and ends the span. ok is the status of success: Ok or Unset.
func (h *handle) end(attrs []attribute.KeyValue, err error, ok codes.Code) {
	if err != nil {
		f := h.t.describe(err)
		h.span.SetAttributes(append(attrs, semconv.KeyErrorType.String(f.kind))...)
		h.span.AddEvent(semconv.EventException,
			trace.WithAttributes(semconv.KeyExceptionType.String(f.goType), semconv.KeyExceptionMessage.String(f.message)))
		h.span.SetStatus(codes.Error, f.message)
	} else {
		h.span.SetAttributes(attrs...)
		h.span.SetStatus(ok, "")
	}
	h.span.End()
}

// elapsed is the time since the start in ms, rounded to 2 decimals.
func (h *handle) elapsed() float64 { return semconv.Milliseconds(time.Since(h.began)) }

// previews and content report what may be recorded.
func (t *AgentTracer) previews() bool { return t.cfg.Previews == PreviewsOn }
func (t *AgentTracer) content() bool  { return t.cfg.Content == SpanContent }

// AddEvent adds an event to the current span of ctx. Its name and attributes are recorded as they are: no content, no
// secrets.
func (t *AgentTracer) AddEvent(ctx context.Context, name string, attrs ...attribute.KeyValue) {
	if t == nil {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(name, trace.WithAttributes(attrs...))
	}
}

// SetAttribute sets an attribute of the current span of ctx, as it is: no content, no secrets.
func (t *AgentTracer) SetAttribute(ctx context.Context, attr attribute.KeyValue) {
	if t == nil {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attr)
	}
}

const (
	maxIdentRunes = 256 // of ids and names that come from outside
	maxTextRunes  = 500 // of descriptions
)

// appendText appends the attribute unless its value is empty.
func appendText(attrs []attribute.KeyValue, key attribute.Key, value string, runes int) []attribute.KeyValue {
	if value == "" {
		return attrs
	}
	return append(attrs, key.String(redact.Runes(value, runes)))
}

// appendCount appends the attribute unless it is 0.
func appendCount(attrs []attribute.KeyValue, key attribute.Key, n int) []attribute.KeyValue {
	if n == 0 {
		return attrs
	}
	return append(attrs, key.Int(n))
}

// appendPeer appends where a remote party is; the port has no meaning without the address.
func appendPeer(attrs []attribute.KeyValue, address string, port int) []attribute.KeyValue {
	if address == "" {
		return attrs
	}
	return appendCount(append(attrs, semconv.KeyServerAddress.String(redact.Runes(address, maxIdentRunes))), semconv.KeyServerPort, port)
}
