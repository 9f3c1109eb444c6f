package console

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/semconv"
)

// spanFacts is the little of a span's attributes that is shown. Everything stands on the span already, so the switches for
// previews and content hold here too.
type spanFacts struct {
	model          string
	inputTokens    int64
	outputTokens   int64
	hasTokens      bool
	usd            float64
	priced         bool // usd is known
	retries        int64
	tool           bool
	toolArgs       string
	result         string // what the model got; recorded on request only
	resultSize     int64
	task           string
	answer         string // recorded on request only
	finish         string // why the run ended
	step           int64
	memory         string
	method         string // HTTP
	status         int64  // HTTP
	address        string
	resend         int64
	attempts       int // requests made for the span, from the spans below it
	errorType      string
	samplingReason string
	samplingRatio  string
	mismatch       string // another model answered
}

func readFacts(s sdktrace.ReadOnlySpan) spanFacts {
	var f spanFacts
	for _, kv := range s.Attributes() {
		v := kv.Value
		switch kv.Key {
		case semconv.KeyLLMModel:
			f.model = v.AsString()
		case semconv.KeyLLMInputTokens:
			f.inputTokens, f.hasTokens = v.AsInt64(), true
		case semconv.KeyLLMOutputTokens:
			f.outputTokens, f.hasTokens = v.AsInt64(), true
		case semconv.KeyLLMCost:
			f.usd, f.priced = v.AsFloat64(), true
		case semconv.KeyToolName:
			f.tool = true
		case semconv.KeyToolArgs:
			f.toolArgs = v.AsString()
		case semconv.KeyGenAIToolCallResult:
			f.result = v.AsString()
		case semconv.KeyToolResultSize:
			f.resultSize = v.AsInt64()
		case semconv.KeyTaskDescription:
			f.task = v.AsString()
		case semconv.KeyGenAIOutputMessages:
			if s.Name() == semconv.SpanTask {
				f.answer = messageText(v.AsString())
			}
		case semconv.KeyStepNumber:
			f.step = v.AsInt64()
		case semconv.KeyMemoryType:
			f.memory = v.AsString()
		case semconv.KeyHTTPRequestMethod:
			f.method = v.AsString()
		case semconv.KeyHTTPResponseStatusCode:
			f.status = v.AsInt64()
		case semconv.KeyServerAddress:
			f.address = v.AsString()
		case semconv.KeyHTTPRequestResendCount:
			f.resend = v.AsInt64()
		case semconv.KeyErrorType:
			f.errorType = plainText(v.AsString())
		case semconv.KeySamplingReason:
			f.samplingReason = plainText(v.String())
		case semconv.KeySamplingRatio:
			f.samplingRatio = plainText(v.String())
		}
	}
	for _, ev := range s.Events() {
		f.readEvent(ev)
	}
	return f
}

func (f *spanFacts) readEvent(ev sdktrace.Event) {
	if ev.Name == semconv.EventRetry {
		f.retries++
	}
	var asked, answered string
	for _, kv := range ev.Attributes {
		switch {
		case ev.Name == semconv.EventFinished && kv.Key == semconv.KeyReason:
			f.finish = kv.Value.AsString()
		case ev.Name == semconv.EventModelMismatch && kv.Key == semconv.KeyGenAIRequestModel:
			asked = kv.Value.AsString()
		case ev.Name == semconv.EventModelMismatch && kv.Key == semconv.KeyGenAIResponseModel:
			answered = kv.Value.AsString()
		}
	}
	if answered != "" {
		f.mismatch = plainText("another model answered: " + answered + " instead of " + asked)
	}
}

// messageText returns the text of messages as the GenAI conventions write them.
func messageText(messages string) string {
	var decoded []struct {
		Parts []struct{ Type, Content string }
	}
	if json.Unmarshal([]byte(messages), &decoded) != nil {
		return plainText(messages)
	}
	var texts []string
	for _, m := range decoded {
		for _, p := range m.Parts {
			if p.Type == "text" {
				texts = append(texts, p.Content)
			}
		}
	}
	return plainText(strings.Join(texts, " "))
}

// short says what went wrong in a word: a status, a kind of error.
func (f spanFacts) short() string {
	switch {
	case f.status >= 400:
		return strconv.FormatInt(f.status, 10)
	case f.errorType != "":
		return f.errorType
	}
	return "failed"
}

// problem says what went wrong, whole; "" when the span does not say.
func (f spanFacts) problem(s sdktrace.ReadOnlySpan) string {
	text := plainText(s.Status().Description)
	switch {
	case text == "" && f.status >= 400:
		return strconv.FormatInt(f.status, 10)
	case text == "" || f.errorType == "" || strings.HasPrefix(text, f.errorType):
		return text
	}
	return f.errorType + ": " + text
}

// items returns the facts one by one, the most telling first. The whole of what went wrong is said below the tree for
// cause; the other failing rows say their own as far as there is room.
func (f spanFacts) items(r waterfallRow, style style, cause *waterfallRow) (items []string) {
	add := func(format string, args ...any) {
		if item := plainText(fmt.Sprintf(format, args...)); item != "" {
			items = append(items, item)
		}
	}
	failed := r.span.Status().Code == codes.Error
	if failed {
		add("! %s", f.short())
	}
	if f.finish != "" && f.finish != "stop" && f.finish != f.errorType {
		add("ended: %s", f.finish)
	}
	if f.status != 0 && !failed {
		add("%d", f.status)
	}
	if f.resend > 0 {
		add("retry %d", f.resend)
	}
	if f.attempts > 1 {
		add("%d attempts", f.attempts)
	}
	if own := r.span.Status().Description; failed && cause != nil && own != cause.span.Status().Description {
		add("%s", strings.TrimPrefix(own, f.short()+": "))
	}
	if f.hasTokens {
		add("%d%s%d tok", f.inputTokens, style.to, f.outputTokens)
	}
	if f.step > 0 && !f.hasTokens {
		add("step %d", f.step)
	}
	if f.tool {
		if f.toolArgs != "{}" {
			add("%s", f.toolArgs)
		}
		switch {
		case f.result != "":
			add("%s %s", style.arrow, f.result)
		case f.resultSize > 0:
			add("%s %d B", style.arrow, f.resultSize)
		}
	}
	add("%s", f.task)
	add("%s", f.memory)
	add("%s", f.model)
	if r.span.SpanKind() == trace.SpanKindClient && f.model == "" {
		add("%s", f.address)
	}
	return items
}

// color tells the kinds of spans apart.
func (f spanFacts) color(r waterfallRow) string {
	switch {
	case r.transport:
		return styleDim
	case f.hasTokens || f.model != "":
		return styleMagenta
	case f.tool:
		return styleCyan
	case f.memory != "":
		return styleYellow
	case export.LocalRoot(r.span):
		return styleBlue
	case r.span.SpanKind() == trace.SpanKindClient:
		return styleDim
	}
	return styleGreen
}
