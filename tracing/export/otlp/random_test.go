package otlp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func randomSpans(rng *rand.Rand, n int) []sdktrace.ReadOnlySpan {
	resources := []*resource.Resource{
		resource.NewWithAttributes("https://schema/1", attribute.String("service.name", "a"), attribute.Int("n", 1)),
		resource.NewSchemaless(attribute.String("service.name", "b")),
		resource.NewSchemaless(attribute.String("service.name", "b")), // equal, not identical
	}
	scopes := []instrumentation.Scope{
		{},
		{Name: "s1", Version: "v1", SchemaURL: "https://schema/2"},
		{Name: "s1", Version: "v1", Attributes: attribute.NewSet(attribute.Bool("x", true))},
	}
	start := time.Unix(1_700_000_000, 0)
	spans := make([]sdktrace.ReadOnlySpan, 0, n)
	for range n {
		if rng.IntN(15) == 0 {
			spans = append(spans, nil)
			continue
		}
		sc := randomSpanContext(rng)
		stub := tracetest.SpanStub{
			Name: randomText(rng), SpanContext: sc, SpanKind: trace.SpanKind(rng.IntN(8)),
			StartTime: start.Add(
				time.Duration(rng.Int64N(1e12)),
			), EndTime: start.Add(time.Duration(rng.Int64N(1e12))),
			Attributes: randomAttributes(
				rng,
				2,
			), DroppedAttributes: rng.IntN(3) - 1, DroppedEvents: rng.IntN(300), DroppedLinks: rng.IntN(3),
			Status:   sdktrace.Status{Code: codes.Code(rng.IntN(3)), Description: randomText(rng)},
			Resource: resources[rng.IntN(len(resources))], InstrumentationScope: scopes[rng.IntN(len(scopes))],
		}
		if rng.IntN(2) == 0 {
			stub.Parent = randomSpanContext(rng)
		}
		if rng.IntN(20) == 0 {
			stub.StartTime = time.Unix(-5, 0)
		}
		for range rng.IntN(3) {
			stub.Events = append(
				stub.Events,
				sdktrace.Event{
					Name:                  randomText(rng),
					Time:                  start,
					Attributes:            randomAttributes(rng, 1),
					DroppedAttributeCount: rng.IntN(2),
				},
			)
		}
		for range rng.IntN(3) {
			stub.Links = append(
				stub.Links,
				sdktrace.Link{
					SpanContext:           randomSpanContext(rng),
					Attributes:            randomAttributes(rng, 1),
					DroppedAttributeCount: rng.IntN(2),
				},
			)
		}
		spans = append(spans, stub.Snapshot())
	}
	return spans
}

func randomSpanContext(rng *rand.Rand) trace.SpanContext {
	cfg := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(rng.IntN(256)), Remote: rng.IntN(2) == 0}
	for i := range cfg.TraceID {
		cfg.TraceID[i] = byte(rng.IntN(256))
	}
	for i := range cfg.SpanID {
		cfg.SpanID[i] = byte(rng.IntN(256))
	}
	if rng.IntN(2) == 0 {
		cfg.TraceState, _ = trace.ParseTraceState([]string{"ot=th:8", "a=1,b=2,ot=rv:12345678901234"}[rng.IntN(2)])
	}
	return trace.NewSpanContext(cfg)
}

func randomText(rng *rand.Rand) string {
	// Lengths around the places where the length of a length changes.
	n := []int{0, 1, 7, 120, 126, 127, 128, 129, 300, 16383, 16384}[min(rng.IntN(14), 10)]
	if n > 300 && rng.IntN(10) != 0 {
		n = 5
	}
	return strings.Repeat(string([]rune("aé世🙂")[rng.IntN(4)]), n)
}

func randomAttributes(rng *rand.Rand, depth int) []attribute.KeyValue {
	var out []attribute.KeyValue
	for i := range rng.IntN(12) {
		out = append(
			out,
			attribute.KeyValue{
				Key:   attribute.Key(fmt.Sprintf("k%d.%s", i, strings.Repeat("x", rng.IntN(130)))),
				Value: randomValue(rng, depth),
			},
		)
	}
	return out
}

func randomValue(rng *rand.Rand, depth int) attribute.Value {
	kinds := 11
	if depth == 0 {
		kinds = 9
	}
	switch rng.IntN(kinds) {
	case 0:
		return attribute.BoolValue(rng.IntN(2) == 0)
	case 1:
		return attribute.Int64Value([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, rng.Int64()}[rng.IntN(6)])
	case 2:
		return attribute.Float64Value([]float64{0, -1.5, math.Inf(1), math.MaxFloat64, rng.Float64()}[rng.IntN(5)])
	case 3:
		return attribute.StringSliceValue([]string{"", randomText(rng), "b"}[:rng.IntN(4)])
	case 4:
		return attribute.BoolSliceValue([]bool{true, false}[:rng.IntN(3)])
	case 5:
		return attribute.Int64SliceValue([]int64{0, -7, 1 << 40}[:rng.IntN(4)])
	case 6:
		return attribute.Float64SliceValue([]float64{0, 2.5}[:rng.IntN(3)])
	case 7:
		return attribute.ByteSliceValue([]byte{0, 255, 3}[:rng.IntN(4)])
	case 8:
		if rng.IntN(4) == 0 {
			return attribute.Value{}
		}
		return attribute.StringValue(randomText(rng))
	case 9:
		vals := make([]attribute.Value, rng.IntN(4))
		for i := range vals {
			vals[i] = randomValue(rng, depth-1)
		}
		return attribute.SliceValue(vals...)
	}
	return attribute.MapValue(randomAttributes(rng, depth-1)...)
}
