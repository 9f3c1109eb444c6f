package live

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

//go:embed page
var page embed.FS

// HandlerConfig is what the page tells and offers beside the traces. The zero value is a page without a chat.
type HandlerConfig struct {
	Agent     *url.URL // where the agent answers; nil: the page only shows
	Simulated bool     // the model is not a real one
	Content   bool     // spans hold what was said
	Faults    []Fault  // that the page offers for the next request
	Jaeger    string   // address of a Jaeger that has the traces too; "": none
	// KeepSlowerThan and KeepRatio are production's rule, for the page's word on whether it would keep a trace. Defaults:
	// 10s, 0.1.
	KeepSlowerThan time.Duration
	KeepRatio      float64
	// Stall is the longest that a reader of the stream may take nothing before it is dropped. Default 10s.
	Stall time.Duration
}

// Fault is something that goes wrong with the next request.
type Fault struct {
	Name  string `json:"name"`  // of one word
	Label string `json:"label"` // on the button
	Help  string `json:"help"`  // one sentence
	Arm   func() `json:"-"`     // makes it happen, once
}

// server serves the page of a hub.
type server struct {
	hub     *Hub
	cfg     HandlerConfig
	stall   time.Duration
	stopped <-chan struct{}
}

// Handler serves the page, the stream and the way to the agent until stopped is closed, which ends the streams.
// It answers requests to a loopback name only.
func (h *Hub) Handler(cfg HandlerConfig, stopped <-chan struct{}) http.Handler {
	cfg.KeepSlowerThan = cmp.Or(cfg.KeepSlowerThan, 10*time.Second)
	cfg.KeepRatio = cmp.Or(cfg.KeepRatio, 0.1)
	s := &server{hub: h, cfg: cfg, stall: cmp.Or(cfg.Stall, 10*time.Second), stopped: stopped}
	assets, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the page is part of the program
	}
	mux := http.NewServeMux()
	document := func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, "page.html") }
	mux.HandleFunc("GET /{$}", document)
	mux.HandleFunc("GET /trace/{id}", document)
	mux.Handle("GET /page/", http.StripPrefix("/page/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /live/events", s.events)
	mux.HandleFunc("GET /live/traces/{id}", s.download)
	if cfg.Agent != nil {
		mux.Handle("/api/", s.proxy())
	}
	return onlyHere(http.NewCrossOriginProtection().Handler(mux))
}

// onlyHere answers requests whose Host is a loopback one, and guards what is served.
func onlyHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "this page answers only to localhost", http.StatusMisdirectedRequest)
			return
		}
		head := w.Header()
		head.Set("Content-Security-Policy",
			"default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "no-referrer")
		head.Set("Cross-Origin-Resource-Policy", "same-origin")
		head.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether a Host header names this machine and only it.
func isLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && addr.IsLoopback()
}

// hello is the data of the event of that name.
func (s *server) hello() any {
	faults := s.cfg.Faults
	if faults == nil {
		faults = []Fault{}
	}
	agent := ""
	if s.cfg.Agent != nil {
		agent = s.cfg.Agent.String()
	}
	return map[string]any{
		"run": s.hub.run, "now_us": micros(time.Now()), "traces": s.hub.cfg.Traces, "spans": s.hub.cfg.Spans,
		"agent": agent, "simulated": s.cfg.Simulated, "content": s.cfg.Content, "faults": faults, "jaeger": s.cfg.Jaeger,
		"keep_slower_than_ms": s.cfg.KeepSlowerThan.Milliseconds(), "keep_ratio": s.cfg.KeepRatio,
	}
}

var traceFile = regexp.MustCompile(`^([0-9a-f]{32})\.json$`)

// download serves a trace as an OTLP/JSON file, which a collector or Jaeger takes as it is. Spans that are still open
// are left out, as they would be there.
func (s *server) download(w http.ResponseWriter, r *http.Request) {
	var spans []sdktrace.ReadOnlySpan
	if m := traceFile.FindStringSubmatch(r.PathValue("id")); m != nil {
		id, err := trace.TraceIDFromHex(m[1])
		if err == nil {
			spans = s.hub.ended(id)
		}
	}
	if len(spans) == 0 {
		http.Error(w, "there is no finished span of this trace here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "trace-"+r.PathValue("id")))
	_ = json.NewEncoder(w).Encode(toOTLP(spans)) // fails when the client has gone
}

// ended returns the ended spans of a trace in the order in which they ended.
func (h *Hub) ended(id trace.TraceID) []sdktrace.ReadOnlySpan {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.traces[id]
	if t == nil {
		return nil
	}
	var spans []sdktrace.ReadOnlySpan
	for _, r := range t.spans {
		if _, open := h.open[r]; !open {
			spans = append(spans, r.span)
		}
	}
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int { return a.EndTime().Compare(b.EndTime()) })
	return spans
}
