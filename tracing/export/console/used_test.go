package console

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestHeadingSaysWhatWasUsed(t *testing.T) {
	span := func(name string, retries int, attrs ...attribute.KeyValue) waterfallRow {
		stub := tracetest.SpanStub{Name: name, Attributes: attrs}
		for range retries {
			stub.Events = append(stub.Events, sdktrace.Event{Name: "llm.retry"})
		}
		s := stub.Snapshot()
		return waterfallRow{span: s, facts: readFacts(s)}
	}
	tokens := []attribute.KeyValue{attribute.Int("llm.input_tokens", 100), attribute.Int("llm.output_tokens", 7)}
	priced := append(tokens[:2:2], attribute.Float64("llm.cost_usd", 0.0015))
	task := span("agent.task", 0, attribute.Float64("llm.cost_usd", 0.003)) // the sum of its calls
	for _, tt := range []struct {
		name string
		rows []waterfallRow
		want []string
	}{
		{"nothing", []waterfallRow{span("POST", 0)}, nil},
		{"priced", []waterfallRow{task, span("llm.generate", 0, priced...), span("llm.generate", 1, priced...)},
			[]string{"$0.0030", "200>14 tok", "1 retry"}},
		{"one price is not known", []waterfallRow{span("llm.generate", 2, priced...), span("llm.generate", 1, tokens...)},
			[]string{"200>14 tok", "3 retries"}},
		{"failed", []waterfallRow{span("llm.generate", 3)}, []string{"3 retries"}},
	} {
		w := &waterfall{style: newStyle(false, false), rows: tt.rows}
		if got := w.used(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestUSD(t *testing.T) {
	for usd, want := range map[float64]string{
		0: "$0.00", 12.345: "$12.35", 0.1: "$0.10", 0.0999: "$0.100", 0.0024: "$0.0024", 0.00031125: "$0.00031", 1e-12: "$0.000000000",
	} {
		if got := formatUSD(usd); got != want {
			t.Errorf("%g is %s, want %s", usd, got, want)
		}
	}
}
