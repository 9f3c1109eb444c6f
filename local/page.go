package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/gemini-agent/local/live"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
)

const (
	envLivePort    = "LIVE_PORT"
	envLiveContent = "LIVE_CONTENT"
	livePort       = "8081" // where the page is unless it is taken
)

// livePage is the live page of a run: a hub that every provider tells, and its server.
type livePage struct {
	hub     *live.Hub
	url     string
	content bool // spans hold what was said, for the page
	stop    chan struct{}
}

// startPage serves the live page on a loopback port of its own.
func (s *system) startPage(getenv func(string) string, agentAddr string) error {
	content, err := boolOr(getenv(envLiveContent), s.gemini != nil)
	if err != nil {
		return fmt.Errorf("%s: %w", envLiveContent, err)
	}
	l, err := listenPage(getenv(envLivePort))
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	p := &livePage{
		hub: live.NewHub(live.Config{}), url: "http://" + net.JoinHostPort("localhost", port), content: content,
		stop: make(chan struct{}),
	}
	s.page = p
	s.serve(l, p.hub.Handler(live.HandlerConfig{
		Agent: &url.URL{Scheme: "http", Host: agentAddr}, Simulated: s.gemini != nil, Content: content,
		Faults: s.faults.list(s.gemini), Jaeger: s.viewer,
	}, p.stop))
	s.note("live page: %s", p.url)
	return nil
}

// listenPage listens on the port that was asked for; else on the usual one, or when that is taken on any.
func listenPage(port string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", cmp.Or(port, livePort)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && port == "":
		return net.Listen("tcp", "127.0.0.1:0")
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is in use by another program; set %s to a free one", port, envLivePort)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be used: %w", envLivePort, err)
	}
	return l, nil
}

func boolOr(value string, otherwise bool) (bool, error) {
	if value == "" {
		return otherwise, nil
	}
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", value)
	}
	return b, nil
}

// watch makes a provider tell the page. What is recorded only for the page reaches no exporter.
func (p *livePage) watch(cfg *tracing.Config) {
	if p == nil {
		return
	}
	cfg.Processors = append(cfg.Processors, p.hub)
	if p.content && cfg.Agent.Content == agenttrace.NoContent {
		cfg.Agent.Content = agenttrace.SpanContent
		cfg.Exporter.WithoutContent = true
	}
}

// link returns the address of a trace, "" without a page.
func (p *livePage) link(traceID string) string {
	if p == nil {
		return ""
	}
	return p.url + "/trace/" + traceID
}

// close ends the streams, which would otherwise go on as long as somebody looks.
func (p *livePage) close() {
	if p != nil {
		close(p.stop)
	}
}

// links is where to look at a trace.
func (s *system) links(traceID string) string {
	return strings.TrimSpace(s.page.link(traceID) + "  " + s.traceURL(traceID))
}

// serve serves h on l until stop.
func (s *system) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	go func() { _ = server.Serve(l) }() // ends with Close in stop
}
