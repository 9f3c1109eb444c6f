package tracing

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/pipeline"
	"example.com/gemini-agent/tracing/sampling"
)

// Config is the whole of the tracing of one app. The zero value traces everything and exports nothing.
type Config struct {
	Disabled    bool   // OTEL_SDK_DISABLED: no spans at all; trace context still passes through
	Propagators string // OTEL_PROPAGATORS; "" is the default set
	Resource    ResourceConfig
	Sampler     sampling.Config
	Pipeline    pipeline.Config
	Exporter    ExporterConfig
	Agent       agenttrace.Config

	// Limits bound the attributes, events and links of each span; the zero value stands for DefaultLimits. The
	// attributes that the pipeline adds after the end of a kept local root (sampling.*, process.*) do not count.
	Limits sdktrace.SpanLimits
	// Processors are told of every span that is recorded, kept or not: at its start with the attributes known then,
	// correlation.id included, and at its end with all of them. They are called in the order given, and flushed and
	// shut down with the Provider.
	Processors []sdktrace.SpanProcessor
	// Exporters are sent to beside those of Exporter, each with a queue of its own.
	Exporters []sdktrace.SpanExporter
	// Logger takes the pipeline's own messages; default: discarded.
	Logger *slog.Logger
}

// ConfigFromEnv reads the environment variables of this package, the ones of the OpenTelemetry specification and our
// TRACE_ ones; the README lists them. The error joins one sentence for each bad value; the Config is complete all
// the same, with the safe default in place of what was bad.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	var cfg Config
	var err error
	cfg.Disabled, err = boolVar(getenv, "OTEL_SDK_DISABLED", false)
	check(err)
	cfg.Propagators = getenv("OTEL_PROPAGATORS")
	cfg.Resource = ResourceConfigFromEnv(getenv)
	cfg.Sampler, err = sampling.ConfigFromEnv(getenv)
	check(err)
	cfg.Limits, err = limitsFromEnv(getenv)
	check(err)
	cfg.Pipeline, err = pipelineConfigFromEnv(getenv)
	check(err)
	cfg.Exporter, err = ExporterConfigFromEnv(getenv)
	check(err)
	cfg.Agent.Content, err = agenttrace.ContentModeFromEnv(getenv)
	check(err)
	cfg.Agent.Previews, err = agenttrace.PreviewModeFromEnv(getenv)
	check(err)
	return cfg, errors.Join(errs...)
}

func pipelineConfigFromEnv(getenv func(string) string) (pipeline.Config, error) {
	var cfg pipeline.Config
	errs := []error{
		durationVar(getenv, "TRACE_FLUSH_TIMEOUT", &cfg.FlushTimeout, time.Millisecond, time.Minute),
		durationVar(getenv, "TRACE_KEEP_SLOWER_THAN", &cfg.KeepSlowerThan, 0, time.Hour),
		durationVar(getenv, "TRACE_MIN_DURATION", &cfg.MinDuration, 0, time.Hour),
		countVar(getenv, "TRACE_BUFFER_SPANS", &cfg.BufferSpans),
		countVar(getenv, "TRACE_BUFFER_BYTES", &cfg.BufferBytes),
	}
	return cfg.WithDefaults(), errors.Join(errs...)
}

// boolVar reads true or false in any case. The specification counts everything but "true" as false; we say so
// when it was neither.
func boolVar(getenv func(string) string, name string, def bool) (bool, error) {
	v := getenv(name)
	if v == "" {
		return def, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return def, fmt.Errorf("%s: %q is neither true nor false, using %t", name, v, def)
	}
	return b, nil
}

// durationVar reads a Go duration between low and high into d; unset or bad values leave d alone.
func durationVar(getenv func(string) string, name string, d *time.Duration, low, high time.Duration) error {
	v := getenv(name)
	if v == "" {
		return nil
	}
	got, err := time.ParseDuration(v)
	if err != nil || got < low || got > high {
		return fmt.Errorf("%s: %q is not a duration from %v to %v such as 500ms or 2s, using the default",
			name, v, low, high)
	}
	*d = got
	return nil
}

// countVar reads a positive number into n; unset or bad values leave n alone.
func countVar(getenv func(string) string, name string, n *int) error {
	v := getenv(name)
	if v == "" {
		return nil
	}
	got, err := strconv.Atoi(v)
	if err != nil || got <= 0 {
		return fmt.Errorf("%s: %q is not a positive whole number, using the default", name, v)
	}
	*n = got
	return nil
}
