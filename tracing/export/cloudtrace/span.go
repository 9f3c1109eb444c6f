package cloudtrace

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/semconv"
)

// label returns the label for an attribute of the HTTP conventions that Cloud Trace's pages
// feature, and other keys as they are. Google's exporter knows the conventions' old names only.
func label(k attribute.Key) attribute.Key {
	switch k {
	case "http.request.method":
		return "/http/method"
	case "http.response.status_code":
		return "/http/status_code"
	case "http.route":
		return "/http/route"
	case "url.path":
		return "/http/path"
	case "url.full":
		return "/http/url"
	case "server.address":
		return "/http/host"
	case "user_agent.original":
		return "/http/user_agent"
	case "http.request.body.size":
		return "/http/request/size"
	case "http.response.body.size":
		return "/http/response/size"
	}
	return k
}

// span is a span whose attributes Google's exporter can carry: scalars only, in slices of its own.
type span struct {
	sdktrace.ReadOnlySpan
	attrs  []attribute.KeyValue
	events []sdktrace.Event
	links  []sdktrace.Link
	res    *resource.Resource
}

func (s *span) Attributes() []attribute.KeyValue { return s.attrs }
func (s *span) Events() []sdktrace.Event         { return s.events }
func (s *span) Links() []sdktrace.Link           { return s.links }
func (s *span) Resource() *resource.Resource     { return s.res }

func flatSpans(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	wrapped := make([]span, 0, len(spans))
	out := make([]sdktrace.ReadOnlySpan, 0, len(spans))
	var res resources
	for _, s := range spans {
		if s == nil {
			continue
		}
		wrapped = append(wrapped, span{
			ReadOnlySpan: s,
			// The exporter appends the resource's attributes to what it gets. Without spare capacity
			// that makes a copy instead of writing behind a slice that another export reads.
			attrs:  slices.Clip(httpLabels(scalarAttributes(s.Attributes()))),
			events: scalarEvents(s.Events()),
			links:  scalarLinks(s.Links()),
			res:    res.of(s),
		})
		out = append(out, &wrapped[len(wrapped)-1])
	}
	return out
}

// httpLabels returns the attributes of an HTTP span under the labels that Cloud Trace features. Other spans keep their
// keys: server.address of a model call is no /http/host.
func httpLabels(attrs []attribute.KeyValue) []attribute.KeyValue {
	isMethod := func(kv attribute.KeyValue) bool { return kv.Key == semconv.KeyHTTPRequestMethod }
	if !slices.ContainsFunc(attrs, isMethod) {
		return attrs
	}
	out := slices.Clone(attrs)
	for i := range out {
		out[i].Key = label(out[i].Key)
	}
	return out
}

// scalarAttributes returns attrs with lists, maps and bytes as text: JSON and base64, as OpenTelemetry
// asks of backends that lack the types. Keys become valid UTF-8: the API refuses a request for one such byte. attrs
// itself comes back when it has none of them.
func scalarAttributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	if !slices.ContainsFunc(attrs, needsWork) {
		return attrs
	}
	out := slices.Clone(attrs)
	for i, kv := range out {
		if isComposite(kv) {
			out[i].Value = attribute.StringValue(kv.Value.String())
		}
		out[i].Key = attribute.Key(strings.ToValidUTF8(string(kv.Key), "\uFFFD"))
	}
	return out
}

func needsWork(kv attribute.KeyValue) bool {
	return isComposite(kv) || !utf8.ValidString(string(kv.Key))
}

func isComposite(kv attribute.KeyValue) bool {
	switch kv.Value.Type() {
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.STRING:
		return false
	}
	return true
}

func scalarEvents(events []sdktrace.Event) []sdktrace.Event {
	if !slices.ContainsFunc(
		events,
		func(e sdktrace.Event) bool { return slices.ContainsFunc(e.Attributes, needsWork) },
	) {
		return events
	}
	out := slices.Clone(events)
	for i := range out {
		out[i].Attributes = scalarAttributes(out[i].Attributes)
	}
	return out
}

func scalarLinks(links []sdktrace.Link) []sdktrace.Link {
	if !slices.ContainsFunc(
		links,
		func(l sdktrace.Link) bool { return slices.ContainsFunc(l.Attributes, needsWork) },
	) {
		return links
	}
	out := slices.Clone(links)
	for i := range out {
		out[i].Attributes = scalarAttributes(out[i].Attributes)
	}
	return out
}
