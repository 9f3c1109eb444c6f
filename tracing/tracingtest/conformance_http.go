package tracingtest

import (
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// http checks HTTP spans: those with a method.
func (c *checker) http() {
	if !c.has("http.request.method") {
		if c.has("http.response.status_code") || c.has("http.route") {
			c.fail("http.request.method is missing")
		}
		return
	}
	target, limit := c.text("url.template"), int64(400)
	switch c.kind() {
	case trace.SpanKindServer:
		c.require("url.path", "url.scheme")
		target, limit = c.text("http.route"), 500
		if target != "" && !strings.HasPrefix(target, "/") {
			c.fail("http.route %q is no path", target)
		}
		if c.has("url.full") {
			c.fail("url.full does not belong on a server span")
		}
	case trace.SpanKindClient:
		c.require("server.address", "server.port", "url.full")
		c.fullURL()
	default:
		c.fail("an HTTP span is SERVER or CLIENT")
		return
	}
	name := c.text("http.request.method")
	if name == "_OTHER" {
		name = "HTTP"
	}
	if target != "" {
		name += " " + target
	}
	if method := c.text("mcp.method.name"); method != "" && c.kind() == trace.SpanKindClient {
		if c.span.Name() != method && !strings.HasPrefix(c.span.Name(), method+" ") {
			c.fail("the HTTP span of an MCP request is named %q and its target", method)
		}
		return
	}
	if c.span.Name() != name {
		c.fail("an HTTP span of this method and route is named %q", name)
	}
	if c.has("http.request.resend_count") && c.number("http.request.resend_count") < 1 {
		c.fail("http.request.resend_count is left out on the first attempt")
	}
	if c.code() == codes.Ok {
		c.fail("an HTTP span that succeeds leaves its status unset")
	}
	if !c.has("http.response.status_code") {
		return // no answer came; a failure then, unless the caller gave up
	}
	switch status := c.number("http.response.status_code"); {
	case status < 100 || status > 599:
		c.fail("http.response.status_code is %d", status)
	case status >= limit && c.code() != codes.Error:
		c.fail("HTTP status %d with status %s", status, c.code())
	case status >= limit && c.kind() == trace.SpanKindClient && c.text("error.type") != strconv.FormatInt(status, 10):
		c.fail("HTTP status %d with error.type %q", status, c.text("error.type"))
	case status < limit && c.kind() == trace.SpanKindServer && c.code() == codes.Error:
		c.fail("HTTP status %d with status Error", status)
	}
}

func (c *checker) fullURL() {
	full := c.text("url.full")
	u, err := url.Parse(full)
	switch {
	case full == "":
	case err != nil || u.Scheme == "" || u.Host == "":
		c.fail("url.full %q is no absolute URL", full)
	case u.User != nil && u.User.String() != "REDACTED:REDACTED":
		c.fail("url.full holds credentials")
	case u.Query().Has("key") && u.Query().Get("key") != "REDACTED":
		c.fail("url.full holds an API key")
	}
}

func (c *checker) faas() {
	for _, key := range []string{"faas.trigger", "faas.coldstart", "faas.invocation_id"} {
		if c.has(key) && c.kind() != trace.SpanKindServer {
			c.fail("%s belongs on the server span", key)
		}
		if c.has(key) && !c.has("faas.trigger") {
			c.fail("%s without faas.trigger", key)
		}
	}
	if c.text("faas.trigger") == "http" {
		c.require("http.request.method")
	}
	if c.has("faas.invoked_name") || c.has("faas.invoked_provider") {
		c.require("faas.invoked_name", "faas.invoked_provider")
	}
}
