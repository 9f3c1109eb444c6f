package mcptools

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestListsAndCalls(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		tools := m.Tools(t.Context())
		if got := toolNames(tools); got != "big echo fail look" {
			t.Fatalf("tools = %q", got)
		}
		echo := toolNamed(t, tools, "echo")
		if echo.Description != "Says it again." || echo.Type != "extension" ||
			!strings.Contains(string(echo.Schema.Declared()), `"text":{"type":"string"}`) {
			t.Errorf("echo = %+v", echo)
		}
		if got, err := echo.Call(t.Context(), map[string]any{"text": "hi"}); err != nil || got != "svc: hi" {
			t.Errorf("echo = %v, %v", got, err)
		}
		m.Tools(t.Context())
		if n := len(service.requests("tools/list")); n != 1 {
			t.Errorf("the tools were listed %d times, want once", n)
		}
		if n := len(service.requests("GET")); n != 0 {
			t.Errorf("%d standing streams were opened", n)
		}
		if n := len(service.requests("subscriptions/listen")); n != 0 {
			t.Errorf("%d subscriptions were opened", n)
		}
	})
}

func TestSendsTheTraceContext(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}, Propagator: w3cAndB3{}, Baggage: true})
		first := spanContext(0x11, 0x12)
		tools := m.Tools(first)
		for _, r := range service.requests("POST") {
			if got := r.Header.Get("Traceparent"); !strings.HasPrefix(got, "00-00000000000000000000000000000011-") {
				t.Errorf("%s of the first request carries traceparent %q", r.Method, got)
			}
		}
		echo := toolNamed(t, tools, "echo")
		if _, err := echo.Call(vendorContext(t, 0x21, 0x22), map[string]any{"text": "x"}); err != nil {
			t.Fatal(err)
		}
		call := service.requests("tools/call")[0]
		want := "00-00000000000000000000000000000021-0000000000000022-01"
		if got := call.Header.Get("Traceparent"); got != want {
			t.Errorf("header traceparent = %q, want %q", got, want)
		}
		for key, want := range map[string]string{
			"traceparent": want, "tracestate": "vendor=state", "baggage": "tenant=blue",
		} {
			if got := call.Meta[key]; got != want {
				t.Errorf("_meta %s = %v, want %q", key, got, want)
			}
		}
		for key := range call.Meta {
			if strings.HasPrefix(strings.ToLower(key), "x-b3") {
				t.Errorf("_meta holds %s", key)
			}
		}

		// The session outlives the request that opened it, and keeps nothing of its trace.
		m.Close()
		closing := service.requests("DELETE")
		if sessions != (len(closing) == 1) {
			t.Errorf("%d sessions were ended", len(closing))
		}
		for _, r := range closing {
			if got := r.Header.Get("Traceparent"); got != "" {
				t.Errorf("ending the session carries traceparent %q", got)
			}
		}
	})
}

// w3cAndB3 sends headers of another format beside those that MCP knows.
type w3cAndB3 struct{ propagation.TraceContext }

func (p w3cAndB3) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	p.TraceContext.Inject(ctx, c)
	propagation.Baggage{}.Inject(ctx, c)
	c.Set("X-B3-TraceId", trace.SpanContextFromContext(ctx).TraceID().String())
}

// vendorContext is a spanContext with what a caller sends along with it.
func vendorContext(t *testing.T, trc, span byte) context.Context {
	t.Helper()
	state, err := trace.ParseTraceState("vendor=state")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.Parse("tenant=blue")
	if err != nil {
		t.Fatal(err)
	}
	ctx := spanContext(trc, span)
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(ctx).WithTraceState(state))
	return baggage.ContextWithBaggage(ctx, bag)
}

func TestToolError(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		tools := m.Tools(t.Context())
		_, err := toolNamed(t, tools, "fail").Call(t.Context(), map[string]any{"text": "x"})
		if err == nil || err.Error() != "no such city" || reasonOf(err) != "tool_error" {
			t.Errorf("fail = %v (%s)", err, reasonOf(err))
		}
		if _, err := toolNamed(t, tools, "echo").Call(t.Context(), map[string]any{"text": "still there"}); err != nil {
			t.Errorf("the session did not survive a tool error: %v", err)
		}
	})
}

func TestResultOf1MB(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		got, err := toolNamed(t, m.Tools(t.Context()), "big").Call(t.Context(), map[string]any{"text": "x"})
		text, _ := got.(string)
		if err != nil || len(text) > maxResult+100 || !strings.HasSuffix(text, "bytes of 1048576 are shown]") {
			t.Errorf("big = %d bytes, %.80q, %v", len(text), text[max(0, len(text)-80):], err)
		}
	})
}

func TestConnectsOnceForAll(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				tools := m.Tools(t.Context())
				if len(tools) != 4 {
					t.Errorf("tools = %q", toolNames(tools))
					return
				}
				if got, err := tools[1].Call(t.Context(), map[string]any{"text": "x"}); err != nil || got != "svc: x" {
					t.Errorf("echo = %v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := len(service.requests("tools/list")); n != 1 {
			t.Errorf("listed %d times, want once", n)
		}
	})
}

func TestRedirects(t *testing.T) {
	noLeaks(t)
	service := startToolService(t, "svc", false)
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, service.url(), http.StatusTemporaryRedirect)
	})
	service.before = func(_ toolRequest, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/mcp" {
			return false
		}
		http.Redirect(w, r, "/mcp/", http.StatusTemporaryRedirect)
		return true
	}
	m, _ := newMCP(t, Config{URLs: []string{elsewhere.URL}})
	if tools := m.Tools(t.Context()); len(tools) != 0 || len(service.requests("")) != 0 {
		t.Errorf("a redirect to another host was followed: %q", toolNames(tools))
	}
	m, _ = newMCP(t, Config{URLs: []string{service.url()}})
	if tools := m.Tools(t.Context()); len(tools) != 4 {
		t.Errorf("a redirect within the service was not followed: %q", toolNames(tools))
	}
}

func TestNewMCPChecksURLs(t *testing.T) {
	service := startToolService(t, "svc", false)
	m, err := New(Config{HTTPClient: loopback(t), URLs: []string{
		"", "svc.example/mcp", "ftp://svc.example", "http://user:hunter2@svc.example",
		"http://svc.example:hunter2/", service.url(),
	}})
	t.Cleanup(func() { _ = m.Close() }) // usable beside the error
	if err == nil || strings.Count(err.Error(), "MCP_SERVER_URL") != 5 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("New = %v", err)
	}
	if tools := m.Tools(t.Context()); len(tools) != 4 {
		t.Errorf("the good URL is not used: %q", toolNames(tools))
	}
}

func TestNilMCPOffersNothing(t *testing.T) {
	var m *Source
	if tools := m.Tools(t.Context()); tools != nil || m.Close() != nil {
		t.Errorf("tools = %v", tools)
	}
}
