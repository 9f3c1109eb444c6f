package function

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// However little time a shutdown is given, requests do not use up the part of the flush.
func TestShutdownCutsRequestsShortInTimeForTheirTrace(t *testing.T) {
	for _, budget := range []time.Duration{9 * time.Second, 900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			entered := make(chan struct{}, 1)
			a, rec := newTestApp(t, waiting(entered), nil)
			answered := make(chan *httptest.ResponseRecorder)
			go func() { answered <- ask(a) }()
			<-entered
			ctx, cancel := context.WithTimeout(t.Context(), budget)
			defer cancel()
			stopped := make(chan error)
			go func() { stopped <- a.Shutdown(ctx) }()
			w := <-answered
			if err := <-stopped; err != nil {
				t.Errorf("Shutdown in %v: %v", budget, err)
			}
			var p problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 503 || !strings.Contains(p.Detail, "shutting down") {
				t.Errorf("answer %d %s, want 503 that says why", w.Code, w.Body)
			}
			if got := names(rec.Spans()); !slices.Contains(got, "POST "+executePath) {
				t.Errorf("of the request's trace arrived %v", got)
			}
		})
	}
}

// What still comes after SIGTERM is told to go elsewhere, not killed on the way.
func TestRequestsAfterShutdownAreRefused(t *testing.T) {
	a, _ := newTestApp(t, waiting(make(chan struct{}, 1)), nil)
	if err := a.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ask(a); w.Code != 503 {
		t.Errorf("answer %d %s, want 503", w.Code, w.Body)
	}
}

// A tool service that does not answer the end of its session must not take the flush's time.
func TestShutdownIsNotHeldUpByAToolService(t *testing.T) {
	release, ended := make(chan struct{}), make(chan struct{})
	server := mcp.NewServer(&mcp.Implementation{Name: "s"}, nil)
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			close(ended)
			<-release
		}
		tools.ServeHTTP(w, r)
	}))
	defer service.Close()
	defer close(release) // after Shutdown
	a, rec := newTestApp(t, modelFunc(says), map[string]string{"MCP_SERVER_URL": service.URL})
	if w := ask(a); w.Code != 200 {
		t.Fatalf("answer %d %s", w.Code, w.Body)
	}
	_, span := a.provider.TracerProvider().Tracer("test").Start(t.Context(), "last")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
	defer cancel()
	if err := a.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	<-ended // else the test tests nothing
	if got := names(rec.Spans()); !slices.Contains(got, "last") {
		t.Errorf("the last span did not arrive: %v", got)
	}
}
