package tracingtest

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var (
	failed    = sdktrace.Status{Code: codes.Error, Description: "x"}
	exception = []sdktrace.Event{{
		Name: "exception", Attributes: []attribute.KeyValue{attribute.String("exception.type", "*x.Error")},
	}}
)

// good are spans without a violation; the cases below each spoil one of them.
var good = map[string]stub{
	"task": {name: "agent.task", id: 1, attrs: []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "invoke_agent"), attribute.String("gen_ai.agent.name", "a"),
		attribute.Int("agent.total_steps", 1), attribute.Int("agent.final_response_length", 1),
		attribute.Int("gen_ai.usage.input_tokens", 1), attribute.Int("gen_ai.usage.output_tokens", 1),
	}},
	"step": {name: "agent.step.reasoning", id: 1, attrs: []attribute.KeyValue{
		attribute.Int("agent.step.number", 1), attribute.String("agent.step.type", "reasoning"),
	}},
	"model": {name: "llm.generate", id: 1, kind: trace.SpanKindClient, status: sdktrace.Status{Code: codes.Ok},
		attrs: []attribute.KeyValue{
			attribute.String("gen_ai.operation.name", "generate_content"),
			attribute.String("gen_ai.provider.name", "gcp.gemini"), attribute.String("gen_ai.request.model", "g"),
			attribute.Int("gen_ai.request.top_k", 3), attribute.Float64("gen_ai.request.temperature", 1),
			attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop", "MALFORMED_FUNCTION_CALL"}),
			attribute.Int("gen_ai.usage.input_tokens", 5), attribute.Int("gen_ai.usage.cache_read.input_tokens", 4),
			attribute.Int("gen_ai.usage.output_tokens", 5), attribute.Int("gen_ai.usage.reasoning.output_tokens", 4),
			attribute.String("llm.model", "g"), attribute.Int("llm.step_number", 0),
			attribute.Float64("llm.duration_ms", 1), attribute.String("server.address", "h"),
			attribute.Int("server.port", 443),
			attribute.String("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"x"}]}]`),
		}},
	"tool": {name: "tool.x", id: 1, status: failed, events: exception, attrs: []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "execute_tool"), attribute.String("gen_ai.tool.name", "x"),
		attribute.String("gen_ai.tool.type", "function"), attribute.String("tool.name", "x"),
		attribute.Float64("tool.duration_ms", 1), attribute.Bool("tool.success", false),
		attribute.Int("tool.result_size", 1), attribute.String("error.type", "timeout"),
		attribute.String("mcp.method.name", "tools/call"), attribute.String("network.transport", "tcp"),
	}},
	"memory": {name: "memory.read", id: 1, kind: trace.SpanKindClient, attrs: []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "search_memory"), attribute.String("memory.operation", "read"),
		attribute.String("memory.type", "long_term"), attribute.Int("gen_ai.memory.record.count", 1),
	}},
	"remote agent": {name: "invoke_agent sub", id: 1, kind: trace.SpanKindClient, attrs: []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "invoke_agent"), attribute.String("gen_ai.provider.name", "custom"),
	}},
	"server": {name: "POST /x", id: 1, kind: trace.SpanKindServer, attrs: []attribute.KeyValue{
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/x"),
		attribute.String("url.path", "/x"), attribute.String("url.scheme", "https"),
		attribute.Int("http.response.status_code", 404), attribute.String("faas.trigger", "http"),
		attribute.Bool("faas.coldstart", true), attribute.String("faas.invocation_id", "i"),
	}},
	"client": {name: "POST", id: 1, kind: trace.SpanKindClient, status: failed, attrs: []attribute.KeyValue{
		attribute.String("http.request.method", "POST"), attribute.String("server.address", "h"),
		attribute.Int("server.port", 443), attribute.String("url.full", "https://h/x?q=1"),
		attribute.Int("http.response.status_code", 429), attribute.String("error.type", "429"),
		attribute.Int("http.request.resend_count", 1),
	}},
	"tool service": {name: "tools/call search", id: 1, kind: trace.SpanKindServer, attrs: []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "execute_tool"), attribute.String("gen_ai.tool.name", "search"),
		attribute.String("mcp.method.name", "tools/call"),
	}},
	"client gone": {name: "POST /x", id: 1, kind: trace.SpanKindServer, attrs: []attribute.KeyValue{
		attribute.String("http.request.method", "POST"), attribute.String("http.route", "/x"),
		attribute.String("url.path", "/x"), attribute.String("url.scheme", "https"),
		attribute.String("error.type", "client_disconnected"),
	}},
	"plain": {name: "anything", id: 1, attrs: []attribute.KeyValue{attribute.String("a", "b")}},
}

