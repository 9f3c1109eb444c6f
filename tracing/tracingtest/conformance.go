package tracingtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Conformance checks finished spans against the OpenTelemetry conventions for GenAI, MCP, HTTP and FaaS and against
// this module's own table of spans, and returns one line for each violation: required and conditional attributes,
// types, enums, span kinds, status, unknown gen_ai.* keys, gen_ai.* keys where none belong, and the shape of captured
// content. Success may be Unset, as the conventions have it, or Ok.
func Conformance(spans []sdktrace.ReadOnlySpan) []string {
	var violations []string
	for _, s := range spans {
		c := checker{span: s, attrs: make(map[string]attribute.Value)}
		for _, a := range s.Attributes() {
			c.attrs[string(a.Key)] = a.Value
		}
		c.values()
		c.status()
		c.genAI()
		c.mcp()
		c.http()
		c.faas()
		c.ours()
		c.events()
		for _, v := range c.violations {
			violations = append(violations, fmt.Sprintf("%s [%s]: %s", s.Name(), s.SpanKind(), v))
		}
	}
	return violations
}

type checker struct {
	span       sdktrace.ReadOnlySpan
	attrs      map[string]attribute.Value
	violations []string
}

func (c *checker) fail(format string, args ...any) {
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

func (c *checker) has(key string) bool     { _, ok := c.attrs[key]; return ok }
func (c *checker) text(key string) string  { return c.attrs[key].AsString() }
func (c *checker) number(key string) int64 { return c.attrs[key].AsInt64() }
func (c *checker) keys() []string          { return slices.Sorted(maps.Keys(c.attrs)) }
func (c *checker) kind() trace.SpanKind    { return c.span.SpanKind() }
func (c *checker) code() codes.Code        { return c.span.Status().Code }

func (c *checker) require(keys ...string) {
	for _, key := range keys {
		if !c.has(key) {
			c.fail("%s is missing", key)
		}
	}
}

func (c *checker) kindOneOf(kinds []trace.SpanKind, why string) {
	if !slices.Contains(kinds, c.kind()) {
		c.fail("%s must be of kind %v", why, kinds)
	}
}

// values checks each attribute by itself: known key, type, enum, text.
func (c *checker) values() {
	for _, key := range c.keys() {
		value := c.attrs[key]
		want, known := keyTypes[key]
		switch {
		case known && value.Type() != want:
			c.fail("%s is %s, not %s", key, value.Type(), want)
			delete(c.attrs, key)
			continue
		case !known && (strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "mcp.")) &&
			!strings.HasPrefix(key, "gen_ai.prompt.variable."):
			c.fail("%s is unknown to the conventions", key)
		}
		if value.Type() == attribute.STRING {
			c.textValue(key, value.AsString())
		}
		if allowed := enums[key]; allowed != nil && !slices.Contains(allowed, value.AsString()) {
			c.fail("%s is %q, none of %q", key, value.AsString(), allowed)
		}
		if contentShapes[key] != "" {
			if err := CheckContent(key, value.AsString()); err != nil {
				c.fail("%v", err)
			}
		}
	}
	if c.has("server.port") && !c.has("server.address") {
		c.fail("server.port without server.address")
	}
}

func (c *checker) textValue(key, value string) {
	if !utf8.ValidString(value) {
		c.fail("%s is not valid UTF-8", key)
	}
	if value == "" && (strings.HasPrefix(key, "gen_ai.") || strings.HasPrefix(key, "mcp.") || key == "error.type") {
		c.fail("%s is empty; it should be left out", key)
	}
}

// status checks that error.type and status Error come together.
func (c *checker) status() {
	switch failed := c.code() == codes.Error; {
	case failed && !c.has("error.type"):
		c.fail("status Error without error.type")
	case !failed && c.has("error.type") && !c.left():
		c.fail("error.type %q with status %s", c.text("error.type"), c.code())
	case failed && strings.ContainsAny(c.text("error.type"), " \t\r\n"):
		c.fail("error.type %q is a sentence, not a name", c.text("error.type"))
	}
}

// left reports whether the client went away before it was answered. That has a name and is no error of the server's.
func (c *checker) left() bool {
	return c.kind() == trace.SpanKindServer && c.text("error.type") == "client_disconnected" &&
		!c.has("http.response.status_code")
}

