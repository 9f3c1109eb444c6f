package agenttrace

import (
	"encoding/json"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// ContentMode says where message content is recorded.
type ContentMode int

// NoContent is the default; SpanContent records messages, tool definitions,
// arguments and results on spans.
const (
	NoContent ContentMode = iota
	SpanContent
)

// PreviewMode says whether the short previews (task description, prompt, tool arguments) are recorded.
type PreviewMode int

// PreviewsOn is the default.
const (
	PreviewsOn PreviewMode = iota
	PreviewsOff
)

// The variables that say what spans may hold of the content of a run.
const (
	EnvContent  = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
	EnvPreviews = "TRACE_PREVIEWS"
)

// ContentModeFromEnv reads EnvContent: SPAN_ONLY, SPAN_AND_EVENT and true mean SpanContent; NO_CONTENT, false and
// nothing mean NoContent, in any case. So does EVENT_ONLY: this module writes no log events, and content asked for
// there must not turn up on spans. Any other value is an error beside NoContent.
func ContentModeFromEnv(getenv func(string) string) (ContentMode, error) {
	r := env.NewReader(getenv)
	switch strings.ToUpper(r.String(EnvContent)) {
	case "SPAN_ONLY", "SPAN_AND_EVENT", "TRUE":
		return SpanContent, nil
	case "", "NO_CONTENT", "EVENT_ONLY", "FALSE":
	default:
		r.Reject(EnvContent, "one of NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT", "NO_CONTENT")
	}
	return NoContent, r.Err()
}

// PreviewModeFromEnv reads EnvPreviews: true (the default) or false, in any case. Any other value is an error beside
// PreviewsOff, because who sets the variable wants less recorded, not more.
func PreviewModeFromEnv(getenv func(string) string) (PreviewMode, error) {
	r := env.NewReader(getenv)
	if r.String(EnvPreviews) == "" || r.Bool(EnvPreviews, false) {
		return PreviewsOn, nil
	}
	return PreviewsOff, r.Err()
}

// Message is one message in the shape of the GenAI conventions.
type Message struct {
	Role         string // system, user, assistant, tool
	Parts        []Part
	FinishReason string // output messages only
}

// Part is one part of a message.
type Part struct {
	Type      string // text, reasoning, tool_call, tool_call_response, blob, uri, file
	Content   string // text, reasoning; base64 for blob
	ID, Name  string // tool_call, tool_call_response; ID is the file's for file
	Arguments any    // tool_call
	Response  any    // tool_call_response
	Modality  string // blob, uri, file
	MIMEType  string
	URI       string
}

// ToolDefinition is one tool as offered to the model. Spans get its name only: descriptions and parameters repeat
// with every call, and the conventions want them asked for separately.
type ToolDefinition struct {
	Name, Description string
	Parameters        any // JSON Schema
}

// ModelContent is what went to the model; built only when content is recorded.
type ModelContent struct {
	Instructions string
	Input        []Message
	Tools        []ToolDefinition
}

// maxContentBytes bounds each content attribute.
const maxContentBytes = 32 << 10

// contentRunes are the limits tried in turn for one string, until the whole fits.
var contentRunes = [...]int{8192, 2048, 512, 128}

// appendContent appends the content attributes of a model call's input. A content function that panics costs the
// attributes, not the request.
func appendContent(attrs []attribute.KeyValue, content func() ModelContent) (out []attribute.KeyValue) {
	out = attrs
	defer recoverContent()
	c := content()
	var shortened bool
	if c.Instructions != "" {
		parts := []Part{{Type: "text", Content: c.Instructions}}
		value, cut := fitList(len(parts), func(j *contentJSON, i int) { j.part(parts[i]) })
		out, shortened = append(out, semconv.KeyGenAIInstructions.String(value)), cut
	}
	if len(c.Input) > 0 {
		value, cut := messagesJSON(c.Input)
		out, shortened = append(out, semconv.KeyGenAIInputMessages.String(value)), shortened || cut
	}
	if len(c.Tools) > 0 {
		value, cut := fitList(len(c.Tools), func(j *contentJSON, i int) { j.tool(c.Tools[i]) })
		out, shortened = append(out, semconv.KeyGenAIToolDefinitions.String(value)), shortened || cut
	}
	return appendShortened(out, shortened)
}

// appendOutput appends the messages a model answered with.
func appendOutput(attrs []attribute.KeyValue, output func() []Message) (out []attribute.KeyValue) {
	out = attrs
	defer recoverContent()
	if messages := output(); len(messages) > 0 {
		value, cut := messagesJSON(messages)
		out = appendShortened(append(out, semconv.KeyGenAIOutputMessages.String(value)), cut)
	}
	return out
}

// textMessage is one message of one text; finish is for what a model or an agent said.
func textMessage(role, text, finish string) []Message {
	return []Message{{Role: role, Parts: []Part{{Type: "text", Content: text}}, FinishReason: finish}}
}

// appendObject appends a JSON object: v itself, or {"result": v} when it is something else.
func appendObject(attrs []attribute.KeyValue, key attribute.Key, v func() any) (out []attribute.KeyValue) {
	out = attrs
	defer recoverContent()
	value, cut := fit(func(j *contentJSON) { j.Object(asObject(v()), 0) }, "{}")
	return appendShortened(append(out, key.String(value)), cut)
}

// appendRecords appends the records a memory operation was about, as a list.
func appendRecords(attrs []attribute.KeyValue, records func() any) (out []attribute.KeyValue) {
	out = attrs
	defer recoverContent()
	list, ok := asPlain(records()).([]any)
	if !ok {
		return out
	}
	value, cut := fitList(len(list), func(j *contentJSON, i int) { j.Value(list[i], 0) })
	return appendShortened(append(out, semconv.KeyGenAIMemoryRecords.String(value)), cut)
}

func recoverContent() { _ = recover() }

func appendShortened(attrs []attribute.KeyValue, shortened bool) []attribute.KeyValue {
	if !shortened {
		return attrs
	}
	return append(attrs, semconv.KeyContentShortened.Bool(true))
}

// asPlain takes a string of JSON for what it says and turns Go values into what JSON decodes to.
func asPlain(v any) any {
	switch v := v.(type) {
	case nil, bool, float64, map[string]any, []any:
		return v
	case string:
		var plain any
		if trimmed := strings.TrimSpace(v); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if json.Unmarshal([]byte(trimmed), &plain) == nil {
				return plain
			}
		}
		return v
	}
	var plain any
	if data, err := redact.Marshal(v); err != nil || json.Unmarshal(data, &plain) != nil {
		return nil
	}
	return plain
}

