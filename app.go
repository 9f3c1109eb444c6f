package function

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/mcptools"
	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
)

const (
	executePath  = "/api/v1/agent/execute"
	delegatePath = "/api/v1/agent/delegate"

	defaultRequestTimeout = 60 * time.Second
)

// Config is what an App is built from.
type Config struct {
	Getenv    func(string) string // environment; required
	LogWriter io.Writer           // default: no log
	LogText   bool                // readable lines instead of JSON
	Tools     []agent.Tool        // on offer beside the built-in ones
	Model     agent.Model         // default: Gemini, as the environment has it
	// Tracing, when set, may change the tracing configuration that was read from the environment.
	Tracing func(*tracing.Config)
}

// App serves the HTTP interface of one agent. Several can live in one process, with different settings and each with
// its own tracer provider. Its methods are safe for concurrent use.
type App struct {
	cfg      Config
	logger   *slog.Logger
	provider *tracing.Provider
	handler  http.Handler

	agent    *agent.Agent
	agentErr error            // why there is no agent: a missing or unusable setting
	subAgent *agent.SubAgent  // nil: none configured
	mcp      *mcptools.Source // nil: none configured
	subErr   error

	timeout time.Duration // of a request
	reserve time.Duration // of that, kept back for the flush
	drain   *tracing.Drain
}

// New wires an App. It opens no connection and never fails: bad settings are logged and replaced by their defaults,
// and without a key or a sub-agent the routes that need them answer 503.
func New(ctx context.Context, cfg Config) *App {
	if cfg.LogWriter == nil {
		cfg.LogWriter = io.Discard
	}
	a := &App{cfg: cfg}
	tc, tracingErr := tracing.ConfigFromEnv(cfg.Getenv)
	level, levelErr := logLevel(cfg.Getenv("LOG_LEVEL"))
	a.logger = slog.New(tracing.NewLogHandler(cfg.LogWriter, tracing.LogConfig{
		Text:      cfg.LogText,
		Level:     level,
		ProjectID: cfg.Getenv("GOOGLE_CLOUD_PROJECT"),
		Service:   tc.Resource.ServiceName,
		Version:   tc.Resource.ServiceVersion,
	}))
	var err error
	a.warn(levelErr)
	a.warn(tracingErr)
	tc.Logger = a.logger
	a.timeout, err = requestTimeout(cfg.Getenv)
	a.warn(err)
	// The answer waits for the flush: both must fit into the request's time.
	tc.Pipeline.FlushTimeout = min(tc.Pipeline.FlushTimeout, a.timeout/4)
	if cfg.Tracing != nil {
		cfg.Tracing(&tc)
	}
	a.provider, err = tracing.Setup(ctx, tc)
	a.warn(err)
	a.reserve = min(a.provider.FlushReserve(), a.timeout/4)
	a.wireAgent(ctx)
	a.route()
	return a
}

// wireAgent builds the agent and what it talks to. Gemini gets a client that propagates nothing.
func (a *App) wireAgent(ctx context.Context) {
	getenv, tracer := a.cfg.Getenv, a.provider.AgentTracer()
	ours := &http.Client{Transport: a.provider.Transport(remote.Transport(), httptrace.TransportConfig{Propagate: true})}
	gemini := &http.Client{Transport: a.provider.Transport(remote.Transport(), httptrace.TransportConfig{})}

	cfg := agent.Config{
		Tools:  append([]agent.Tool{agent.CurrentTime(time.Now), agent.Calculate()}, a.cfg.Tools...),
		Tracer: tracer,
		Logger: a.logger,
	}
	if url := getenv("SUB_AGENT_URL"); url != "" {
		a.subAgent, a.subErr = agent.NewSubAgent(agent.SubAgentConfig{
			URL: url, Auth: getenv("SUB_AGENT_AUTH"), HTTPClient: ours, Tracer: tracer,
		})
		a.warn(a.subErr)
		if a.subAgent != nil {
			cfg.Tools = append(cfg.Tools, a.subAgent.Tool())
		}
	}
	if urls := splitList(getenv("MCP_SERVER_URL")); len(urls) > 0 {
		var err error
		a.mcp, err = mcptools.New(mcptools.Config{
			URLs: urls, HTTPClient: ours, Tracer: tracer, Propagator: a.provider.Propagator(), Logger: a.logger,
			Reserved: toolNames(cfg.Tools), Version: getenv("APP_VERSION"),
		})
		a.warn(err)
		if a.mcp != nil {
			cfg.Sources = append(cfg.Sources, a.mcp)
		}
	}
	model := a.cfg.Model
	if model == nil {
		gem, err := agent.NewGemini(ctx, agent.GeminiConfig{
			Model: getenv("GEMINI_MODEL"), HTTPClient: gemini, Getenv: getenv, Logger: a.logger,
		})
		if err != nil {
			a.agentErr = err
			a.warn(err)
			return
		}
		model = gem
	}
	a.agent = agent.New(model, cfg)
}

func toolNames(tools []agent.Tool) []string {
	names := make([]string, len(tools))
	for i, t := range tools {
		names[i] = t.Name
	}
	return names
}

// route builds the handler: the mux inside the tracing middleware. Each path has its methods, and an answer for all
// the other methods.
func (a *App) route() {
	mux := http.NewServeMux()
	for path, serve := range map[string]http.HandlerFunc{executePath: a.execute, delegatePath: a.delegate} {
		mux.HandleFunc("POST "+path, serve)
		mux.HandleFunc(path, a.methodNotAllowed)
	}
	mux.HandleFunc("/", a.notFound)
	a.drain = tracing.NewDrain(a.provider, tracing.DrainConfig{Close: func() { _ = a.mcp.Close() }}) // has no errors
	a.handler = a.drain.Handler(a.provider.Middleware(mux, httptrace.MiddlewareConfig{
		Route: func(r *http.Request) string {
			if _, pattern := mux.Handler(r); pattern != "/" {
				return pattern
			}
			return ""
		},
		Panic: a.panicked,
	}))
}

// ServeHTTP answers one invocation. Its spans are at the trace backend when it returns, or safe in the buffer.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Tracing returns the app's tracing, for programs that make spans beside the agent's.
func (a *App) Tracing() *tracing.Provider { return a.provider }

// warn logs one line for each of the errors joined in err.
func (a *App) warn(err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		a.logger.Warn("configuration: " + redact.Text(line))
	}
}

// requestTimeout reads REQUEST_TIMEOUT. The framework's own deadline, where it sets one, counts as well.
func requestTimeout(getenv func(string) string) (time.Duration, error) {
	v := getenv("REQUEST_TIMEOUT")
	if v == "" {
		return defaultRequestTimeout, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 100*time.Millisecond || d > time.Hour {
		return defaultRequestTimeout, fmt.Errorf("REQUEST_TIMEOUT: %q is not a duration from 100ms to 1h such as 60s, using %v",
			v, defaultRequestTimeout)
	}
	return d, nil
}

func logLevel(v string) (slog.Level, error) {
	var level slog.Level
	if v == "" {
		return level, nil
	}
	if err := level.UnmarshalText([]byte(v)); err != nil {
		return slog.LevelInfo, fmt.Errorf("LOG_LEVEL: %q is none of debug, info, warn, error; using info", v)
	}
	return level, nil
}

func splitList(v string) []string {
	var list []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}
