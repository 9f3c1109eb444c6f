package httptrace

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// Longest values, in bytes, taken from what another side chose.
const (
	maxPath   = 1024
	maxHeader = 256
	maxURL    = 2048
	maxStack  = 8192
)

// redactedValue replaces what a span must not hold; the word is the HTTP conventions'.
const redactedValue = "REDACTED"

// appendMethod appends http.request.method and returns the method as span names know it.
func appendMethod(attrs []attribute.KeyValue, method string) (string, []attribute.KeyValue) {
	switch method {
	case http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions,
		http.MethodPatch, http.MethodPost, http.MethodPut, http.MethodTrace:
		return method, append(attrs, semconv.KeyHTTPRequestMethod.String(method))
	case "": // net/http's client takes it for GET
		return http.MethodGet, append(attrs, semconv.KeyHTTPRequestMethod.String(http.MethodGet))
	}
	return "HTTP", append(attrs,
		semconv.KeyHTTPRequestMethod.String("_OTHER"), semconv.KeyHTTPRequestMethodOriginal.String(redact.Bytes(method, maxHeader)))
}

// appendServer appends server.address and server.port of "host", "host:port", "[ip6]" or "[ip6]:port"; the port
// defaults to the scheme's.
func appendServer(attrs []attribute.KeyValue, scheme, hostport string) []attribute.KeyValue {
	host, port := hostport, 0
	if i := strings.LastIndexByte(hostport, ':'); i >= 0 && strings.IndexByte(hostport[i:], ']') < 0 {
		if n, err := strconv.ParseUint(hostport[i+1:], 10, 16); err == nil {
			host, port = hostport[:i], int(n)
		}
	}
	if host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); host == "" {
		return attrs
	}
	attrs = append(attrs, semconv.KeyServerAddress.String(redact.Bytes(host, maxHeader)))
	switch {
	case port != 0:
	case scheme == "https":
		port = 443
	case scheme == "http":
		port = 80
	default:
		return attrs
	}
	return append(attrs, semconv.KeyServerPort.Int(port))
}

// requestScheme is the scheme the client used; TLS ends at the platform's front end.
func requestScheme(r *http.Request) string {
	if values := r.Header["X-Forwarded-Proto"]; len(values) > 0 {
		switch first, _, _ := strings.Cut(values[0], ","); strings.TrimSpace(first) {
		case "https":
			return "https"
		case "http":
			return "http"
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// clientAddress is the first hop of X-Forwarded-For if it is an IP address, else the peer's. A client can make it up:
// it is for looking at, not for deciding.
func clientAddress(r *http.Request) string {
	if values := r.Header["X-Forwarded-For"]; len(values) > 0 {
		first, _, _ := strings.Cut(values[0], ",")
		first = strings.TrimSpace(first)
		if len(first) <= maxHeader {
			if _, err := netip.ParseAddr(first); err == nil {
				return first
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

func protocolVersion(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major == 1:
		return "1.0"
	case major == 3:
		return "3"
	}
	return "2"
}

// fullURL is url.full: credentials and query values replaced, no fragment, cut.
func fullURL(u *url.URL) string {
	var b strings.Builder
	path := u.EscapedPath()
	b.Grow(min(len(u.Scheme)+len(u.Host)+len(path)+len(u.RawQuery)+16, maxURL+16))
	b.WriteString(u.Scheme)
	if u.Opaque != "" {
		b.WriteString(":")
		b.WriteString(u.Opaque)
	} else {
		b.WriteString("://")
		if u.User != nil {
			b.WriteString(redactedValue + ":" + redactedValue + "@")
		}
		b.WriteString(u.Host)
		b.WriteString(path)
	}
	if u.RawQuery != "" {
		b.WriteString("?")
		b.WriteString(redactQuery(u.RawQuery))
	}
	return redact.Bytes(b.String(), maxURL)
}

// redactQuery keeps the keys of a query and replaces the values: they may be keys, signatures or a user's text.
func redactQuery(query string) string {
	var b strings.Builder
	query = redact.Bytes(query, maxPath)
	for pair := range strings.SplitSeq(query, "&") {
		if b.Len() > 0 {
			b.WriteString("&")
		}
		if key, _, ok := strings.Cut(pair, "="); ok {
			b.WriteString(key)
			b.WriteString("=")
		}
		b.WriteString(redactedValue)
	}
	return b.String()
}

// statusText is error.type for a response status.
func statusText(status int) string {
	switch status {
	case http.StatusInternalServerError:
		return "500"
	case http.StatusBadGateway:
		return "502"
	case http.StatusServiceUnavailable:
		return "503"
	case http.StatusGatewayTimeout:
		return "504"
	}
	return strconv.Itoa(status)
}

// recordPanic adds the exception event: type, redacted message and stack stay in the trace. The message is a preview:
// it may quote what was said.
func recordPanic(span trace.Span, v any, previews bool) {
	if !span.IsRecording() {
		return
	}
	message := "previews are off"
	if previews {
		message = panicMessage(v)
	}
	span.AddEvent(semconv.EventException, trace.WithAttributes(
		semconv.KeyExceptionType.String(fmt.Sprintf("%T", v)),
		semconv.KeyExceptionMessage.String(message),
		semconv.KeyExceptionStacktrace.String(redact.Bytes(string(debug.Stack()), maxStack)),
	))
}

// panicMessage is the redacted text of an error or a string. Other values are not shown: printed, a struct's secrets
// stand without the field names they would be known by.
func panicMessage(v any) string {
	switch v.(type) {
	case error, string:
		return redact.Text(redact.Bytes(strings.ToValidUTF8(fmt.Sprint(v), "?"), maxHeader))
	}
	return "a value that is not shown"
}
