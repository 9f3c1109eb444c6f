package mcptools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/redact"
)

// Config configures the external tool services. The zero value of everything but URLs is the default.
type Config struct {
	// URLs are the MCP endpoints (streamable HTTP): absolute, http or https, without user or fragment.
	URLs []string
	// HTTPClient makes the HTTP client spans and sends the trace context along. Its redirect policy is not used:
	// redirects are followed on the same origin and with the same method only. Default: a plain client.
	HTTPClient *http.Client
	// Tracer gets the MCP attributes of each call; nil: none.
	Tracer *agenttrace.AgentTracer
	// Baggage sends the caller's baggage in params._meta. The headers are the HTTPClient's. Default: it stays here.
	Baggage bool
	// Propagator fills params._meta; of what it injects, traceparent and tracestate are sent, and baggage if allowed.
	// Default: W3C trace context and baggage.
	Propagator propagation.TextMapPropagator
	// Logger gets a line when a service cannot be reached or offers an unusable tool. Default: none.
	Logger *slog.Logger
	// Reserved are names that no external tool may take: those of the agent's own tools.
	Reserved []string
	// Version is the client's version as told to the services. Default "dev".
	Version string
}

func (c Config) withDefaults() Config {
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
	}
	if c.Propagator == nil {
		c.Propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	return c
}

// Source offers the tools of external services that speak the Model Context Protocol over streamable HTTP.
// It is an agent.ToolSource, safe for concurrent use; a nil Source offers nothing.
//
// Services are contacted at the first Tools call, all at once. A service that does not answer costs its tools, not the
// request: Tools waits 3 s at most, the attempt goes on for 10 s in the background, and after a failure the service is
// left alone for 5 s, then 10 s, up to a minute. Lists are kept for a minute, or shorter if the service says that its
// tools changed, forgot a tool or restarted.
//
// No stream is kept open between calls. It would keep the service's instance awake and billed, would go unread while
// this instance has no CPU, and its span would never end. So "tools/list_changed" is heard only on the answer to a
// call.
type Source struct {
	cfg     Config
	servers []*server
}

// New checks the URLs. It opens no connection. The error joins what is wrong with each URL, by its number and
// without its text; the Source returned beside it is usable and has the services whose URLs are right.
func New(cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	client := *cfg.HTTPClient
	client.CheckRedirect = sameOriginRedirect
	m := &Source{cfg: cfg}
	seen := map[string]bool{}
	var errs []error
	for i, raw := range cfg.URLs {
		u, err := remote.Address(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("tool service %d of MCP_SERVER_URL: %w", i+1, err))
			continue
		}
		if endpoint := u.String(); !seen[endpoint] {
			seen[endpoint] = true
			m.servers = append(m.servers, newServer(cfg, &client, u))
		}
	}
	return m, errors.Join(errs...)
}

// Tools returns the tools of all services that are reachable now, in the order of the URLs.
//
// Tools keep their own names. Where a name is reserved or taken by an earlier service, it is prefixed with the
// service's name: "search" of the service "wiki" becomes "wiki_search". Characters that Gemini refuses become "_".
func (m *Source) Tools(ctx context.Context) []agent.Tool {
	if m == nil {
		return nil
	}
	offers := make([]*offering, len(m.servers))
	var wg sync.WaitGroup
	for i, s := range m.servers {
		wg.Go(func() { offers[i] = s.offer(ctx) })
	}
	wg.Wait()
	taken := map[string]bool{}
	for _, name := range m.cfg.Reserved {
		taken[name] = true
	}
	var tools []agent.Tool
	for _, offer := range offers {
		if offer == nil {
			continue
		}
		for _, tool := range offer.tools {
			tool.Name = freeName(taken, offer.name, tool.Name)
			taken[tool.Name] = true
			tools = append(tools, tool)
		}
	}
	return tools
}

// Close ends the sessions and waits until nothing of m runs any more. Calls in flight are waited for: cancel their
// contexts first. After Close there are no tools.
func (m *Source) Close() error {
	if m == nil {
		return nil
	}
	var wg sync.WaitGroup
	for _, s := range m.servers {
		wg.Go(s.close)
	}
	wg.Wait()
	return nil
}

// freeName returns the name under which a tool is offered.
func freeName(taken map[string]bool, server, tool string) string {
	name := agent.ToolName(tool)
	if !taken[name] {
		return name
	}
	long := agent.ToolName(server + "_" + tool)
	name = long
	for n := 2; taken[name]; n++ {
		suffix := "_" + strconv.Itoa(n)
		name = redact.Bytes(long, agent.MaxToolName-len(suffix)) + suffix
	}
	return name
}

// sameOriginRedirect follows what a service does within itself, such as /mcp to /mcp/, and nothing else: a redirect
// that leaves the origin or turns a POST into a GET is handed back as the answer.
func sameOriginRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || req.Method != first.Method || req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// Bounds of the conversation with one service.
const (
	waitLimit    = 3 * time.Second  // how long Tools waits for a service
	attemptLimit = 10 * time.Second // how long connecting and listing may take
	freshFor     = time.Minute      // how long a list is good
	backOff      = 5 * time.Second  // after the first failure; doubles
	backOffMax   = time.Minute
	maxTools     = 128     // per service
	maxPages     = 32      // of a list
	maxBody      = 8 << 20 // bytes of one HTTP answer
)
