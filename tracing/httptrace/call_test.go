package httptrace

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/tracing/semconv"
)

// A request has the name that its caller knows, and its span the outcome that its caller sees.
func TestCallsAreNamedAndJudgedByTheirCaller(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "body")
	}))
	defer server.Close()
	for _, tc := range []struct {
		name, path string
		call       Call
		err        error
		span       string
		status     codes.Code
		kind       string
	}{
		{"template", "/", Call{Template: "/{x}"}, nil, "GET /{x}", codes.Unset, ""},
		{"name", "/", Call{Name: "tools/list"}, nil, "tools/list", codes.Unset, ""},
		{"neither", "/", Call{}, nil, "GET", codes.Unset, ""},
		{"unusable answer", "/", Call{Template: "/{x}"}, named("bad_response"), "GET /{x}", codes.Error, "bad_response"},
		{"status", "/bad", Call{Template: "/{x}"}, named("other"), "GET /{x}", codes.Error, "502"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, recorded := newEdge(t)
			client := &http.Client{Transport: p.Transport(server.Client().Transport, TransportConfig{})}
			ctx, end := ContextWithCall(t.Context(), tc.call)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+tc.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if n := len(recorded.GetSpans()); tc.path == "/" && n != 0 {
				t.Errorf("%d spans ended before the caller had judged", n)
			}
			end(tc.err)
			end(errors.New("again"))
			spans := recorded.GetSpans()
			if len(spans) != 1 {
				t.Fatalf("%d spans", len(spans))
			}
			s := spans[0]
			kind := ""
			for _, a := range s.Attributes {
				if a.Key == semconv.KeyErrorType {
					kind = a.Value.AsString()
				}
			}
			if s.Name != tc.span || s.Status.Code != tc.status || kind != tc.kind {
				t.Errorf("span %q %v %q", s.Name, s.Status, kind)
			}
		})
	}
}

type named string

func (n named) Error() string     { return string(n) }
func (n named) ErrorType() string { return string(n) }
