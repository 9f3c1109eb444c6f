package httptrace

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// TransportConfig says what a transport tells the other side.
type TransportConfig struct {
	// Propagate adds trace context, baggage and X-Correlation-ID to the requests. Off (for a model provider), requests
	// pass as they are: nothing is added and nothing removed. What such a service answers in traceresponse, as a header or
	// a trailer, reaches Config.Downstream.
	Propagate bool
	// WithoutBaggage leaves the baggage out of what Propagate adds: it holds what callers chose to say to our own services.
	WithoutBaggage bool
}

// Transport returns a RoundTripper that makes one CLIENT span per HTTP attempt and lets base do the work; a nil base is
// http.DefaultTransport. It is safe for concurrent use if base is, and does not change the requests it is given.
//
// The span follows the HTTP client conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/): url.full
// without credentials and with query values replaced, http.request.resend_count from ContextWithResendCount, error from
// status 400. A call the caller cancelled is no error; one that ran out of time has error.type timeout.
//
// The span ends when the response body has been read to its end or is closed: time to the last byte counts. A body that
// is neither leaks the connection, as always in Go, and its span never ends.
func (t *Tracer) Transport(base http.RoundTripper, cfg TransportConfig) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{Tracer: t, base: base, cfg: cfg}
}

type resendCountContextKey struct{}

// ContextWithResendCount returns ctx with the number of times a request made with it has been sent before: 1 for the
// first retry. 0 (the first attempt) is not recorded.
func ContextWithResendCount(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, resendCountContextKey{}, n)
}