func TestConformingSpansHaveNoViolation(t *testing.T) {
	for name, s := range good {
		if got := Conformance(spansOf(s)); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestConformanceFindsEachViolation(t *testing.T) {
	set := func(attrs ...attribute.KeyValue) func(*stub) {
		return func(s *stub) {
			for _, a := range attrs {
				s.attrs = slices.DeleteFunc(s.attrs, func(b attribute.KeyValue) bool { return b.Key == a.Key })
				s.attrs = append(s.attrs, a)
			}
		}
	}
	without := func(key attribute.Key) func(*stub) {
		return func(s *stub) {
			s.attrs = slices.DeleteFunc(s.attrs, func(a attribute.KeyValue) bool { return a.Key == key })
		}
	}
	text, number := attribute.String, attribute.Int
	for _, tc := range []struct {
		span  string
		spoil func(*stub)
		want  string // part of the violation
	}{
		{"task", without("gen_ai.operation.name"), "gen_ai.agent.name without gen_ai.operation.name"},
		{"task", set(text("gen_ai.operation.name", "think")), `"think" is unknown`},
		{"task", set(text("gen_ai.provider.name", "gcp.gemini")), "gen_ai.provider.name does not belong on invoke_agent"},
		{"task", set(number("gen_ai.usage.cache_read.input_tokens", 1)), "does not belong on invoke_agent"},
		{"task", without("agent.total_steps"), "agent.total_steps is missing"},
		{"task", set(text("agent.total_steps", "1")), "agent.total_steps is STRING, not INT64"},
		{"task", func(s *stub) { s.kind = trace.SpanKindProducer }, "must be of kind [internal]"},
		{"step", set(text("gen_ai.operation.name", "plan")), `gen_ai.operation.name is "plan", not ""`},
		{"step", set(text("gen_ai.request.model", "g")), "gen_ai.request.model without gen_ai.operation.name"},
		{"model", without("gen_ai.provider.name"), "gen_ai.provider.name is missing"},
		{"model", without("gen_ai.request.model"), "gen_ai.request.model is missing"},
		{"model", without("server.port"), "server.address without server.port"},
		{"model", without("server.address"), "server.port without server.address"},
		{"model", func(s *stub) { s.kind = trace.SpanKindInternal }, "llm.generate must be of kind [client]"},
		{"model", set(text("gen_ai.provider.name", "google")), `"google" is no provider`},
		{"model", set(attribute.Float64("gen_ai.request.top_k", 3)), "gen_ai.request.top_k is FLOAT64, not INT64"},
		{"model", set(number("gen_ai.request.temperature", 1)), "gen_ai.request.temperature is INT64, not FLOAT64"},
		{"model", set(number("gen_ai.request.choice.count", 1)), "should be left out"},
		{"model", set(number("gen_ai.usage.total_tokens", 1)), "gen_ai.usage.total_tokens is unknown"},
		{"model", set(number("gen_ai.usage.cache_read.input_tokens", 6)), "is more than gen_ai.usage.input_tokens"},
		{"model", set(number("gen_ai.usage.reasoning.output_tokens", 6)), "is more than gen_ai.usage.output_tokens"},
		{"model", set(number("gen_ai.usage.output_tokens", -1)), "is negative"},
		{"model", set(text("gen_ai.tool.name", "x")), "gen_ai.tool.name does not belong on generate_content"},
		{"model", set(text("gen_ai.output.type", "xml")), `gen_ai.output.type is "xml"`},
		{"model", set(text("gen_ai.response.id", "")), "gen_ai.response.id is empty"},
		{"model", set(text("gen_ai.response.id", "\xff")), "not valid UTF-8"},
		{"model", set(attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stopped"})), `"stopped"`},
		{"model", set(attribute.StringSlice("gen_ai.response.finish_reasons", []string{""})), `finish reason ""`},
		{"model", set(text("gen_ai.input.messages", `[{"role":`)), "is not JSON"},
		{"model", set(text("gen_ai.input.messages", `[{"role":"model","parts":[]}]`)), "not the shape"},
		{"model", func(s *stub) { s.status = failed }, "status Error without error.type"},
		{"model", func(s *stub) {
			s.status = failed
			set(text("error.type", "429"))(s)
		}, "without the recorded exception"},
		{"model", set(text("error.type", "429")), `error.type "429" with status Ok`},
		{"tool", without("gen_ai.tool.name"), "gen_ai.tool.name is missing"},
		{"tool", without("gen_ai.operation.name"), "gen_ai.tool.name without gen_ai.operation.name"},
		{"tool", set(text("gen_ai.tool.type", "mcp")), `gen_ai.tool.type is "mcp"`},
		{"tool", set(text("error.type", "it took too long")), "a sentence, not a name"},
		{"tool", set(text("error.type", "")), "error.type is empty"},
		{"tool", set(attribute.Bool("tool.success", true)), "tool.success contradicts"},
		{"tool", set(text("gen_ai.tool.call.result", "{}")), ""}, // what the model got of a failed call
		{"tool", set(text("gen_ai.tool.call.arguments", "[]")), "not the shape"},
		{"tool", without("mcp.method.name"), ""},
		{"tool", func(s *stub) {
			without("mcp.method.name")(s)
			set(text("mcp.session.id", "m"))(s)
		}, "mcp.session.id without mcp.method.name"},
		{"tool", set(text("error.type", "-32602")), "rpc.response.status_code"},
		{"tool", set(text("error.type", "-32602"), text("rpc.response.status_code", "-32602")), ""},
		{"tool", set(text("error.type", "-32602"), text("rpc.response.status_code", "-32601")), "rpc.response.status_code"},
		{"tool", set(number("rpc.response.status_code", -32602)), "is INT64, not STRING"},
		{"tool service", set(text("rpc.response.status_code", "-32602")), "with status Unset"},
		{"tool", set(text("mcp.server", "x")), "mcp.server is unknown"},
		{"tool", set(text("network.transport", "http")), `network.transport is "http"`},
		{"tool", func(s *stub) { s.events = []sdktrace.Event{{Name: "exception"}} }, "neither exception.type nor"},
		{"tool", func(s *stub) {
			s.events = append(slices.Clone(exception), sdktrace.Event{Name: "gen_ai.choice"})
		}, "is gone"},
		{"memory", set(text("gen_ai.operation.name", "read")), `"read" is unknown`},
		{"memory", set(text("gen_ai.operation.name", "upsert_memory")), `is "upsert_memory", not "search_memory"`},
		{"memory", set(text("memory.type", "forever")), `memory.type is "forever"`},
		{"memory", set(text("gen_ai.memory.records", `{"content":1}`)), "not the shape"},
		{"tool service", without("mcp.method.name"), "execute_tool must be of kind [internal]"},
		{"client gone", set(number("http.response.status_code", 200)), `error.type "client_disconnected" with status Unset`},
		{"remote agent", without("gen_ai.provider.name"), "gen_ai.provider.name is missing"},
		{"remote agent", set(text("gen_ai.response.model", "g")), "does not belong on invoke_agent"},
		{"server", without("http.request.method"), "http.request.method is missing"},
		{"server", set(text("http.request.method", "BREW")), `http.request.method is "BREW"`},
		{"server", without("url.path"), "url.path is missing"},
		{"server", without("url.scheme"), "url.scheme is missing"},
		{"server", set(text("http.route", "POST /x")), `"POST /x" is no path`},
		{"server", func(s *stub) { s.name = "POST /" }, `named "POST /x"`},
		{"server", set(text("url.full", "https://h/x")), "url.full does not belong"},
		{"server", set(number("http.response.status_code", 500)), "HTTP status 500 with status Unset"},
		{"server", set(number("http.response.status_code", 0)), "http.response.status_code is 0"},
		{"server", set(text("http.response.status_code", "200")), "is STRING, not INT64"},
		{"server", func(s *stub) {
			s.status = failed
			set(text("error.type", "404"))(s)
		}, "HTTP status 404 with status Error"},
		{"server", func(s *stub) { s.status = sdktrace.Status{Code: codes.Ok} }, "leaves its status unset"},
		{"server", set(text("faas.trigger", "web")), `faas.trigger is "web"`},
		{"server", without("faas.trigger"), "faas.coldstart without faas.trigger"},
		{"server", set(text("faas.coldstart", "true")), "faas.coldstart is STRING, not BOOL"},
		{"server", set(text("gen_ai.request.model", "g")), "gen_ai.request.model without gen_ai.operation.name"},
		{"client", without("server.address"), "server.address is missing"},
		{"client", without("server.port"), "server.port is missing"},
		{"client", without("url.full"), "url.full is missing"},
		{"client", set(text("url.full", "/x")), "no absolute URL"},
		{"client", set(text("url.full", "https://me:pw@h/x")), "credentials"},
		{"client", set(text("url.full", "https://h/x?key=abc")), "API key"},
		{"client", set(text("error.type", "quota")), `HTTP status 429 with error.type "quota"`},
		{"client", set(number("http.request.resend_count", 0)), "left out on the first attempt"},
		{"client", set(attribute.Bool("faas.coldstart", true)), "belongs on the server span"},
		{"client", set(text("faas.invoked_name", "sub")), "faas.invoked_provider is missing"},
		{"plain", set(text("http.request.method", "GET")), "is SERVER or CLIENT"},
		{"plain", set(text("gen_ai.agent.name", "a")), "gen_ai.agent.name without gen_ai.operation.name"},
	} {
		t.Run(tc.span+": "+tc.want, func(t *testing.T) {
			s := good[tc.span]
			s.attrs = slices.Clone(s.attrs)
			tc.spoil(&s)
			got := Conformance(spansOf(s))
			switch {
			case tc.want == "" && len(got) > 0:
				t.Errorf("found %q", got)
			case tc.want != "" && !slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, tc.want) }):
				t.Errorf("found %q, not %q", got, tc.want)
			}
		})
	}
}

func TestCheckContent(t *testing.T) {
	const in, out = "gen_ai.input.messages", "gen_ai.output.messages"
	for _, tc := range []struct {
		key, value string
		ok         bool
	}{
		{in, `[]`, true},
		{in, `[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, true},
		{in, `[{"role":"assistant","parts":[{"type":"reasoning","content":"x"}]}]`, true},
		{in, `[{"role":"assistant","parts":[{"type":"tool_call","name":"x","id":"1","arguments":{}}]}]`, true},
		{in, `[{"role":"tool","parts":[{"type":"tool_call_response","id":"1","response":{"a":1}}]}]`, true},
		{in, `[{"role":"user","parts":[{"type":"blob","modality":"image","mime_type":"image/png","content":"aGk="}]}]`, true},
		{in, `[{"role":"user","parts":[{"type":"uri","modality":"video","uri":"gs://b/o"}]}]`, true},
		{in, `[{"role":"user","parts":[{"type":"file","modality":"audio","file_id":"f"}]}]`, true},
		{in, `{}`, false},
		{in, `[{"role":"model","parts":[]}]`, false},
		{in, `[{"role":"user"}]`, false},
		{in, `[{"role":"user","parts":[{"type":"text"}]}]`, false},
		{in, `[{"role":"user","parts":[{"type":"thought","content":"x"}]}]`, false},
		{in, `[{"role":"tool","parts":[{"type":"tool_call_response","result":1}]}]`, false},
		{in, `[{"role":"assistant","parts":[{"type":"tool_call","name":"x","arguments":"{}"}]}]`, false},
		{in, `[{"role":"user","parts":[{"type":"blob","modality":"smell","content":""}]}]`, false},
		{in, `[{"role":"assistant","parts":[],"finish_reason":"stop"}]`, false},
		{in, `[{"role":"user","parts":[],"other":1}]`, false},
		{out, `[{"role":"assistant","parts":[],"finish_reason":"stop"}]`, true},
		{out, `[{"role":"assistant","parts":[],"finish_reason":""}]`, false},
		{out, `[{"role":"assistant","parts":[],"finish_reason":"stop","other":1}]`, false},
		{out, `[{"role":"assistant","parts":[]}]`, false},
		{out, `[{"role":"user","parts":[],"finish_reason":"stop"}]`, false},
		{"gen_ai.system_instructions", `[{"type":"text","content":"x"}]`, true},
		{"gen_ai.system_instructions", `[{"type":"uri","modality":"image","uri":"x"}]`, false},
		{"gen_ai.tool.definitions", `[{"type":"function","name":"x"}]`, true},
		{"gen_ai.tool.definitions", `[{"name":"x"}]`, false},
		{"gen_ai.tool.call.result", `{"a":1}`, true},
		{"gen_ai.tool.call.result", `"a"`, false},
		{"gen_ai.memory.records", `[{"content":{"a":1},"id":"1","score":0.5,"metadata":{}}]`, true},
		{"gen_ai.memory.records", `[{"id":"1"}]`, false},
		{in, `[`, false},
		{"other", `{}`, false},
	} {
		if err := CheckContent(tc.key, tc.value); (err == nil) != tc.ok {
			t.Errorf("%s %s: %v", tc.key, tc.value, err)
		}
	}
}
