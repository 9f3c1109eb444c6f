package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Provider is the tracing of one app: tracer provider, propagator, pipeline. Several can live in one process; none
// touches the OpenTelemetry globals. Its methods are safe for concurrent use.
type Provider struct {
	cfg        Config
	tp         trace.TracerProvider
	sdk        *sdktrace.TracerProvider // nil when tracing is disabled
	collector  *collector               // nil when tracing is disabled
	propagator propagation.TextMapPropagator
	logger     *slog.Logger
	warmOnce   sync.Once
}

// Setup builds a Provider. It opens no connection and looks for no credentials; where K_SERVICE is set the metadata
// server is asked in the background who we are, and exports wait for that half a second at most. The Provider is usable
// beside an error, which then names the parts that are missing: tracing never keeps the function from starting.
func Setup(ctx context.Context, cfg Config) (*Provider, error) {
	p := &Provider{cfg: cfg, logger: cfg.Logger}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	var err error
	if p.propagator, err = newPropagator(cfg.Propagators); err != nil {
		errs = append(errs, fmt.Errorf("OTEL_PROPAGATORS: %w", err))
	}
	if cfg.Disabled {
		p.tp = noop.NewTracerProvider()
		return p, errors.Join(errs...)
	}
	cfg.Resource = cfg.Resource.withDefaults()
	here := cfg.Resource
	here.Service = "" // ask nobody yet
	res, err := newResource(ctx, here)
	if err != nil {
		errs = append(errs, fmt.Errorf("describing the resource: %w", err))
	}
	targets, err := newExporters(ctx, cfg.Exporter, p.logger)
	if err != nil {
		errs = append(errs, fmt.Errorf("building the exporters: %w", err))
	}
	for _, e := range cfg.Exporters {
		targets = append(targets, target{name: fmt.Sprintf("%T", e), exporter: e})
	}
	p.collector = newCollector(cfg.Pipeline, targets, p.logger)
	// The SDK puts the process's OTEL_RESOURCE_ATTRIBUTES under every resource, those of another app too. Spans are
	// exported with ours.
	p.collector.resource = newKnownResource(res)
	if cfg.Resource.Service != "" {
		p.collector.resource = newLaterResource(ctx, cfg.Resource, p.logger)
	}
	p.sdk = sdktrace.NewTracerProvider(
		sdktrace.WithResource(res),
		sdktrace.WithSampler(newSampler(cfg.Sampler, time.Now)),
		sdktrace.WithRawSpanLimits(sdktrace.NewSpanLimits()),
		sdktrace.WithSpanProcessor(p.collector),
	)
	p.tp = p.sdk
	return p, errors.Join(errs...)
}

// TracerProvider returns the OpenTelemetry tracer provider.
func (p *Provider) TracerProvider() trace.TracerProvider { return p.tp }

// Propagator returns the propagator for callers, sub-agents and tool services. Requests to Gemini do not use it.
func (p *Provider) Propagator() propagation.TextMapPropagator { return p.propagator }

// AgentTracer returns a tracer for agent runs.
func (p *Provider) AgentTracer() *AgentTracer {
	if p.sdk == nil {
		return nil
	}
	return NewAgentTracer(p.tp, p.cfg.Agent)
}

// FlushReserve is the time that the end of an invocation may take: the longest wait for the backend.
func (p *Provider) FlushReserve() time.Duration { return p.cfg.Pipeline.withDefaults().FlushTimeout }

// Stats are counts of spans since the start.
type Stats struct {
	Kept     int64 // decided to be sent
	Exported int64 // delivered, once for each backend
	Retried  int64 // sent again after a failed export
	Dropped  int64 // lost: buffer or holding bound reached, or refused by the backend
	TimedOut int64 // waits given up (no spans are lost by that)
}

// Stats returns the counts so far; zero when tracing is disabled.
func (p *Provider) Stats() Stats {
	if p.collector == nil {
		return Stats{}
	}
	s := &p.collector.stats
	return Stats{
		Kept: s.kept.Load(), Exported: s.exported.Load(), Retried: s.retried.Load(),
		Dropped: s.dropped.Load(), TimedOut: s.timedOut.Load(),
	}
}

// Flush sends all kept spans that wait, those of a backend that was given up for the moment included. It returns
// when they are delivered or ctx is done; what is left then stays in the buffer.
func (p *Provider) Flush(ctx context.Context) error {
	if p.sdk == nil {
		return nil
	}
	return p.sdk.ForceFlush(ctx)
}

// Shutdown flushes and closes the exporters. Spans that end later are dropped.
func (p *Provider) Shutdown(ctx context.Context) error {
	if p.sdk == nil {
		return nil
	}
	return p.sdk.Shutdown(ctx)
}

// warm opens the backends' connections in the background, once, when the first request comes in: they are ready
// when its flush needs them.
func (p *Provider) warm() {
	p.warmOnce.Do(func() {
		for _, pl := range p.collector.pipelines {
			if w, ok := pl.exporter.(warmer); ok {
				w.Warm(context.Background())
			}
		}
	})
}

// TraceID returns the trace id of the span in ctx as 32 hex digits, "" when there is none.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