type transport struct {
	*Tracer
	base http.RoundTripper
	cfg  TransportConfig
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	caller := req.Context()
	name, attrs := describeCall(req)
	ctx, span := t.tracer.Start(caller, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	var l *lingering
	if t.cfg.Propagate {
		req, l = linger(caller, t.propagate(ctx, req))
	}
	res, err := t.base.RoundTrip(req)
	if err != nil {
		l.over()
		endCall(caller, span, err)
		return res, err
	}
	describeAnswer(span, res)
	call := callOf(caller)
	if call != nil && !call.held {
		call = nil
	}
	if res.Body == nil || res.Body == http.NoBody || res.StatusCode == http.StatusSwitchingProtocols {
		if t.cfg.Propagate {
			t.heed(span.SpanContext(), &http.Response{Header: res.Header}) // there are no trailers
		}
		if res.Body == nil || res.Body == http.NoBody {
			l.over()
		}
		span.End()
		return res, nil
	}
	body := &tracedBody{ReadCloser: res.Body, ctx: caller, span: span, call: call, failed: res.StatusCode >= 400, lingering: l}
	if t.cfg.Propagate {
		body.atEnd = t.heed(span.SpanContext(), res)
		l.announced.Store(body.atEnd != nil)
	}
	res.Body = body
	return res, nil
}

// heed tells Downstream whether the callee has kept its part, where its answer says so at once. Where it will say so at its
// end, in a trailer, the func does that.
func (t *transport) heed(call trace.SpanContext, res *http.Response) (atEnd func()) {
	if values := res.Header[headerTraceResponse]; len(values) == 1 {
		t.Tracer.cfg.Downstream(call)(keptBy(values[0], call))
		return nil
	}
	if _, announced := res.Trailer[headerTraceResponse]; !announced {
		return nil
	}
	answered := t.Tracer.cfg.Downstream(call)
	return func() {
		values := res.Trailer[headerTraceResponse]
		answered(len(values) == 1 && keptBy(values[0], call))
	}
}

// CloseIdleConnections lets http.Client reach base.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// propagate returns a copy of req that carries ctx in its headers.
func (t *transport) propagate(ctx context.Context, req *http.Request) *http.Request {
	req = req.WithContext(ctx)
	header := make(http.Header, len(req.Header)+8)
	for name, values := range req.Header {
		header[name] = values // set anew below, never appended to
	}
	req.Header = header
	t.propagator.Inject(ctx, propagation.HeaderCarrier(header))
	if t.cfg.WithoutBaggage {
		delete(header, "Baggage")
	}
	if id := correlation.ID(ctx); id != "" {
		header[correlation.Header] = []string{id}
	}
	return req
}

// describeCall returns the name of the client span and the attributes known of the request.
func describeCall(req *http.Request) (string, []attribute.KeyValue) {
	attrs := make([]attribute.KeyValue, 0, 8)
	name, attrs := appendMethod(attrs, req.Method)
	attrs = appendServer(attrs, req.URL.Scheme, req.URL.Host)
	attrs = append(attrs, semconv.KeyURLFull.String(fullURL(req.URL)))
	if n, _ := req.Context().Value(resendCountContextKey{}).(int); n > 0 {
		attrs = append(attrs, semconv.KeyHTTPRequestResendCount.Int(n))
	}
	if call := callOf(req.Context()); call != nil {
		name = call.name(name)
		attrs = append(attrs, call.Attributes...)
		if call.Template != "" {
			attrs = append(attrs, semconv.KeyURLTemplate.String(call.Template))
		}
	}
	return name, attrs
}

func describeAnswer(span trace.Span, res *http.Response) {
	span.SetAttributes(
		semconv.KeyHTTPResponseStatusCode.Int(res.StatusCode),
		semconv.KeyNetworkProtocolVersion.String(protocolVersion(res.ProtoMajor, res.ProtoMinor)))
	if res.StatusCode >= 400 {
		span.SetAttributes(semconv.KeyErrorType.String(statusText(res.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
}

// endCall ends the span of a call that failed on the way.
func endCall(caller context.Context, span trace.Span, err error) {
	defer span.End()
	switch {
	case timedOut(caller, err):
		span.SetAttributes(semconv.KeyErrorType.String("timeout"))
	case errors.Is(caller.Err(), context.Canceled):
		return
	default:
		kind := semconv.ErrorType(err)
		if kind == "_OTHER" { // it is the way that failed
			kind = "connection"
		}
		span.SetAttributes(semconv.KeyErrorType.String(kind))
	}
	span.SetStatus(codes.Error, redact.Text(redact.Bytes(strings.ToValidUTF8(err.Error(), "?"), maxHeader)))
}

// timedOut looks at the deadline as well: a timeout of http.Client reaches us as a cancelled request. So does one that the
// caller keeps itself, and names as the cause.
func timedOut(caller context.Context, err error) bool {
	if deadline, ok := caller.Deadline(); ok && !time.Now().Before(deadline) || context.Cause(caller) == context.DeadlineExceeded {
		return true
	}
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// tracedBody ends the span with the body, or leaves it to the call to do so. Read and Close may be called at the same
// time.
type tracedBody struct {
	io.ReadCloser
	ctx        context.Context
	span       trace.Span
	call       *openCall // ends the span; nil: the body does
	failed     bool      // has its error.type from the status
	atEnd      func()    // nil: nothing to do
	*lingering           // nil: nothing to let go of
	ended      atomic.Bool
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.finish(err)
	}
	return n, err
}

func (b *tracedBody) Close() error {
	err := b.ReadCloser.Close()
	b.finish(nil)
	return err
}

// finish ends the span, or has the call do it. err is what reading ended with; nil when it was not read to its end.
func (b *tracedBody) finish(err error) {
	if !b.ended.CompareAndSwap(false, true) {
		return
	}
	b.settle()
	broken := err != nil && !errors.Is(err, io.EOF) && !b.failed
	switch {
	case broken:
		endCall(b.ctx, b.span, err)
	case b.call == nil || b.failed:
		b.span.End()
	default:
		b.call.park(func(err error) {
			if err == nil {
				b.span.End()
				return
			}
			endCall(b.ctx, b.span, err)
		})
	}
}

// settle runs when there are trailers, or will be none.
func (b *tracedBody) settle() {
	if b.atEnd != nil {
		b.atEnd()
	}
	b.over()
}
