package agenttrace_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/tracingtest"
)

// limitVars are the variables of the specification.
var limitVars = []string{
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
	"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
	"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
	"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
}

// The SDK reads the process's environment; we read ours and must come to the same.
func TestLimitsAreReadAsTheSDKReadsThem(t *testing.T) {
	cases := []map[string]string{
		{},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT": "4", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8"},
		{"OTEL_ATTRIBUTE_COUNT_LIMIT": "4", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x"}, // does not fall back
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "-7"},
	}
	for i, name := range limitVars {
		for _, value := range []string{"0", "-1", "17", "+3", "many", "1.5", "99999999999999999999"} {
			cases = append(cases, map[string]string{name: value})
		}
		all := map[string]string{name: "-5"}
		for j, other := range limitVars {
			if i != j {
				all[other] = fmt.Sprint(j + 1)
			}
		}
		cases = append(cases, all)
	}
	for _, env := range cases {
		for _, name := range limitVars {
			t.Setenv(name, env[name])
		}
		want := sdktrace.NewSpanLimits()
		for _, name := range limitVars {
			t.Setenv(name, "1") // not looked at
		}
		cfg, err := tracing.ConfigFromEnv(func(name string) string { return env[name] })
		if cfg.Limits != want {
			t.Errorf("%v: limits %+v, the SDK's %+v", env, cfg.Limits, want)
		}
		for name, value := range env {
			bad := strings.ContainsAny(value, "xmany.") || len(value) > 10
			if said := err != nil && strings.Contains(err.Error(), name+": "); said != bad {
				t.Errorf("%s=%s: said %v", name, value, err)
			}
		}
	}
	if l := tracing.DefaultLimits(); l == (sdktrace.SpanLimits{}) || l.AttributeCountLimit != 128 {
		t.Errorf("the defaults are %+v: not independent of the environment", l)
	}
}

// The limits hold for every attribute, event and link, in the way the SDK has them.
func TestLimitsHoldAsInTheSDKAlone(t *testing.T) {
	env := map[string]string{
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8",
		"OTEL_SPAN_EVENT_COUNT_LIMIT": "2", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1",
		"OTEL_SPAN_LINK_COUNT_LIMIT": "3", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "2",
	}
	for name, vars := range map[string][]string{
		"attributes": {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"},
		"characters": {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"},
		"events":     {"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"},
		"links":      {"OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"},
		"all":        limitVars,
		"default":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // durations are attributes
				getenv := func(name string) string {
					if slices.Contains(vars, name) {
						return env[name]
					}
					return ""
				}
				cfg, err := tracing.ConfigFromEnv(getenv)
				if err != nil {
					t.Fatal(err)
				}
				alone := tracingtest.NewRecorder(sdktrace.WithRawSpanLimits(cfg.Limits))
				limitedSpans(alone, agenttrace.New(alone, agenttrace.Config{Content: agenttrace.SpanContent}))

				rec := tracingtest.NewRecorder()
				p := setup(t, tracing.Config{
					Limits: cfg.Limits, Agent: agenttrace.Config{Content: agenttrace.SpanContent},
					Sampler:   sampling.Config{Custom: sdktrace.AlwaysSample()}, // adds no attributes
					Exporters: []sdktrace.SpanExporter{rec.Exporter()},
				})
				limitedSpans(p.TracerProvider(), p.AgentTracer())
				if err := p.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				got, want := spanTexts(rec.Spans()), spanTexts(alone.Spans())
				if got != want {
					t.Errorf("the spans are\n%s\nand with the SDK alone\n%s", got, want)
				}
				usual := tracingtest.NewRecorder(sdktrace.WithRawSpanLimits(tracing.DefaultLimits()))
				limitedSpans(usual, agenttrace.New(usual, agenttrace.Config{Content: agenttrace.SpanContent}))
				if limited := want != spanTexts(usual.Spans()); limited != (vars != nil) {
					t.Errorf("limited %v by %v", limited, vars)
				}
			})
		})
	}
}

// limitedSpans makes spans with attributes of every kind and time, events and links.
func limitedSpans(tp trace.TracerProvider, agent *agenttrace.AgentTracer) {
	ctx, root := tp.Tracer("test").Start(context.Background(), "root")
	defer root.End()
	everything(ctx, agent)
	scenarios["task_failed"].run(ctx, agent)
	scenarios["tool_mcp"].run(ctx, agent)
	scenarios["model_parameters"].run(ctx, agent)

	many := make([]attribute.KeyValue, 0, 200)
	for i := range 200 {
		many = append(many, attribute.String(fmt.Sprint("key ", i%150), "añ日🙂 and more of it"))
	}
	link := trace.Link{SpanContext: root.SpanContext(), Attributes: many}
	_, span := tp.Tracer("test").Start(ctx, "many", trace.WithAttributes(many[:150]...), trace.WithLinks(link, link))
	span.SetAttributes(attribute.StringSlice("key 1", []string{"short", "and much longer"}), attribute.Int("late", 1))
	span.SetAttributes(many...)
	for range 150 {
		span.AddEvent("event", trace.WithAttributes(many...))
		span.AddLink(link)
	}
	span.End()
}

// spanTexts shows what limits apply to. Attributes that the pipeline gives a local root after its end are left out.
func spanTexts(spans []sdktrace.ReadOnlySpan) string {
	texts := make([]string, 0, len(spans))
	for _, s := range spans {
		var b strings.Builder
		fmt.Fprintf(&b, "%s dropped %d %d %d\n", s.Name(), s.DroppedAttributes(), s.DroppedEvents(), s.DroppedLinks())
		for _, kv := range s.Attributes() {
			if !strings.HasPrefix(string(kv.Key), "process.") {
				fmt.Fprintf(&b, "  %s = %s\n", kv.Key, kv.Value.String())
			}
		}
		for _, e := range s.Events() {
			fmt.Fprintf(&b, "  %s, %d dropped: %v\n", e.Name, e.DroppedAttributeCount, e.Attributes)
		}
		for _, l := range s.Links() {
			fmt.Fprintf(&b, "  link, %d dropped: %v\n", l.DroppedAttributeCount, l.Attributes)
		}
		texts = append(texts, b.String())
	}
	slices.Sort(texts)
	return strings.Join(texts, "")
}
