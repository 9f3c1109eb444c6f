package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/local/searchservice"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/export/console"
	"example.com/gemini-agent/tracing/httptrace"
)

// system is the services of one local run. Each has its own service name and tracer provider.
type system struct {
	agent     *function.App
	subAgents []*function.App   // none: SUB_AGENT_URL or SUB_AGENTS name others
	search    *tracing.Provider // nil: MCP_SERVER_URL names another
	servers   []*http.Server
	gemini    *geminisim.Server // nil: a real one
	page      *livePage         // nil: none
	faults    faults
	out       io.Writer
	screen    *screen
	notes     []string // what runs, for the user
	viewer    string   // address of the Jaeger UI; "": none found
}

// startSystem starts everything but the agent's own server. What the environment names is used in place of ours. With
// the address at which the agent will be served there is a live page.
func startSystem(ctx context.Context, getenv func(string) string, named namedAgents, out io.Writer, agentAddr string) (*system, error) {
	s := &system{out: out, screen: &screen{w: out, terminal: isTerminal(out)}}
	env := overlay{under: getenv, over: map[string]string{}}
	if err := s.startGemini(&env); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	exporters := s.exporters(getenv)
	if agentAddr != "" {
		if err := s.startPage(getenv, agentAddr); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	console := console.New(pictures{s.screen}, console.Config{
		Color: s.screen.terminal && coloured(getenv), Unicode: s.screen.terminal, Width: func() int { return width(out) }, Link: s.links,
	})
	configure := func(secondary bool) func(*tracing.Config) {
		return func(cfg *tracing.Config) {
			exporters(cfg)
			s.page.watch(cfg)
			if s.page != nil && !secondary {
				cfg.Exporters = append(cfg.Exporters, s.faults.collector())
			}
			cfg.Exporter.Console, cfg.Exporter.ConsoleSecondary = console, secondary
		}
	}
	if err := s.startSearch(ctx, &env, configure(true)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.startSubAgents(ctx, &env, named, configure(true)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.agent = function.New(ctx, function.Config{
		Getenv: env.get, Variables: tracing.VariableNames(os.Environ()), LogWriter: os.Stderr, LogText: isTerminal(os.Stderr),
		Tracing: configure(false),
	})
	return s, nil
}

// startGemini starts the simulated Gemini when there is neither a key nor a project to use.
func (s *system) startGemini(env *overlay) error {
	for _, name := range []string{
		"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE",
	} {
		if env.get(name) != "" {
			s.note("Gemini: the real one, by %s", name)
			return nil
		}
	}
	s.gemini = geminisim.New(geminisim.Config{ThinkTime: 120 * time.Millisecond, WordTime: 60 * time.Millisecond})
	addr, err := s.listen(s.gemini)
	if err != nil {
		return fmt.Errorf("starting the simulated Gemini: %w", err)
	}
	env.over["GOOGLE_GEMINI_BASE_URL"] = "http://" + addr
	env.over["GEMINI_API_KEY"] = "simulated"
	s.note("Gemini: SIMULATED, because GEMINI_API_KEY is not set; its answers are made up")
	return nil
}

// startSearch starts the tool service unless MCP_SERVER_URL names others.
func (s *system) startSearch(ctx context.Context, env *overlay, configure func(*tracing.Config)) error {
	if env.get("MCP_SERVER_URL") != "" {
		return nil
	}
	named := env.with("OTEL_SERVICE_NAME", "search-service")
	cfg, err := tracing.ConfigFromEnv(named.get)
	if err != nil {
		s.note("search service: %v", err)
	}
	configure(&cfg)
	if s.search, err = tracing.Setup(ctx, cfg); err != nil {
		s.note("search service: %v", err)
	}
	addr, err := s.listen(s.faults.tools(tracedSearch(s.search)))
	if err != nil {
		return fmt.Errorf("starting the search service: %w", err)
	}
	env.over["MCP_SERVER_URL"] = "http://" + addr + searchservice.Path
	s.note("search service (MCP): %s", env.over["MCP_SERVER_URL"])
	return nil
}

// tracedSearch is the search service with a tracing of its own.
func tracedSearch(p *tracing.Provider) http.Handler {
	return searchservice.New(searchservice.Config{
		Middleware: func(next http.Handler) http.Handler {
			return p.Middleware(next, httptrace.MiddlewareConfig{
				Route: func(*http.Request) string { return searchservice.Path },
			})
		},
		Tracer:     p.TracerProvider().Tracer("example.com/gemini-agent/local/searchservice"),
		Propagator: p.Propagator(),
	})
}

// Where a collector on this machine takes OTLP over gRPC, and where Jaeger's UI is.
const (
	collector  = "127.0.0.1:4317"
	viewerAddr = "127.0.0.1:16686"
)

// exporters says where traces go. OTEL_TRACES_EXPORTER decides; without it they go to the terminal and, where an
// endpoint is set or something listens on the OTLP port, there too.
func (s *system) exporters(getenv func(string) string) func(*tracing.Config) {
	if listens(viewerAddr) {
		s.viewer = "http://localhost:16686"
		s.note("Jaeger: %s", s.viewer)
	}
	configured, _ := tracing.ExporterConfigFromEnv(getenv) // what is wrong with it, the services say
	if getenv("OTEL_TRACES_EXPORTER") != "" {
		names := strings.Join(configured.Names, ", ")
		if slices.Contains(configured.Names, "otlp") {
			names += ", to " + configured.OTLP.Destination()
		}
		s.note("traces: by OTEL_TRACES_EXPORTER: %s", cmp.Or(names, "none"))
		return func(*tracing.Config) {}
	}
	if configured.OTLP.Endpoint != "" {
		s.note("traces: in this terminal and to %s", configured.OTLP.Destination())
		return func(cfg *tracing.Config) { cfg.Exporter.Names = []string{"console", "otlp"} }
	}
	if listens(collector) {
		s.note("traces: in this terminal and to the collector on %s", collector)
		return func(cfg *tracing.Config) {
			cfg.Exporter.Names = []string{"console", "otlp"}
			cfg.Exporter.OTLP.Endpoint, cfg.Exporter.OTLP.Protocol = "http://"+collector, "grpc"
		}
	}
	s.note("traces: in this terminal; a collector on %s would be found", collector)
	return func(cfg *tracing.Config) { cfg.Exporter.Names = []string{"console"} }
}

func (s *system) traceURL(traceID string) string {
	if s.viewer == "" {
		return ""
	}
	return s.viewer + "/trace/" + traceID
}

// listen serves h on a free port of this machine and returns its address.
func (s *system) listen(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.serve(l, h)
	return l.Addr().String(), nil
}

// stop ends the services, callers first, so that nobody loses the one it is waiting for.
func (s *system) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	s.page.close()
	for _, app := range append([]*function.App{s.agent}, s.subAgents...) {
		if app != nil {
			errs = append(errs, app.Shutdown(ctx))
		}
	}
	if s.search != nil {
		errs = append(errs, s.search.Shutdown(ctx))
	}
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

func (s *system) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// printUsage tells what runs and how to try it.
func (s *system) printUsage(addr string) {
	for _, n := range s.notes {
		fmt.Fprintln(s.out, n)
	}
	fmt.Fprintf(s.out, "agent: http://%s\n\ntry:\n  %s\n\n", addr, curl(addr))
}

// curl is the request of the README.
func curl(addr string) string {
	return "curl -s http://" + addr + "/api/v1/agent/execute -H 'Content-Type: application/json' " +
		`-d '{"task": "Ask the sub-agent to explain what machine learning is, and calculate 12 * 7"}'`
}

// overlay is an environment with some variables on top.
type overlay struct {
	under func(string) string
	over  map[string]string
}

func (o *overlay) get(name string) string {
	if v, ok := o.over[name]; ok {
		return v
	}
	return o.under(name)
}

func (o *overlay) with(name, value string) *overlay {
	return &overlay{under: o.snapshot().get, over: map[string]string{name: value}}
}

func (o *overlay) snapshot() *overlay {
	over := make(map[string]string, len(o.over))
	for k, v := range o.over {
		over[k] = v
	}
	return &overlay{under: o.under, over: over}
}

func listens(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// coloured reports whether a terminal may be sent colours: it takes them and nobody has asked for none (no-color.org).
func coloured(getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// width returns the columns of a terminal, 0 for anything else.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}
