package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/export/cloudtrace"
	"example.com/gemini-agent/tracing/export/console"
	"example.com/gemini-agent/tracing/export/otlp"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/pipeline"
)

// ExporterConfig says where spans go. It is plain data; the zero value sends them nowhere.
type ExporterConfig struct {
	Names      []string // any of "cloudtrace", "otlp", "console"; empty: none
	OTLP       otlp.Config
	CloudTrace cloudtrace.Config
	// ProjectID is the Google Cloud project for cloudtrace and the Telemetry API; default: the resource's,
	// then the credentials'.
	ProjectID string

	// Console is where "console" prints, so that several apps of one process can share it; nil: one of
	// its own, plain, on standard error.
	Console *console.Console
	// ConsoleSecondary marks an app that the process's main app calls: its spans wait on the console
	// for the main app's part of the trace.
	ConsoleSecondary bool

	// WithoutContent leaves captured message content out of what all exporters get, those of Config.Exporters included.
	// Processors see it.
	WithoutContent bool
}

// The exporters' names in OTEL_TRACES_EXPORTER.
const (
	exporterCloudTrace = "cloudtrace"
	exporterOTLP       = "otlp"
	exporterConsole    = "console"
	exporterNone       = "none"
)

// newExporters makes the configured exporters, in order. It dials nothing, reads no credential and waits
// for nothing: that happens at the first export or Warm. An exporter that cannot be made is left out
// and named in the error; the others are usable. Exporters do not retry: export.Classify says what their
// errors mean. They must be shut down.
func newExporters(_ context.Context, cfg ExporterConfig, logger *slog.Logger) ([]pipeline.Target, error) {
	var targets []pipeline.Target
	var errs []error
	for _, name := range cfg.Names {
		x, err := newNamedExporter(name, cfg)
		if err != nil {
			errs = append(errs, err)
		}
		if x != nil {
			targets = append(targets, pipeline.Target{Name: name, Exporter: x})
			if logger != nil {
				logger.Debug("trace exporter ready", "exporter", name)
			}
		}
	}
	return targets, errors.Join(errs...)
}

func newNamedExporter(name string, cfg ExporterConfig) (sdktrace.SpanExporter, error) {
	// A nil pointer in the interface would not be nil: each case returns one or the other.
	switch name {
	case exporterCloudTrace:
		x, err := cloudtrace.New(cfg.CloudTrace, cfg.ProjectID, googleauth.New(cfg.ProjectID))
		if x == nil {
			return nil, err
		}
		return x, err
	case exporterOTLP:
		var x *otlp.Exporter
		var err error
		if otlp.IsTelemetryAPI(cfg.OTLP.Endpoint) {
			x, err = otlp.NewTelemetry(cfg.OTLP, cfg.ProjectID, googleauth.New(cfg.ProjectID))
		} else {
			x, err = otlp.New(cfg.OTLP, nil)
		}
		if x == nil {
			return nil, err
		}
		return x, err
	case exporterConsole:
		c := cfg.Console
		if c == nil {
			c = console.New(os.Stderr, console.Config{})
		}
		return c.Exporter(!cfg.ConsoleSecondary), nil
	}
	return nil, fmt.Errorf("no exporter is named %q", name)
}
