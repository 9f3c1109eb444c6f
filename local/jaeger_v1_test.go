package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// jaegerV1 is the API of Jaeger 1, on which not every Jaeger 2 can be relied.
type jaegerV1 struct{ query string }

func (j jaegerV1) services(tb testing.TB) []string {
	tb.Helper()
	var found struct{ Data []string }
	jaegerGet(tb, j.query+"/api/services", &found)
	slices.Sort(found.Data)
	return found.Data
}

func (j jaegerV1) trace(tb testing.TB, id string) []span {
	tb.Helper()
	var found jaegerTraces
	switch ok := jaegerGet(tb, j.query+"/api/traces/"+id, &found); {
	case !ok:
		return nil
	case len(found.Data) != 1:
		tb.Fatalf("Jaeger answers with %d traces", len(found.Data))
	}
	return found.Data[0].spans(tb)
}

// jaegerTraces is an answer of /api/traces.
type jaegerTraces struct{ Data []jaegerTrace }

type jaegerTrace struct {
	Spans []struct {
		SpanID, ProcessID, OperationName string
		StartTime                        int64 // µs
		References                       []struct{ RefType, TraceID, SpanID string }
		Tags                             []jaegerTag
	}
	Processes map[string]struct{ ServiceName string }
}

type jaegerTag struct {
	Key, Type string
	Value     any
}

func (t jaegerTrace) spans(tb testing.TB) []span {
	tb.Helper()
	var spans []span
	for _, s := range t.Spans {
		out := span{
			id: s.SpanID, name: s.OperationName, service: t.Processes[s.ProcessID].ServiceName,
			start: s.StartTime, attrs: map[string]any{},
		}
		for _, ref := range s.References {
			if ref.RefType == "CHILD_OF" {
				out.parent = ref.SpanID
			} else {
				out.links = append(out.links, ref.TraceID+"/"+ref.SpanID)
			}
		}
		for _, tag := range s.Tags {
			out.attrs[tag.Key] = tag.value(tb)
		}
		spans = append(spans, out)
	}
	return spans
}

// value gives a tag's value the Go type that belongs to its type.
func (t jaegerTag) value(tb testing.TB) any {
	tb.Helper()
	raw, err := json.Marshal(t.Value)
	if err != nil {
		tb.Fatal(err)
	}
	decode := func(v any) {
		tb.Helper()
		if err := json.NewDecoder(bytes.NewReader(raw)).Decode(v); err != nil {
			tb.Errorf("tag %s of type %s has the value %s", t.Key, t.Type, raw)
		}
	}
	switch t.Type {
	case "int64":
		var v int64
		decode(&v)
		return v
	case "float64":
		var v float64
		decode(&v)
		return v
	case "bool":
		var v bool
		decode(&v)
		return v
	}
	var v string
	decode(&v)
	return v
}
