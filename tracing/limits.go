package tracing

import (
	"errors"
	"fmt"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
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

// limitsFromEnv reads the span limits of
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ as the SDK reads them: the variable
// for spans before the general one, a negative number is no limit. A value that is no number is an error beside the
// default.
func limitsFromEnv(getenv func(string) string) (sdktrace.SpanLimits, error) {
	l := DefaultLimits()
	err := errors.Join(
		limitVar(getenv, &l.AttributeCountLimit, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
		limitVar(getenv, &l.AttributeValueLengthLimit,
			"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
		limitVar(getenv, &l.EventCountLimit, "OTEL_SPAN_EVENT_COUNT_LIMIT"),
		limitVar(getenv, &l.LinkCountLimit, "OTEL_SPAN_LINK_COUNT_LIMIT"),
		limitVar(getenv, &l.AttributePerEventCountLimit, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
		limitVar(getenv, &l.AttributePerLinkCountLimit, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
	)
	return l, err
}

// limitVar reads the first of the variables that is set into limit.
func limitVar(getenv func(string) string, limit *int, names ...string) error {
	for _, name := range names {
		v := getenv(name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("%s: %q is not a whole number, using %d", name, v, *limit)
		}
		*limit = n
		return nil
	}
	return nil
}
