package httptrace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/correlation"
)

// roundTrip is a RoundTripper made of a func.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTransportSpan(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	defer srv.Close()
	p, spans := newEdge(t)
	client := &http.Client{Transport: p.Transport(srv.Client().Transport, TransportConfig{})}
	ctx, parent := p.tracer.Start(t.Context(), "parent")

	target := strings.Replace(srv.URL, "http://", "http://user:hunter2@", 1) + "/v1/m%2Fx:go?alt=sse&key=hunter2"
	req, err := http.NewRequestWithContext(ContextWithResendCount(ctx, 2), "POST", target, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(spans.GetSpans()); n != 0 {
		t.Fatalf("%d spans ended before the body was read", n)
	}
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
		t.Errorf("%q, %v", body, err)
	}
	if n := len(spans.GetSpans()); n != 1 {
		t.Fatalf("%d spans ended when the body was read", n)
	}
	res.Body.Close()
	span := spans.GetSpans()[0]
	if len(spans.GetSpans()) != 1 || span.Name != "POST" || span.SpanKind != trace.SpanKindClient {
		t.Errorf("%d spans, %s %v", len(spans.GetSpans()), span.Name, span.SpanKind)
	}
	if span.Parent.SpanID() != parent.SpanContext().SpanID() || span.Status.Code != codes.Unset {
		t.Errorf("parent %v, status %v", span.Parent, span.Status)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	checkAttrs(t, span, map[string]string{
		"http.request.method":       "POST",
		"server.address":            "127.0.0.1",
		"server.port":               port,
		"url.full":                  "http://REDACTED:REDACTED@127.0.0.1:" + port + "/v1/m%2Fx:go?alt=REDACTED&key=REDACTED",
		"http.request.resend_count": "2",
		"http.response.status_code": "200",
		"network.protocol.version":  "1.1",
		"error.type":                "<none>",
	})
}

func TestTransportPropagates(t *testing.T) {
	var got http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer srv.Close()
	p, spans := newEdge(t)
	member, err := baggage.NewMember("k", "v")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx := baggage.ContextWithBaggage(correlation.ContextWithID(t.Context(), "corr"), bag)
	ctx, root := p.tracer.Start(ctx, "parent")
	defer root.End()

	for _, propagate := range []bool{true, false} {
		client := &http.Client{Transport: p.Transport(srv.Client().Transport, TransportConfig{Propagate: propagate})}
		req, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"User-Agent": {"t"}, "X-Own": {"1", "2"}, "Traceparent": {"own"}}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if fmt.Sprint(req.Header) != "map[Traceparent:[own] User-Agent:[t] X-Own:[1 2]]" {
			t.Errorf("the request was changed: %v", req.Header)
		}
		got.Del("Accept-Encoding")
		if !propagate {
			if fmt.Sprint(got) != "map[Traceparent:[own] User-Agent:[t] X-Own:[1 2]]" {
				t.Errorf("arrived: %v", got)
			}
			continue
		}
		span := spans.GetSpans()[0].SpanContext
		traceID, spanID := span.TraceID().String(), span.SpanID().String()
		want := headers(
			"User-Agent", "t", "X-Own", "1", "X-Own", "2",
			"Traceparent", "00-"+traceID+"-"+spanID+"-01",
			"X-B3-TraceId", traceID, "X-B3-SpanId", spanID, "X-B3-Sampled", "1",
			"Baggage", "k=v", "X-Correlation-ID", "corr")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("arrived:\n%v, want\n%v", got, want)
		}
	}
}