func (c *checker) genAI() {
	var keys []string
	for _, key := range c.keys() {
		if strings.HasPrefix(key, "gen_ai.") && key != "gen_ai.operation.name" {
			keys = append(keys, key)
		}
	}
	if !c.has("gen_ai.operation.name") {
		for _, key := range keys {
			c.fail("%s without gen_ai.operation.name", key)
		}
		return
	}
	name := c.text("gen_ai.operation.name")
	op, known := operations[name]
	if name == "invoke_agent" && c.kind() == trace.SpanKindClient {
		op = operations["invoke_agent CLIENT"]
	}
	if !known {
		c.fail("gen_ai.operation.name %q is unknown", name)
		return
	}
	if !c.mcpService() {
		c.kindOneOf(op.kinds, name)
	}
	c.require(op.required...)
	for _, key := range keys {
		if !slices.Contains(op.required, key) && !matches(op.allowed, key) {
			c.fail("%s does not belong on %s", key, name)
		}
	}
	if c.has("server.address") && !c.has("server.port") {
		c.fail("server.address without server.port")
	}
	if p := c.text("gen_ai.provider.name"); slices.Contains(op.required, "gen_ai.request.model") &&
		c.has("gen_ai.provider.name") && !slices.Contains(modelProviders, p) {
		c.fail("gen_ai.provider.name %q is no provider of models", p)
	}
	for _, r := range c.attrs["gen_ai.response.finish_reasons"].AsStringSlice() {
		if !slices.Contains(finishReasons, r) && (r == "" || strings.ToUpper(r) != r) {
			c.fail("finish reason %q is neither the conventions' nor Gemini's", r)
		}
	}
	if c.has("gen_ai.request.choice.count") && c.number("gen_ai.request.choice.count") == 1 {
		c.fail("gen_ai.request.choice.count should be left out when it is 1")
	}
	c.usage()
}

func (c *checker) usage() {
	for _, key := range c.keys() {
		if strings.HasPrefix(key, "gen_ai.usage.") && c.number(key) < 0 {
			c.fail("%s is negative", key)
		}
	}
	for _, pair := range [][2]string{
		{"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.input_tokens"},
		{"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.input_tokens"},
		{"gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.output_tokens"},
	} {
		if part, whole := pair[0], pair[1]; c.number(part) > c.number(whole) {
			c.fail("%s is more than %s, of which it is a part", part, whole)
		}
	}
}

// mcpService reports whether the span is a tool service's own: the one place where execute_tool is SERVER.
func (c *checker) mcpService() bool {
	return c.kind() == trace.SpanKindServer && c.text("mcp.method.name") == "tools/call"
}

func (c *checker) mcp() {
	for _, key := range c.keys() {
		if strings.HasPrefix(key, "mcp.") && !c.has("mcp.method.name") {
			c.fail("%s without mcp.method.name", key)
		}
	}
	if c.text("mcp.method.name") == "tools/call" && c.text("gen_ai.operation.name") != "execute_tool" && !c.has("http.request.method") {
		c.fail("an MCP tools/call must be execute_tool")
	}
	// A numeric error.type is a JSON-RPC code when it is negative, and an HTTP status otherwise.
	kind, status := c.text("error.type"), c.text("rpc.response.status_code")
	if code, err := strconv.Atoi(kind); c.has("mcp.method.name") && err == nil && code < 0 && status != kind {
		c.fail("JSON-RPC error %s with rpc.response.status_code %q", kind, status)
	}
	if status != "" && c.code() != codes.Error {
		c.fail("rpc.response.status_code %q with status %s", status, c.code())
	}
}

// ours checks the spans of this module by their name.
func (c *checker) ours() {
	for name, want := range ourSpans {
		if !matches([]string{name}, c.span.Name()) {
			continue
		}
		c.kindOneOf(want.kinds, name)
		c.require(want.required...)
		if got := c.text("gen_ai.operation.name"); got != want.operation {
			c.fail("gen_ai.operation.name is %q, not %q", got, want.operation)
		}
		if c.has("tool.success") && c.attrs["tool.success"].AsBool() == (c.code() == codes.Error) {
			c.fail("tool.success contradicts status %s", c.code())
		}
		if want.exception && c.code() == codes.Error && !slices.ContainsFunc(c.span.Events(), isException) {
			c.fail("status Error without the recorded exception")
		}
	}
}

func isException(e sdktrace.Event) bool { return e.Name == "exception" }

// oldEvents were the conventions' ways to record content before it moved to attributes.
var oldEvents = []string{
	"gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message", "gen_ai.choice",
}

func (c *checker) events() {
	for _, e := range c.span.Events() {
		if slices.Contains(oldEvents, e.Name) {
			c.fail("the event %s is gone from the conventions", e.Name)
		}
		if !isException(e) {
			continue
		}
		if !slices.ContainsFunc(e.Attributes, func(a attribute.KeyValue) bool {
			return (a.Key == "exception.type" || a.Key == "exception.message") && a.Value.AsString() != ""
		}) {
			c.fail("an exception has neither exception.type nor exception.message")
		}
	}
}
