package tracing

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// httpScope is the instrumentation scope of HTTP spans.
const httpScope = "example.com/gemini-agent/tracing"

// Canonical keys of headers.
const (
	headerTraceID     = "X-Trace-Id"
	headerExecutionID = "Function-Execution-Id"
)

// MiddlewareConfig says what the middleware cannot know. The zero value works.
type MiddlewareConfig struct {
	// Route returns the pattern of the mux that will serve the request, such as "POST /api/v1/agent/execute", or ""
	// when nothing matches. It is asked before the span starts, so that span and samplers see the real route whatever
	// mux stands in front. Default: no route is known.
	Route func(*http.Request) string
	// Panic answers the request after a panic when nothing was written yet; v is what was recovered. The request's
	// context holds the server span. Default: a bare 500.
	Panic func(w http.ResponseWriter, r *http.Request, v any)
}

// Middleware traces the requests next serves. For each it
//
//  1. reads the caller's trace context and correlation id (X-Correlation-ID or X-Request-ID; a new one when there is
//     none fit for use) and opens an invocation,
//  2. starts the SERVER span and sets the response headers X-Correlation-ID and X-Trace-ID,
//  3. calls next,
//  4. ends the span and then the invocation, so that the trace is at the backend before the response ends.
//
// A panic of next is recorded on the span and answered by cfg.Panic; when the response had begun, the connection is
// closed once the trace is safe, so that the client sees a cut response and not a complete one. http.ErrAbortHandler is
// treated like the latter. Where the connection cannot be closed from here (HTTP/2), the handler panics with
// http.ErrAbortHandler instead. Step 4 happens in every case.
//
// The span follows the HTTP server and FaaS conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/);
// values a client chooses are cut to a length, query values are replaced. The span is an error from status 500
// (error.type is the status), after a panic (error.type panic) and after http.ErrAbortHandler (error.type aborted).
// A client that went away before anything was answered leaves no status and error.type client_disconnected, but no
// error: it is no fault of ours.
//
// The ResponseWriter next gets supports http.ResponseController and http.Flusher.
func (p *Provider) Middleware(next http.Handler, cfg MiddlewareConfig) http.Handler {
	return &middleware{
		provider:   p,
		tracer:     p.TracerProvider().Tracer(httpScope, trace.WithSchemaURL(SchemaURL)),
		propagator: p.Propagator(),
		next:       next,
		cfg:        cfg.withDefaults(),
	}
}

