package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	otelprop "go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/pipeline"
	"example.com/gemini-agent/tracing/propagation"
	"example.com/gemini-agent/tracing/sampling"
)

// Provider is the tracing of one app: tracer provider, propagator, pipeline. Several can live in one process; none
// touches the OpenTelemetry globals. Its methods are safe for concurrent use.
type Provider struct {
	cfg        Config
	tp         trace.TracerProvider
	sdk        *sdktrace.TracerProvider // nil when tracing is disabled
	collector  *pipeline.Collector      // nil when tracing is disabled
	propagator otelprop.TextMapPropagator
	http       *httptrace.Tracer
	logger     *slog.Logger
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
	if p.propagator, err = propagation.New(cfg.Propagators); err != nil {
		errs = append(errs, fmt.Errorf("OTEL_PROPAGATORS: %w", err))
	}
	if cfg.Disabled {
		p.tp = noop.NewTracerProvider()
		p.http = httptrace.New(p.tp, p.propagator, httptrace.Config{})
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
		targets = append(targets, pipeline.Target{Name: fmt.Sprintf("%T", e), Exporter: e})
	}
	if cfg.Exporter.WithoutContent {
		for i := range targets {
			targets[i].Exporter = withoutContent{targets[i].Exporter}
		}
	}
	// The SDK puts the process's OTEL_RESOURCE_ATTRIBUTES under every resource, those of another app too. Spans are
	// exported with ours.
	exported := func() *resource.Resource { return res }
	if cfg.Resource.Service != "" {
		exported = newLaterResource(ctx, cfg.Resource, p.logger).get
	}
	if cfg.DeadLetters && cfg.Logger != nil && cfg.Pipeline.DeadLetter == nil {
		cfg.Pipeline.DeadLetter = deadLetters{p.logger, cfg.Exporter.ProjectID}.write
	}
	p.collector = pipeline.New(cfg.Pipeline, targets, exported, p.logger)
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(sampling.New(cfg.Sampler, time.Now)),
		sdktrace.WithRawSpanLimits(withDefaultLimits(cfg.Limits)),
		sdktrace.WithSpanProcessor(p.collector), // first: it sets what is known at the start of every span
	}
	for _, sp := range cfg.Processors {
		options = append(options, sdktrace.WithSpanProcessor(sp))
	}
	p.sdk = sdktrace.NewTracerProvider(options...)
	p.tp = p.sdk
	p.http = httptrace.New(p.tp, p.propagator, httptrace.Config{
		Begin: func(ctx context.Context) (context.Context, func() httptrace.Outcome) {
			ctx, invocation := p.collector.Begin(ctx)
			return ctx, func() httptrace.Outcome { return httptrace.Outcome(invocation.End()) }
		},
		Downstream: p.collector.Downstream,
		Previews:   cfg.Agent.Previews == agenttrace.PreviewsOn,
	})
	return p, errors.Join(errs...)
}

// TracerProvider returns the OpenTelemetry tracer provider.
func (p *Provider) TracerProvider() trace.TracerProvider { return p.tp }

// Propagator returns the propagator for callers, sub-agents and tool services. Requests to Gemini do not use it.
func (p *Provider) Propagator() otelprop.TextMapPropagator { return p.propagator }

// Middleware traces the requests that next serves, and holds each answer until its trace is safe: see
// httptrace.Tracer.Middleware.
func (p *Provider) Middleware(next http.Handler, cfg httptrace.MiddlewareConfig) http.Handler {
	return p.http.Middleware(next, cfg)
}

// Transport traces the requests that are made through base: see httptrace.Tracer.Transport.
func (p *Provider) Transport(base http.RoundTripper, cfg httptrace.TransportConfig) http.RoundTripper {
	return p.http.Transport(base, cfg)
}

// AgentTracer returns a tracer for agent runs.
func (p *Provider) AgentTracer() *agenttrace.AgentTracer {
	if p.sdk == nil {
		return nil
	}
	return agenttrace.New(p.tp, p.cfg.Agent)
}

// FlushReserve is the time that the end of an invocation may take: the longest wait for the backend.
func (p *Provider) FlushReserve() time.Duration { return p.cfg.Pipeline.WithDefaults().FlushTimeout }

// Stats returns the counts so far; zero when tracing is disabled.
func (p *Provider) Stats() pipeline.Stats { return p.collector.Stats() }

// UnreportedSpans are the fields spans_kept, spans_dropped and spans_retried of a log line that the caller is about to
// write: what became of the process's spans since the last line that had them, the pipeline's own included.
func (p *Provider) UnreportedSpans() []slog.Attr { return p.collector.Unreported() }

// Flush sends all kept spans that wait, those of a backend that was given up for the moment included. It returns
// when they are delivered or ctx is done; what is left then stays in the buffer.
func (p *Provider) Flush(ctx context.Context) error {
	if p.sdk == nil {
		return nil
	}
	return p.sdk.ForceFlush(ctx)
}

// Shutdown flushes and closes the exporters. Spans that end later are dropped. It returns an error when spans were neither
// delivered nor written to the log (Config.DeadLetters).
func (p *Provider) Shutdown(ctx context.Context) error {
	if p.sdk == nil {
		return nil
	}
	return p.sdk.Shutdown(ctx)
}

// Begin opens an invocation, for work that no Middleware serves: see Invocation. It works on a nil or disabled Provider.
func (p *Provider) Begin(ctx context.Context) (context.Context, *pipeline.Invocation) {
	if p == nil {
		return ctx, nil
	}
	return p.collector.Begin(ctx)
}

// TraceID returns the trace id of the span in ctx as 32 hex digits, "" when there is none.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
