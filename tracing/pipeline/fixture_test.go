package pipeline

import (
	"context"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/sampling"
)

// testConfig is what a test provider is made of.
type testConfig struct {
	Pipeline    Config
	Sampler     sampling.Config
	Exporters   []sdktrace.SpanExporter
	Logger      *slog.Logger
	ServiceName string
}

// testProvider is a collector behind the SDK's tracer provider, and nothing else of the front door. nil is one that is
// switched off.
type testProvider struct {
	collector *Collector
	sdk       *sdktrace.TracerProvider
}

func setup(cfg testConfig) *testProvider {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	targets := make([]Target, len(cfg.Exporters))
	for i, e := range cfg.Exporters {
		targets[i] = Target{Name: "test", Exporter: e}
	}
	res := resource.NewSchemaless(attribute.String("service.name", cfg.ServiceName))
	c := New(cfg.Pipeline, targets, func() *resource.Resource { return res }, cfg.Logger)
	return &testProvider{collector: c, sdk: sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sampling.New(cfg.Sampler, time.Now)),
		sdktrace.WithSpanProcessor(c),
	)}
}

func (p *testProvider) Begin(ctx context.Context) (context.Context, *Invocation) {
	if p == nil {
		return (*Collector)(nil).Begin(ctx)
	}
	return p.collector.Begin(ctx)
}
func (p *testProvider) TracerProvider() trace.TracerProvider { return p.sdk }
func (p *testProvider) Flush(ctx context.Context) error      { return p.sdk.ForceFlush(ctx) }
func (p *testProvider) Shutdown(ctx context.Context) error   { return p.sdk.Shutdown(ctx) }
func (p *testProvider) Stats() Stats                         { return p.collector.Stats() }
func (p *testProvider) AgentTracer() *agenttrace.AgentTracer {
	return agenttrace.New(p.sdk, agenttrace.Config{})
}