func TestTransportOutcome(t *testing.T) {
	refused := errors.New("dial tcp 127.0.0.1:1: connection refused, token=hunter2")
	answer := func(status int, body io.ReadCloser) roundTrip {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: body, ProtoMajor: 2, Request: r}, nil
		}
	}
	fail := func(err error) roundTrip {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	own, give := context.WithCancelCause(t.Context())
	give(context.DeadlineExceeded)
	cut := io.NopCloser(io.MultiReader(strings.NewReader("x"), failingReader{io.ErrUnexpectedEOF}))
	stopped := io.NopCloser(failingReader{context.Canceled})
	tests := []struct {
		name        string
		ctx         context.Context
		base        roundTrip
		status, typ string
		code        codes.Code
		text        string
	}{
		{"200", t.Context(), answer(200, http.NoBody), "200", "<none>", codes.Unset, ""},
		{"no body at all", t.Context(), answer(200, nil), "200", "<none>", codes.Unset, ""},
		{"304", t.Context(), answer(304, http.NoBody), "304", "<none>", codes.Unset, ""},
		{"429", t.Context(), answer(429, http.NoBody), "429", "429", codes.Error, ""},
		{"503", t.Context(), answer(503, http.NoBody), "503", "503", codes.Error, ""},
		{"refused", t.Context(), fail(refused), "<none>", "connection", codes.Error,
			"dial tcp 127.0.0.1:1: connection refused, token=[REDACTED]"},
		{"timeout", late, fail(context.DeadlineExceeded), "<none>", "timeout", codes.Error, "context deadline exceeded"},
		{"timeout of the caller's own", own, fail(context.Canceled), "<none>", "timeout", codes.Error, "context canceled"},
		{"network timeout", t.Context(), fail(&url.Error{Op: "x", URL: "y", Err: context.DeadlineExceeded}), "<none>",
			"timeout", codes.Error, `x "y": context deadline exceeded`},
		{"cancelled on purpose", cancelled, fail(context.Canceled), "<none>", "<none>", codes.Unset, ""},
		{"cancelled by others", t.Context(), fail(context.Canceled), "<none>", "canceled", codes.Error,
			"context canceled"},
		{"body cut short", t.Context(), answer(200, cut), "200", "connection", codes.Error, "unexpected EOF"},
		{"body no longer wanted", cancelled, answer(200, stopped), "200", "<none>", codes.Unset, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, spans := newEdge(t)
			req, err := http.NewRequestWithContext(tt.ctx, "GET", "https://example.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := p.Transport(tt.base, TransportConfig{}).RoundTrip(req)
			if err == nil && res.Body != nil {
				io.Copy(io.Discard, res.Body)
			}
			got := spans.GetSpans()
			if len(got) != 1 {
				t.Fatalf("%d spans", len(got))
			}
			checkAttrs(t, got[0], map[string]string{
				"http.response.status_code": tt.status, "error.type": tt.typ,
				"server.port": "443", "http.request.resend_count": "<none>",
			})
			if s := got[0].Status; s.Code != tt.code || s.Description != tt.text {
				t.Errorf("status = %v", s)
			}
		})
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestTransportEndsOnCloseOnce(t *testing.T) {
	p, spans := newEdge(t)
	pr, pw := io.Pipe()
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: pr, Request: r}, nil
	})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Transport(base, TransportConfig{}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(io.Discard, res.Body) })
	wg.Go(func() { res.Body.Close() })
	wg.Go(func() { pw.Close() })
	wg.Wait()
	if n := len(spans.GetSpans()); n != 1 {
		t.Errorf("%d spans", n)
	}
}

func TestTransportRealTimeout(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	p, spans := newEdge(t)
	client := &http.Client{Timeout: 20 * time.Millisecond, Transport: p.Transport(nil, TransportConfig{})}
	if _, err := client.Get(srv.URL); err == nil {
		t.Fatal("no error")
	}
	client.CloseIdleConnections()
	checkAttrs(t, spans.GetSpans()[0], map[string]string{"error.type": "timeout"})
}

func TestFullURLIsBounded(t *testing.T) {
	for _, raw := range []string{
		"http://example.com/" + strings.Repeat("ä", 5000),
		"http://example.com/?" + strings.Repeat("q=SECRET&", 5000),
		"mailto:someone?subject=SECRET",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := fullURL(u); len(got) > maxURL || strings.Contains(got, "SECRET") {
			t.Errorf("%d bytes: %.80s", len(got), got)
		}
	}
}

func BenchmarkTransport(b *testing.B) {
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), ProtoMajor: 2, Request: r}, nil
	})
	for _, propagate := range []bool{false, true} {
		b.Run(fmt.Sprintf("propagate=%v", propagate), func(b *testing.B) {
			tp := sdktrace.NewTracerProvider()
			p := New(tp, edgePropagator, Config{})
			client := p.Transport(base, TransportConfig{Propagate: propagate})
			ctx, _ := tp.Tracer("").Start(correlation.ContextWithID(context.Background(), "c"), "parent")
			req, err := http.NewRequestWithContext(ctx, "POST",
				"https://generativelanguage.googleapis.com/v1beta/models/gemini:generateContent", nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header = headers("Content-Type", "application/json", "X-Goog-Api-Key", "k")
			b.ReportAllocs()
			for b.Loop() {
				res, err := client.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
}
