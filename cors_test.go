package function

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/env"
)

const page = "https://app.example"

// An entry is what a browser sends, or a warning that quotes nothing.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"https://app.example": "https://app.example", "HTTPS://App.Example/": "https://app.example", "https://app.example:443": "https://app.example",
		"http://app.example:80": "http://app.example", "http://app.example:443": "http://app.example:443", "http://localhost:5173": "http://localhost:5173",
		"https://xn--bcher-kva.example": "https://xn--bcher-kva.example", "http://[::1]:8080": "http://[::1]:8080", "http://127.0.0.1": "http://127.0.0.1",
		"*":    "*",
		"null": "", "app.example": "", "https://": "", "https://*.app.example": "", "https://app.example/path": "", "https://app.example?x": "",
		"https://app.example#x": "", "https://hunter2@app.example": "", "https://app.example:0": "", "https://app.example:x": "", "https://app.example:": "",
		"ftp://app.example": "", "file:///": "", "https://bücher.example": "", "https://a b": "", "https://.example": "", "https://app.example//": "",
	} {
		settings := env.NewReader(func(string) string { return entry })
		got := strings.Join(allowedOrigins(settings), " ")
		if got != want || (settings.Err() == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", entry, got, settings.Err(), want)
		}
		if err := settings.Err(); err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v", entry, err)
		}
	}
	settings := env.NewReader(func(string) string { return " https://a.example , ,x,y, http://b.example" })
	if diff := cmp.Diff([]string{"https://a.example", "http://b.example"}, allowedOrigins(settings)); diff != "" ||
		strings.Count(settings.Err().Error(), "\n") != 1 {
		t.Errorf("origins (-want +got):\n%s%v", diff, settings.Err())
	}
}

// accessControl are the headers of an answer that a browser decides by.
func accessControl(h http.Header) map[string]string {
	got := map[string]string{}
	for name, values := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			got[name] = strings.Join(values, ", ")
		}
	}
	return got
}

// A preflight says what a page may do, and is no invocation: no trace, no line in the log, whatever it asks for.
func TestPreflights(t *testing.T) {
	const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	allowed := func(origin, method, headers string) map[string]string {
		want := map[string]string{
			"Vary": vary, "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": method, "Access-Control-Max-Age": "3600",
		}
		if headers != "" {
			want["Access-Control-Allow-Headers"] = headers
		}
		return want
	}
	refused := map[string]string{"Vary": vary}
	const traceHeaders = "authorization,b3,baggage,content-type,traceparent,tracestate,x-b3-flags,x-b3-parentspanid,x-b3-sampled,x-b3-spanid,x-b3-traceid"
	for _, tt := range []struct {
		name, origins, origin, method, headers, path string
		want                                         map[string]string
	}{
		{"plain", page, page, "POST", "content-type", executePath, allowed(page, "POST", "content-type")},
		{"trace context and token", page, page, "POST", traceHeaders, executePath, allowed(page, "POST", traceHeaders)},
		{"second origin", "http://localhost:5173," + page, page, "GET", "", "/", allowed(page, "GET", "")},
		{"erasing", page, page, "DELETE", "", "/x", allowed(page, "DELETE", "")},
		{"any origin", "*", page, "POST", "content-type", delegatePath, allowed("*", "POST", "content-type")},
		{"another origin", page, "https://evil.example", "POST", "content-type", executePath, refused},
		{"another scheme", page, "http://app.example", "POST", "content-type", executePath, refused},
		{"another port", page, page + ":8443", "POST", "content-type", executePath, refused},
		{"below the origin", page, "https://x.app.example", "POST", "content-type", executePath, refused},
		{"no origin of its own", page, "null", "POST", "content-type", executePath, refused},
		{"a method that there is not", page, page, "PUT", "", executePath, refused},
		{"a header that is not taken", page, page, "POST", "content-type,x-delegation-depth", executePath, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &bytes.Buffer{}
			a, rec := newTestApp(t, modelFunc(says), map[string]string{"CORS_ALLOWED_ORIGINS": tt.origins, "OTEL_TRACES_SAMPLER": "always_on"})
			a.logger = slog.New(slog.NewTextHandler(log, nil))
			r := httptest.NewRequest(http.MethodOptions, tt.path, nil)
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Access-Control-Request-Method", tt.method)
			if tt.headers != "" {
				r.Header.Set("Access-Control-Request-Headers", tt.headers)
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(tt.want, accessControl(w.Header())); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if len(rec.Spans()) > 0 || log.Len() > 0 {
				t.Errorf("it left the spans %q and the log %q", names(rec.Spans()), log)
			}
		})
	}
}

// Every answer can be read by an allowed page: of success, of refusal, of failure and of a panic. No other page can, and
// without the setting nobody speaks of origins.
func TestEveryAnswerIsTheAllowedPages(t *testing.T) {
	answers := []struct {
		name   string
		model  modelFunc
		method string
		path   string
		status int
	}{
		{"answer", says, "POST", executePath, 200},
		{"index", says, "GET", "/", 200},
		{"not found", says, "POST", "/nothing", 404},
		{"wrong method", says, "DELETE", executePath, 405},
		{"no sub-agent", says, "POST", delegatePath, 503},
		{"quota", func(context.Context) (*agent.Reply, error) { return nil, &agent.Error{Kind: agent.KindQuota} }, "POST", executePath, 429},
		{"model", func(context.Context) (*agent.Reply, error) { return nil, &agent.Error{Kind: agent.KindModel} }, "POST", executePath, 502},
		{"panic", func(context.Context) (*agent.Reply, error) { panic("boom") }, "POST", executePath, 500},
	}
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			for _, o := range []struct{ setting, origin, allowed, vary string }{
				{page, page, page, "Origin"}, {"*", page, "*", "Origin"}, {page, "https://evil.example", "", "Origin"}, {page, "", "", "Origin"}, {"", page, "", ""},
			} {
				a, _ := newTestApp(t, tt.model, map[string]string{"CORS_ALLOWED_ORIGINS": o.setting})
				server := httptest.NewServer(a)
				r, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, strings.NewReader(`{"task":"Hi"}`))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				if o.origin != "" {
					r.Header.Set("Origin", o.origin)
				}
				res, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				server.Close()
				if err != nil || res.StatusCode != tt.status {
					t.Errorf("%+v: status %d (%v), want %d", o, res.StatusCode, err, tt.status)
				}
				want := map[string]string{}
				if o.vary != "" {
					want["Vary"] = o.vary
				}
				if o.allowed != "" {
					want["Access-Control-Allow-Origin"] = o.allowed
					want["Access-Control-Expose-Headers"] = "X-Trace-Id, X-Correlation-Id, Traceresponse, Retry-After"
				}
				if diff := cmp.Diff(want, accessControl(res.Header)); diff != "" {
					t.Errorf("%+v (-want +got):\n%s", o, diff)
				}
			}
		})
	}
}