func (cfg MiddlewareConfig) withDefaults() MiddlewareConfig {
	if cfg.Route == nil {
		cfg.Route = func(*http.Request) string { return "" }
	}
	if cfg.Panic == nil {
		cfg.Panic = func(w http.ResponseWriter, _ *http.Request, _ any) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	return cfg
}

type middleware struct {
	provider   *Provider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	next       http.Handler
	cfg        MiddlewareConfig
	warm       atomic.Bool // a request has been served
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := m.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	id := correlationID(r.Header)
	ctx = ContextWithCorrelationID(ctx, id)
	w.Header()[headerCorrelationID] = []string{id}

	ctx, invocation := m.provider.Begin(ctx)
	res := &response{ResponseWriter: w}
	defer func() {
		invocation.End()
		if res.aborted {
			abortConnection(w)
		}
	}()

	name, attrs := m.describe(r)
	ctx, span := m.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	if traceID := span.SpanContext().TraceID(); traceID.IsValid() {
		w.Header()[headerTraceID] = []string{hex.EncodeToString(traceID[:])}
	}
	m.serve(res, r.WithContext(ctx), span)
}

// serve runs next and ends the span whatever next does, runtime.Goexit included.
func (m *middleware) serve(res *response, r *http.Request, span trace.Span) {
	defer span.End()
	defer func() {
		if v := recover(); v != nil {
			m.recovered(res, r, span, v)
		}
		res.describe(r.Context(), span)
	}()
	m.next.ServeHTTP(res, r)
}

// recovered records a panic of next and answers it.
func (m *middleware) recovered(res *response, r *http.Request, span trace.Span, v any) {
	res.errorType = "panic"
	if v == http.ErrAbortHandler {
		res.errorType, res.aborted = "aborted", true
		return
	}
	recordPanic(span, v, m.provider.cfg.Agent.Previews)
	if res.status != 0 {
		res.aborted = true
		return
	}
	defer func() {
		if recover() != nil || res.status == 0 {
			res.aborted = true
		}
	}()
	// What the handler had announced about its own body is wrong now.
	res.Header().Del("Content-Length")
	res.Header().Del("Content-Encoding")
	m.cfg.Panic(res, r, v)
}

// describe returns the name of the server span and the attributes known of the request.
func (m *middleware) describe(r *http.Request) (string, []attribute.KeyValue) {
	attrs := make([]attribute.KeyValue, 0, 18)
	method, attrs := appendMethod(attrs, r.Method)
	name := method
	if pattern := m.cfg.Route(r); pattern != "" {
		verb, route := splitPattern(pattern)
		attrs = append(attrs, KeyHTTPRoute.String(route))
		if name = pattern; verb != method || len(pattern) != len(verb)+1+len(route) {
			name = method + " " + route
		}
	}
	scheme := requestScheme(r)
	attrs = append(attrs,
		KeyURLPath.String(cut(r.URL.Path, maxPath)),
		KeyURLScheme.String(scheme),
		KeyFaaSTrigger.String("http"),
		KeyFaaSColdstart.Bool(!m.warm.Swap(true)),
		KeyFaaSInvocationID.String(invocationID(r.Header)),
	)
	if r.URL.RawQuery != "" {
		attrs = append(attrs, KeyURLQuery.String(redactQuery(r.URL.RawQuery)))
	}
	attrs = appendServer(attrs, scheme, r.Host)
	if client := clientAddress(r); client != "" {
		attrs = append(attrs, KeyClientAddress.String(client))
	}
	if agent := r.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" {
		attrs = append(attrs, KeyUserAgentOriginal.String(cut(agent[0], maxHeader)))
	}
	return name, append(attrs, KeyNetworkProtocolVersion.String(protocolVersion(r.ProtoMajor, r.ProtoMinor)))
}

// splitPattern splits a mux pattern "[METHOD ][HOST]/PATH" into method and path.
func splitPattern(pattern string) (method, route string) {
	route = pattern
	if verb, rest, ok := strings.Cut(pattern, " "); ok {
		method, route = verb, strings.TrimLeft(rest, " \t")
	}
	if i := strings.IndexByte(route, '/'); i > 0 {
		route = route[i:]
	}
	return method, route
}

// invocationID is the platform's id of this execution, or a new one; the header can come from any client.
func invocationID(h http.Header) string {
	if values := h[headerExecutionID]; len(values) > 0 && validID(values[0]) {
		return values[0]
	}
	return randomID()
}

// response notes what next answers.
type response struct {
	http.ResponseWriter
	status    int    // 0: nothing written yet
	errorType string // set when next did not return
	aborted   bool   // the connection has to be closed
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher; without support below it does nothing.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *response) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach everything else.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// describe sets the span's outcome.
func (w *response) describe(ctx context.Context, span trace.Span) {
	status, errorType := w.status, w.errorType
	if status == 0 && errorType == "" {
		if errors.Is(ctx.Err(), context.Canceled) {
			errorType = "client_disconnected"
		} else {
			status = http.StatusOK // what net/http sends for a handler that wrote nothing
		}
	}
	failed := w.errorType != "" || status >= 500
	if status >= 500 && errorType == "" {
		errorType = statusText(status)
	}
	if status != 0 {
		span.SetAttributes(KeyHTTPResponseStatusCode.Int(status))
	}
	if errorType != "" {
		span.SetAttributes(KeyErrorType.String(errorType))
	}
	if failed {
		span.SetStatus(codes.Error, "")
	}
}

// abortConnection cuts the response short. It closes the connection itself where it can, because what stands between
// net/http and us (the functions framework) answers every panic with a text of its own.
func abortConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close()
}
