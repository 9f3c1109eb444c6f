package tracing

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/env"
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
	// DeadLetters writes the spans to the log that no backend has taken when the process ends. They hold what spans hold,
	// so who may read the log may read the traces.
	DeadLetters bool
	// Exporters are sent to beside those of Exporter, each with a queue of its own.
	Exporters []sdktrace.SpanExporter
	// Logger takes the pipeline's own messages; default: discarded.
	Logger *slog.Logger
}

// ConfigFromEnv reads the environment variables of this package, the ones of the OpenTelemetry specification and our
// TRACE_ ones; docs/settings.md lists them. The error joins one sentence for each bad value; the Config is complete all
// the same, with the safe default in place of what was bad.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	r := env.NewReader(getenv)
	cfg := Config{
		Disabled:    r.Bool("OTEL_SDK_DISABLED", false),
		Propagators: r.String("OTEL_PROPAGATORS"),
		Resource:    ResourceConfigFromEnv(getenv),
		Limits:      readLimits(r),
		Pipeline:    readPipeline(r),
	}
	e := r.Environment()
	if !e.Known {
		r.Warn("ENVIRONMENT", fmt.Sprintf("%q is none of %s, the defaults are those of production", e.Name,
			strings.Join(env.KnownEnvironments[:], ", ")))
	}
	letters := "off"
	if e.Production {
		letters = "log"
	}
	cfg.DeadLetters = r.Enum("TRACE_DEAD_LETTER", letters, "log", "off") == "log"
	var samplerErr, exporterErr, contentErr, previewErr error
	cfg.Sampler, samplerErr = sampling.ConfigFromEnv(getenv)
	cfg.Pipeline.DownstreamPerSecond = cfg.Sampler.RemotePerSecond // both are what other services can make us keep
	cfg.Exporter, exporterErr = ExporterConfigFromEnv(getenv)
	cfg.Agent.Content, contentErr = agenttrace.ContentModeFromEnv(getenv)
	cfg.Agent.Previews, previewErr = agenttrace.PreviewModeFromEnv(getenv)
	return cfg, errors.Join(r.Err(), samplerErr, exporterErr, contentErr, previewErr)
}

// slowInProduction is the time from which on a trace is kept there for having taken it.
const slowInProduction = 10 * time.Second

func readPipeline(r *env.Reader) pipeline.Config {
	def := pipeline.Config{}.WithDefaults()
	if r.Environment().Production { // elsewhere everything is kept anyway
		def.KeepSlowerThan = slowInProduction
	}
	return pipeline.Config{
		FlushTimeout:   r.Duration("TRACE_FLUSH_TIMEOUT", def.FlushTimeout, time.Millisecond, time.Minute),
		KeepSlowerThan: r.Duration("TRACE_KEEP_SLOWER_THAN", def.KeepSlowerThan, 0, time.Hour),
		MinDuration:    r.Duration("TRACE_MIN_DURATION", def.MinDuration, 0, time.Hour),
		BufferSpans:    r.Int("TRACE_BUFFER_SPANS", def.BufferSpans, 1, math.MaxInt),
		BufferBytes:    r.Int("TRACE_BUFFER_BYTES", def.BufferBytes, 1, math.MaxInt),
	}.WithDefaults()
}
