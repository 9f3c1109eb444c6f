// Package searchservice is a tool service for local runs: an MCP server (streamable HTTP) with one tool, search, over a
// small collection of texts that is part of the program. It shows what a traced tool service looks like from the
// inside:
//
//	POST /mcp            SERVER span, made by the caller's middleware from the HTTP headers
//	└─ tools/call search SERVER span with the MCP attributes, made here
package searchservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"example.com/gemini-agent/agent/wordindex"
)

// Path is where the service answers.
const Path = "/mcp"

const (
	toolName      = "search"
	defaultLimit  = 3
	maxLimit      = 10
	maxQueryBytes = 1000
)

// Config holds the service's instruments. The zero value is a service without tracing.
type Config struct {
	// Middleware wraps the HTTP handler; it makes the span of the HTTP request and waits for the export. Default: none.
	Middleware func(http.Handler) http.Handler
	// Tracer makes the span of the tool call. Default: none.
	Tracer trace.Tracer
	// Propagator reads params._meta. Default: W3C trace context and baggage.
	Propagator propagation.TextMapPropagator
	// Version is the service's version as told to clients. Default "dev".
	Version string
}

func (c Config) withDefaults() Config {
	if c.Middleware == nil {
		c.Middleware = func(next http.Handler) http.Handler { return next }
	}
	if c.Tracer == nil {
		c.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if c.Propagator == nil {
		c.Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	return c
}

// New returns the service. It answers on Path, keeps no sessions and runs nothing between requests, so there is nothing
// to close. Clients of every protocol revision are served.
func New(cfg Config) http.Handler {
	cfg = cfg.withDefaults()
	server := mcp.NewServer(&mcp.Implementation{Name: "search-service", Version: cfg.Version}, &mcp.ServerOptions{
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
	})
	index := newIndex(collection)
	mcp.AddTool(server, &mcp.Tool{
		Name: toolName,
		Description: "Searches a small collection of texts on machine learning, tracing, serverless and Go." +
			" Returns the best matches with their text.",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true},
	}, func(_ context.Context, _ *mcp.CallToolRequest, in searchInput) (*mcp.CallToolResult, searchOutput, error) {
		out, err := index.answer(in)
		return nil, out, err
	})
	server.AddReceivingMiddleware(cfg.traced)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		// Without sessions each call runs in its own request's context, and with it in its trace.
		Stateless: true, JSONResponse: true, PropagateRequestCancellation: true, MaxRequestBodyBytes: 64 << 10,
	})
	mux := http.NewServeMux()
	mux.Handle(Path, handler)
	return cfg.Middleware(mux)
}

type searchInput struct {
	Query string `json:"query" jsonschema:"words to look for, in English or Spanish"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many texts to return, 1 to 10; 3 when left out"`
}

type searchOutput struct {
	Total   int    `json:"total" jsonschema:"how many texts match"`
	Results []text `json:"results" jsonschema:"the best of them, best first"`
}

// answer runs one search. Limits out of range are brought into it; an empty or over-long query is an error.
func (ix *index) answer(in searchInput) (searchOutput, error) {
	if len(in.Query) > maxQueryBytes {
		return searchOutput{}, fmt.Errorf("query is longer than %d bytes", maxQueryBytes)
	}
	if len(wordindex.Words(in.Query)) == 0 {
		return searchOutput{}, errors.New("query holds no word to look for")
	}
	if in.Limit == 0 {
		in.Limit = defaultLimit
	}
	hits := ix.search(in.Query)
	return searchOutput{Total: len(hits), Results: hits[:min(max(in.Limit, 1), maxLimit, len(hits))]}, nil
}

// traced makes a span around each tool call, after the MCP conventions for servers.
func (c Config) traced(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		params, ok := req.GetParams().(*mcp.CallToolParamsRaw)
		if !ok {
			return next(ctx, method, req)
		}
		ctx, options := c.parent(ctx, params.GetMeta())
		name, attrs := method, []attribute.KeyValue{
			attribute.String("mcp.method.name", method),
			attribute.String("gen_ai.operation.name", "execute_tool"),
			attribute.String("network.transport", "tcp"),
		}
		if params.Name == toolName { // any other name is the caller's invention, and would name spans
			name += " " + toolName
			attrs = append(attrs, attribute.String("gen_ai.tool.name", toolName))
		}
		if extra := req.GetExtra(); extra != nil {
			if version := extra.Header.Get("Mcp-Protocol-Version"); version != "" {
				attrs = append(attrs, attribute.String("mcp.protocol.version", version))
			}
		}
		ctx, span := c.Tracer.Start(ctx, name, append(options, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attrs...))...)
		defer span.End()
		res, err := next(ctx, method, req)
		if call, ok := res.(*mcp.CallToolResult); ok && err == nil && call.IsError {
			fail(span, "tool_error", "the tool answered with an error")
		}
		if err != nil {
			refuse(span, err)
		}
		return res, err
	}
}

// parent picks the span to nest under. The span of the HTTP request wins while it is of the caller's trace; where the
// HTTP headers were lost on the way, params._meta still knows the caller, and the HTTP span becomes a link.
func (c Config) parent(ctx context.Context, meta map[string]any) (context.Context, []trace.SpanStartOption) {
	carrier := propagation.MapCarrier{}
	for _, key := range []string{"traceparent", "tracestate", "baggage"} {
		if value, ok := meta[key].(string); ok {
			carrier[key] = value
		}
	}
	here := trace.SpanContextFromContext(ctx)
	caller := c.Propagator.Extract(ctx, carrier)
	there := trace.SpanContextFromContext(caller)
	switch {
	case here.IsValid() && here.TraceID() == there.TraceID():
		return ctx, nil
	case here.IsValid():
		return caller, []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: here})}
	}
	return caller, nil
}
