package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// ExporterConfig says where spans go. It is plain data; the zero value sends them nowhere.
type ExporterConfig struct {
	Names      []string // any of "cloudtrace", "otlp", "console"; empty: none
	OTLP       OTLPConfig
	CloudTrace CloudTraceConfig
	// ProjectID is the Google Cloud project for cloudtrace and the Telemetry API; default: the resource's,
	// then the credentials'.
	ProjectID string

	// Console is where "console" prints, so that several apps of one process can share it; nil: one of
	// its own, plain, on standard error.
	Console *Console
	// ConsoleSecondary marks an app that the process's main app calls: its spans wait on the console
	// for the main app's part of the trace.
	ConsoleSecondary bool
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
// and named in the error; the others are usable. Exporters do not retry: classifyExport says what their
// errors mean. They must be shut down.
func newExporters(_ context.Context, cfg ExporterConfig, logger *slog.Logger) ([]Target, error) {
	var targets []Target
	var errs []error
	for _, name := range cfg.Names {
		x, err := newNamedExporter(name, cfg)
		if err != nil {
			errs = append(errs, err)
		}
		if x != nil {
			targets = append(targets, Target{Name: name, Exporter: x})
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
		x, err := newCloudTraceExporter(cfg.CloudTrace, cfg.ProjectID, newGoogleAuth(cfg.ProjectID))
		if x == nil {
			return nil, err
		}
		return x, err
	case exporterOTLP:
		var x *otlpExporter
		var err error
		if isTelemetryAPI(cfg.OTLP.Endpoint) {
			x, err = newTelemetryExporter(cfg.OTLP, cfg.ProjectID, newGoogleAuth(cfg.ProjectID))
		} else {
			x, err = newOTLPExporter(cfg.OTLP, nil)
		}
		if x == nil {
			return nil, err
		}
		return x, err
	case exporterConsole:
		c := cfg.Console
		if c == nil {
			c = NewConsole(os.Stderr, ConsoleConfig{})
		}
		return c.Exporter(!cfg.ConsoleSecondary), nil
	}
	return nil, fmt.Errorf("no exporter is named %q", name)
}
