package tracing

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/sdk/resource"

	"example.com/gemini-agent/tracing/redact"
)

// laterResource is a resource that the metadata server is still being asked about. Only exports need it, so the first
// request does not wait: the answer comes while the model thinks.
type laterResource struct {
	known chan struct{} // closed when res is set
	res   *resource.Resource
}

// newLaterResource asks in the background. cfg has its defaults, so that both resources name one instance.
func newLaterResource(ctx context.Context, cfg ResourceConfig, logger *slog.Logger) *laterResource {
	l := &laterResource{known: make(chan struct{})}
	cfg.err = nil                    // said by Setup
	ctx = context.WithoutCancel(ctx) // the caller's context may be a request's
	go func() {
		defer close(l.known)
		var err error
		if l.res, err = newResource(ctx, cfg); err != nil {
			logger.Warn("the trace resource is incomplete", "error", redact.Text(err.Error()))
		}
	}()
	return l
}

// get waits for the answer, at most the rest of ResourceConfig.DetectTimeout.
func (l *laterResource) get() *resource.Resource {
	<-l.known
	return l.res
}
