package console

import (
	"fmt"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/export"
)

// spanFacts is the little of a span's attributes that its line shows. Everything stands on the span
// already, so the switches for previews and content hold here too.
type spanFacts struct {
	model          string
	inputTokens    int64
	outputTokens   int64
	hasTokens      bool
	tool           bool
	toolArgs       string
	resultSize     int64
	task           string
	finish         string // why the run ended
	step           int64
	memory         string
	status         int64 // HTTP
	address        string
	resend         int64
	errorType      string
	samplingReason string
	samplingRatio  string
}

func readFacts(s sdktrace.ReadOnlySpan) spanFacts {
	var f spanFacts
	for _, kv := range s.Attributes() {
		v := kv.Value
		switch kv.Key {
		case "llm.model":
			f.model = v.AsString()
		case "llm.input_tokens":
			f.inputTokens, f.hasTokens = v.AsInt64(), true
		case "llm.output_tokens":
			f.outputTokens, f.hasTokens = v.AsInt64(), true
		case "tool.name":
			f.tool = true
		case "tool.args":
			f.toolArgs = v.AsString()
		case "tool.result_size":
			f.resultSize = v.AsInt64()
		case "agent.task.description":
			f.task = v.AsString()
		case "agent.step.number":
			f.step = v.AsInt64()
		case "memory.type":
			f.memory = v.AsString()
		case "http.response.status_code":
			f.status = v.AsInt64()
		case "server.address":
			f.address = v.AsString()
		case "http.request.resend_count":
			f.resend = v.AsInt64()
		case "error.type":
			f.errorType = v.AsString()
		case "sampling.reason":
			f.samplingReason = plainText(v.String())
		case "sampling.ratio":
			f.samplingRatio = plainText(v.String())
		}
	}
	for _, ev := range s.Events() {
		if ev.Name != "agent.finished" {
			continue
		}
		for _, kv := range ev.Attributes {
			if kv.Key == "reason" {
				f.finish = kv.Value.AsString()
			}
		}
	}
	return f
}

// text returns the facts as one line, the most telling first.
func (f spanFacts) text(s sdktrace.ReadOnlySpan, style style) string {
	var parts []string
	add := func(p string) {
		if p = plainText(p); p != "" {
			parts = append(parts, p)
		}
	}
	if st := s.Status(); st.Code == codes.Error {
		switch {
		case f.errorType == "" || strings.HasPrefix(st.Description, f.errorType):
			add("! " + st.Description)
		case st.Description == "":
			add("! " + f.errorType)
		default:
			add("! " + f.errorType + ": " + st.Description)
		}
	}
	if f.finish != "" && f.finish != "stop" {
		add("ended: " + f.finish)
	}
	if f.status != 0 {
		add(strconv.FormatInt(f.status, 10))
	}
	if f.resend > 0 {
		add(fmt.Sprintf("retry %d", f.resend))
	}
	if f.hasTokens {
		add(fmt.Sprintf("%d%s%d tok", f.inputTokens, style.to, f.outputTokens))
	}
	if f.step > 0 && !f.hasTokens {
		add(fmt.Sprintf("step %d", f.step))
	}
	if f.tool {
		if f.toolArgs != "" && f.toolArgs != "{}" {
			add(f.toolArgs)
		}
		if f.resultSize > 0 {
			add(fmt.Sprintf("%s %d B", style.arrow, f.resultSize))
		}
	}
	add(f.task)
	add(f.memory)
	add(f.model)
	if s.SpanKind() == trace.SpanKindClient && f.model == "" {
		add(f.address)
	}
	return strings.Join(parts, "  ")
}

// color tells the kinds of spans apart.
func (f spanFacts) color(s sdktrace.ReadOnlySpan) string {
	switch {
	case f.hasTokens || f.model != "":
		return styleMagenta
	case f.tool:
		return styleCyan
	case f.memory != "":
		return styleYellow
	case export.LocalRoot(s):
		return styleBlue
	case s.SpanKind() == trace.SpanKindClient:
		return styleDim
	}
	return styleGreen
}
