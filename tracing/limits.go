package tracing

import (
	"math"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/env"
)

// DefaultLimits are the SDK's defaults whatever the environment says: 128 attributes, events and links a span, 128
// attributes an event or link, values of any length. Config.Limits is made from them, one changed:
//
//	cfg.Limits = tracing.DefaultLimits()
//	cfg.Limits.AttributeValueLengthLimit = 4096 // characters
//
// A negative limit is none, 0 records nothing of the kind.
func DefaultLimits() sdktrace.SpanLimits {
	return sdktrace.SpanLimits{
		AttributeValueLengthLimit:   sdktrace.DefaultAttributeValueLengthLimit,
		AttributeValueDepthLimit:    sdktrace.DefaultAttributeValueDepthLimit,
		AttributeCountLimit:         sdktrace.DefaultAttributeCountLimit,
		EventCountLimit:             sdktrace.DefaultEventCountLimit,
		LinkCountLimit:              sdktrace.DefaultLinkCountLimit,
		AttributePerEventCountLimit: sdktrace.DefaultAttributePerEventCountLimit,
		AttributePerLinkCountLimit:  sdktrace.DefaultAttributePerLinkCountLimit,
	}
}

func withDefaultLimits(l sdktrace.SpanLimits) sdktrace.SpanLimits {
	if l == (sdktrace.SpanLimits{}) {
		return DefaultLimits()
	}
	return l
}

// readLimits reads the span limits of
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ as the SDK reads them: the variable
// for spans before the general one, a negative number is no limit.
func readLimits(r *env.Reader) sdktrace.SpanLimits {
	l := DefaultLimits()
	read := func(limit *int, names ...string) {
		name, _ := r.First(names...)
		*limit = r.Int(name, *limit, math.MinInt, math.MaxInt)
	}
	read(&l.AttributeCountLimit, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
	read(&l.AttributeValueLengthLimit, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
	read(&l.EventCountLimit, "OTEL_SPAN_EVENT_COUNT_LIMIT")
	read(&l.LinkCountLimit, "OTEL_SPAN_LINK_COUNT_LIMIT")
	read(&l.AttributePerEventCountLimit, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT")
	read(&l.AttributePerLinkCountLimit, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT")
	return l
}
