package function

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/mcptools"
	"example.com/gemini-agent/agent/session"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
)

const (
	executePath  = "/api/v1/agent/execute"
	delegatePath = "/api/v1/agent/delegate"
	sessionPath  = "/api/v1/agent/sessions/{id}"

	defaultRequestTimeout = 60 * time.Second
)

// Config is what an App is built from.
type Config struct {
	Getenv    func(string) string // environment; required
	Variables []string            // names of what is set there, to find mistyped ones; default: none is looked for
	LogWriter io.Writer           // default: no log
	LogText   bool                // readable lines instead of JSON
	Tools     []agent.Tool        // on offer beside those of tools.go and the built-in ones, and before them
	Sessions  session.Store       // default: as the environment has it; Shutdown closes it
	Model     agent.Model         // default: Gemini, as the environment has it

	// Instructions are the agent's system instruction. Default: AGENT_INSTRUCTIONS, AGENT_INSTRUCTIONS_FILE, then the
	// embedded agent/prompt.md.
	Instructions string
	Hooks        agent.Hooks // around each call of the model and of a tool
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

	name, description string // AGENT_NAME and AGENT_DESCRIPTION; "" where they are not set, or no good

	agent     *agent.Agent
	agentErr  error            // why there is no agent: a missing or unusable setting
	subAgents subAgents        // empty: none configured
	mcp       *mcptools.Source // nil: none configured

	store     session.Store          // nil: none configured
	sessions  *session.Conversations // in store; nil: none are kept
	summaries bool                   // what falls out of a prompt is summed up
	facts     agent.ToolSource       // nil: nothing is remembered beyond a session

	timeout time.Duration // of a request
	reserve time.Duration // of that, kept back for the flush
	drain   *tracing.Drain

	ceiling       agent.Budget // of every task
	logIdentities bool         // user and session may stand in log lines
}

// New wires an App. It opens no connection and never fails: bad settings are logged and replaced by their defaults,
// and without a key or a sub-agent the routes that need them answer 503.
func New(ctx context.Context, cfg Config) *App {
	if cfg.LogWriter == nil {
		cfg.LogWriter = io.Discard
	}
	a := &App{cfg: cfg}
	tc, tracingErr := tracing.ConfigFromEnv(cfg.Getenv)
	tc.Resource.ServiceName = cmp.Or(tc.Resource.ServiceName, serviceName)
	settings := env.NewReader(cfg.Getenv)
	level := logLevel(settings)
	a.logIdentities = settings.Bool("LOG_IDENTITIES", true)
	a.ceiling = budgetCeiling(settings)
	a.timeout = settings.Duration("REQUEST_TIMEOUT", defaultRequestTimeout, 100*time.Millisecond, time.Hour)
	a.logger = slog.New(tracing.NewLogHandler(cfg.LogWriter, tracing.LogConfig{
		Text:      cfg.LogText,
		Level:     level,
		ProjectID: cfg.Getenv("GOOGLE_CLOUD_PROJECT"),
		Service:   tc.Resource.ServiceName,
		Version:   tc.Resource.ServiceVersion,
	}))
	a.warn(tracingErr)
	a.warn(tracing.CheckVariables(cfg.Variables, cfg.Getenv, append(sessionVariables, "GEMINI_API_KEY", "GEMINI_MODEL")...))
	tc.Logger = a.logger
	// The answer waits for the flush: both must fit into the request's time.
	tc.Pipeline.FlushTimeout = min(tc.Pipeline.FlushTimeout, a.timeout/4)
	if cfg.Tracing != nil {
		cfg.Tracing(&tc)
	}
	var err error
	a.provider, err = tracing.Setup(ctx, tc)
	a.warn(err)
	a.reserve = min(a.provider.FlushReserve(), a.timeout/4)
	a.wireSessions(tc.Resource.ServiceName)
	a.wireAgent(ctx)
	a.route(settings)
	a.warn(settings.Err())
	return a
}

// route is a method on a path, and who serves it.
type route struct {
	method, path string
	serve        http.HandlerFunc
}

// routes are what the app does; each request for one of them is an invocation with a trace.
func (a *App) routes() []route {
	return []route{
		{http.MethodPost, executePath, a.execute},
		{http.MethodPost, delegatePath, a.delegate},
		{http.MethodGet, sessionPath, a.readSession},
		{http.MethodDelete, sessionPath, a.deleteSession},
	}
}

// methods are the methods that each path takes.
func (a *App) methods() map[string][]string {
	methods := map[string][]string{}
	for _, r := range a.routes() {
		methods[r.path] = append(methods[r.path], r.method)
	}
	return methods
}

// route builds the handler: the mux inside the tracing middleware inside what makes no trace. Each path has its methods,
// and an answer for all the other methods.
func (a *App) route(settings *env.Reader) {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.HandleFunc(r.method+" "+r.path, r.serve)
	}
	for path, methods := range a.methods() {
		mux.HandleFunc(path, a.methodNotAllowed(methods...))
	}
	mux.HandleFunc("/", a.notFound)
	a.drain = tracing.NewDrain(a.provider, tracing.DrainConfig{Close: a.close})
	a.handler = corsHandler(settings, a.untraced(recorded(a.drain.Handler(a.provider.Middleware(mux, httptrace.MiddlewareConfig{
		Route: func(r *http.Request) string {
			if _, pattern := mux.Handler(r); pattern != "/" {
				return pattern
			}
			return ""
		},
		Panic: a.panicked,
		Done:  a.logDone,
	})))))
}

// ServeHTTP answers one invocation. Its spans are at the trace backend when it returns, or safe in the buffer.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.handler.ServeHTTP(w, r)
}

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

func logLevel(r *env.Reader) slog.Level {
	switch r.Enum("LOG_LEVEL", "info", "debug", "info", "warn", "error") {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
