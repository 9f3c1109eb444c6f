package main

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
)

// jaegerV3 is the API of Jaeger 2. Its traces are OTLP in JSON:
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
type jaegerV3 struct{ query string }

func (j jaegerV3) services(tb testing.TB) []string {
	tb.Helper()
	var found struct{ Services []string }
	jaegerGet(tb, j.query+"/api/v3/services", &found)
	slices.Sort(found.Services)
	return found.Services
}

func (j jaegerV3) trace(tb testing.TB, id string) []span {
	tb.Helper()
	var found struct {
		Result struct {
			ResourceSpans []struct {
				Resource   struct{ Attributes []otlpAttribute }
				ScopeSpans []struct{ Spans []otlpSpan }
			}
		}
	}
	jaegerGet(tb, j.query+"/api/v3/traces/"+id, &found)
	var spans []span
	for _, resource := range found.Result.ResourceSpans {
		service, _ := otlpAttributes(tb, resource.Resource.Attributes)["service.name"].(string)
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				spans = append(spans, s.span(tb, service))
			}
		}
	}
	return spans
}

type otlpSpan struct {
	SpanID, ParentSpanID, Name string
	Kind                       int
	StartTimeUnixNano          json.Number
	Attributes                 []otlpAttribute
	Status                     struct{ Code int }
	Links                      []struct{ TraceID, SpanID string }
}

// span has kind and status as attributes, as Jaeger shows them.
func (s otlpSpan) span(tb testing.TB, service string) span {
	tb.Helper()
	start, err := s.StartTimeUnixNano.Int64()
	if err != nil {
		tb.Errorf("%s starts at %q", s.Name, s.StartTimeUnixNano)
	}
	attrs := otlpAttributes(tb, s.Attributes)
	if kinds := []string{1: "internal", 2: "server", 3: "client"}; s.Kind < len(kinds) {
		attrs["span.kind"] = kinds[s.Kind]
	}
	if codes := []string{1: "OK", 2: "ERROR"}; s.Status.Code > 0 && s.Status.Code < len(codes) {
		attrs["otel.status_code"] = codes[s.Status.Code]
	}
	var links []string
	for _, l := range s.Links {
		links = append(links, l.TraceID+"/"+l.SpanID)
	}
	return span{id: s.SpanID, parent: s.ParentSpanID, name: s.Name, service: service, start: start, attrs: attrs, links: links}
}

type otlpAttribute struct {
	Key   string
	Value map[string]json.RawMessage
}

// otlpAttributes gives each value the Go type that belongs to its OTLP type. A list is JSON, as Jaeger shows it.
func otlpAttributes(tb testing.TB, list []otlpAttribute) map[string]any {
	tb.Helper()
	attrs := map[string]any{}
	for _, a := range list {
		for kind, raw := range a.Value {
			v, err := otlpValue(kind, raw)
			if err != nil {
				tb.Errorf("%s: %s %s: %v", a.Key, kind, raw, err)
			}
			attrs[a.Key] = v
		}
	}
	return attrs
}

func otlpValue(kind string, raw json.RawMessage) (any, error) {
	switch kind {
	case "stringValue":
		var v string
		err := json.Unmarshal(raw, &v)
		return v, err
	case "boolValue":
		var v bool
		err := json.Unmarshal(raw, &v)
		return v, err
	case "doubleValue":
		var v float64
		err := json.Unmarshal(raw, &v)
		return v, err
	case "intValue": // a string, as all 64-bit numbers
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		return strconv.ParseInt(v, 10, 64)
	case "arrayValue":
		var list struct{ Values []map[string]json.RawMessage }
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		var values []any
		for _, element := range list.Values {
			for kind, raw := range element {
				v, err := otlpValue(kind, raw)
				if err != nil {
					return nil, err
				}
				values = append(values, v)
			}
		}
		text, err := json.Marshal(values)
		return string(text), err
	}
	return string(raw), nil
}
