package agent

import (
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/trace"
)

// Toolkit is what tools of one's own are made with. Every field is set.
type Toolkit struct {
	// HTTP makes a span of each request, under the tool's, and passes the trace on. It has no timeout of its own: a request
	// made with the tool's context ends with it. Headers are on no span, so a token belongs there and not in the URL.
	HTTP   *http.Client
	Tracer trace.Tracer             // for spans of the tool's own, under the tool's with its context
	Logger *slog.Logger             // lines written with the tool's context lead to its trace
	Getenv func(name string) string // the environment; "" for what is not set
}