func asObject(v any) map[string]any {
	switch v := asPlain(v).(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	default:
		return map[string]any{"result": v}
	}
}

func messagesJSON(messages []Message) (value string, shortened bool) {
	return fitList(len(messages), func(j *contentJSON, i int) { j.message(messages[i]) })
}

// fit returns the JSON that write writes, with the longest strings that let it fit into maxContentBytes; fallback if
// none does. It reports whether anything is missing.
func fit(write func(*contentJSON), fallback string) (value string, shortened bool) {
	for _, runes := range contentRunes {
		j := contentJSON{redact.JSON{Runes: runes, Limit: maxContentBytes}}
		if write(&j); !j.Full && len(j.Buf) <= maxContentBytes {
			return string(j.Buf), j.Shortened
		}
	}
	return fallback, true
}

// fitList returns a JSON list of n items in the same way. When even short strings do not fit, the oldest items go.
func fitList(n int, item func(j *contentJSON, i int)) (value string, shortened bool) {
	value, shortened = fit(func(j *contentJSON) {
		j.list(n, func(i int) { item(j, i) })
	}, "")
	if value != "" {
		return value, shortened
	}
	// Newest first, until the list is full.
	var items []string
	size := len("[]")
	for i := n - 1; i >= 0; i-- {
		j := contentJSON{redact.JSON{Runes: contentRunes[len(contentRunes)-1], Limit: maxContentBytes}}
		item(&j, i)
		if size += len(j.Buf) + 1; j.Full || size > maxContentBytes {
			break
		}
		items = append(items, string(j.Buf))
	}
	var b strings.Builder
	for i := len(items) - 1; i >= 0; i-- {
		b.WriteString(items[i])
		if i > 0 {
			b.WriteByte(',')
		}
	}
	return "[" + b.String() + "]", true
}
