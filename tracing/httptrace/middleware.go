package httptrace

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// httpScope is the instrumentation scope of HTTP spans.
const httpScope = "example.com/gemini-agent/tracing"

// Canonical keys of headers.
const (
	headerTraceID       = "X-Trace-Id"
	headerExecutionID   = "Function-Execution-Id"
	headerTraceResponse = "Traceresponse"
)

// Config says what a Tracer's spans are part of. The zero value makes spans and nothing else.
type Config struct {
	// Begin opens an invocation for a request: the spans started from the context it returns share one fate. end
	// decides it, waits until the spans are safe and says what became of them. Default: nothing is waited for, and what
	// is sampled counts as kept.
	Begin func(context.Context) (ctx context.Context, end func() Outcome)
	// Downstream is told of each callee that says, or will say at the end of its answer (traceresponse), whether it kept its
	// part of the trace; call is the client span, which has not ended. answered is called once, with what it said. Default:
	// nobody listens.
	Downstream func(call trace.SpanContext) (answered func(kept bool))
	// Previews lets a span show the redacted text of a panic.
	Previews bool
}

// Outcome is what became of the trace of a request.
type Outcome struct {
	Kept   bool
	Reason string // why it was kept, as sampling.reason has it; "" when it was not, or nothing says why
}

// Tracer traces the HTTP requests that a process serves and makes. It is safe for concurrent use.
type Tracer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	cfg        Config
}

// New makes spans with tp and carries trace context with p.
func New(tp trace.TracerProvider, p propagation.TextMapPropagator, cfg Config) *Tracer {
	if cfg.Downstream == nil {
		cfg.Downstream = func(trace.SpanContext) func(bool) { return func(bool) {} }
	}
	if cfg.Begin == nil {
		cfg.Begin = func(ctx context.Context) (context.Context, func() Outcome) {
			return ctx, func() Outcome { return Outcome{} }
		}
	}
	return &Tracer{tracer: tp.Tracer(httpScope, trace.WithSchemaURL(semconv.SchemaURL)), propagator: p, cfg: cfg}
}

// MiddlewareConfig says what the middleware cannot know. The zero value works.
type MiddlewareConfig struct {
	// Route returns the pattern of the mux that will serve the request, such as "POST /api/v1/agent/execute", or ""
	// when nothing matches. It is asked before the span starts, so that span and samplers see the real route whatever
	// mux stands in front. Default: no route is known.
	Route func(*http.Request) string
	// Panic answers the request after a panic when nothing was written yet; v is what was recovered. The request's
	// context holds the server span. Default: a bare 500.
	Panic func(w http.ResponseWriter, r *http.Request, v any)
	// Done is called once for each request, when it is known what became of its trace and before the end of the answer
	// leaves: the moment for a log line. r is the request as next got it, but for the span context, whose sampled flag
	// says whether the trace was kept; status is 0 when nothing was answered, and the one of [Fail] where the answer failed
	// under way. Default: nothing.
	Done func(r *http.Request, status int, o Outcome)
}

// Middleware traces the requests next serves. For each it
//
//  1. reads the caller's trace context and correlation id (X-Correlation-ID or X-Request-ID; a new one when there is
//     none fit for use) and opens an invocation,
//  2. starts the SERVER span and sets the response headers X-Correlation-ID and X-Trace-ID,
//  3. calls next,
//  4. ends the span and then the invocation, so that the trace is at the backend before the response ends,
//  5. lets the answer go, with the header traceresponse (https://www.w3.org/TR/trace-context-2/, its draft for
//     responses), whose sampled flag says whether the trace was kept.
//
// The answer is held until then: a client has an answer with its last byte, not when a handler returns. Whoever flushes
// wants a stream: what was written so far leaves at once and what comes after the last flush is held, so the end of a
// stream tells that its trace is safe; traceresponse is its trailer. Of an answer above 1 MiB only the end is held.
//
// A panic of next is recorded on the span and answered by cfg.Panic, whatever next had written; when a part of it had
// left, the connection is closed once the trace is safe, so that the client sees a cut response and not a complete one. http.ErrAbortHandler is
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
func (t *Tracer) Middleware(next http.Handler, cfg MiddlewareConfig) http.Handler {
	return &middleware{t: t, next: next, cfg: cfg.withDefaults()}
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
	if cfg.Done == nil {
		cfg.Done = func(*http.Request, int, Outcome) {}
	}
	return cfg
}

type middleware struct {
	t    *Tracer
	next http.Handler
	cfg  MiddlewareConfig
	warm atomic.Bool // a request has been served
}

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := m.t.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	id := correlation.FromHeader(r.Header)
	ctx = correlation.ContextWithID(ctx, id)
	w.Header()[correlation.Header] = []string{id}

	ctx, end := m.t.cfg.Begin(ctx)
	res := &response{ResponseWriter: w, request: r}
	var sc trace.SpanContext
	defer func() {
		outcome := end()
		outcome.Kept = outcome.Kept || sc.IsSampled() && !sc.IsRemote()
		if outcome.Kept { // log lines that are written with r's context say so
			sc = sc.WithTraceFlags(sc.TraceFlags().WithSampled(true))
		}
		m.cfg.Done(r.WithContext(trace.ContextWithSpanContext(r.Context(), sc)), res.outcome(), outcome)
		if res.aborted {
			abortConnection(w)
			return
		}
		res.release(traceResponse(sc, outcome.Kept))
	}()

	name, attrs := m.describe(r)
	ctx, span := m.t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
	if sc = span.SpanContext(); sc.IsValid() {
		w.Header()[headerTraceID] = []string{sc.TraceID().String()}
	}
	r = r.WithContext(ctx)
	m.serve(res, r, span)
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
	recordPanic(span, v, m.t.cfg.Previews)
	if res.sent {
		res.aborted = true
		return
	}
	defer func() {
		if recover() != nil || res.status == 0 {
			res.aborted = true
		}
	}()
	// What the handler had written is still here, and what it had announced about its own body is wrong now.
	res.status = 0
	res.held.Reset()
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
		attrs = append(attrs, semconv.KeyHTTPRoute.String(route))
		if name = pattern; verb != method || len(pattern) != len(verb)+1+len(route) {
			name = method + " " + route
		}
	}
	scheme := requestScheme(r)
	attrs = append(attrs,
		semconv.KeyURLPath.String(redact.Bytes(strings.ToValidUTF8(r.URL.Path, "\uFFFD"), maxPath)),
		semconv.KeyURLScheme.String(scheme),
		semconv.KeyFaaSTrigger.String("http"),
		semconv.KeyFaaSColdstart.Bool(!m.warm.Swap(true)),
		semconv.KeyFaaSInvocationID.String(invocationID(r.Header)),
	)
	if r.URL.RawQuery != "" {
		attrs = append(attrs, semconv.KeyURLQuery.String(redactQuery(r.URL.RawQuery)))
	}
	attrs = appendServer(attrs, scheme, r.Host)
	if client := clientAddress(r); client != "" {
		attrs = append(attrs, semconv.KeyClientAddress.String(client))
	}
	if agent := r.Header["User-Agent"]; len(agent) > 0 && agent[0] != "" {
		attrs = append(attrs, semconv.KeyUserAgentOriginal.String(redact.Bytes(strings.ToValidUTF8(agent[0], "\uFFFD"), maxHeader)))
	}
	return name, append(attrs, semconv.KeyNetworkProtocolVersion.String(protocolVersion(r.ProtoMajor, r.ProtoMinor)))
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
	if values := h[headerExecutionID]; len(values) > 0 && correlation.Valid(values[0]) {
		return values[0]
	}
	return correlation.NewID()
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
