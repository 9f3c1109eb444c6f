package agent

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/httptrace"
)

// DefaultModel is asked when neither the configuration nor GEMINI_MODEL names one.
const DefaultModel = "gemini-3.8-flash"

// GeminiConfig is what a [Gemini] may be told. The zero value is not configured: it has no key.
type GeminiConfig struct {
	Model string // default GEMINI_MODEL, then [DefaultModel]

	// HTTPClient makes the requests; its transport makes the spans of the attempts. Default: a client of its own that
	// keeps enough connections for concurrent runs.
	HTTPClient *http.Client

	// Getenv reads the settings, under the names of Google's SDK. Default: nothing is set.
	//
	//   GOOGLE_API_KEY, GEMINI_API_KEY           the key; the first wins
	//   GOOGLE_GENAI_USE_ENTERPRISE,
	//   GOOGLE_GENAI_USE_VERTEXAI                1 or true: Vertex AI instead of the Gemini API; the first wins
	//   GOOGLE_CLOUD_PROJECT                     Vertex AI: the project; without it the key is used
	//   GOOGLE_CLOUD_LOCATION                    Vertex AI: default global
	//   GOOGLE_GEMINI_BASE_URL,
	//   GOOGLE_VERTEX_BASE_URL                   another address of the service
	//   GEMINI_MODEL                             the model
	Getenv func(string) string

	Parameters  Parameters   // default: the model's; see [ParametersFromEnv]
	Logger      *slog.Logger // default: none
	MaxAttempts int          // HTTP attempts of one call, the first included; default 4
}

func (c GeminiConfig) withDefaults() GeminiConfig {
	if c.Getenv == nil {
		c.Getenv = func(string) string { return "" }
	}
	if c.Model == "" {
		c.Model = strings.TrimSpace(c.Getenv("GEMINI_MODEL"))
	}
	if c.Model == "" {
		c.Model = DefaultModel
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Transport: httptrace.NewTransport()}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 4
	}
	return c
}

// Gemini is a [Model] behind the Gemini API or Vertex AI. It is safe for concurrent use.
type Gemini struct {
	cfg          GeminiConfig
	endpoint     geminiEndpoint
	info         ModelInfo
	vertex       bool
	baseVariable string // names the setting of the address
	key          string // to be scrubbed from error texts
	wait         backoff

	otherModel sync.Once // warns when another model answers
}

var _ Streamer = (*Gemini)(nil)

// NewGemini returns a Gemini with the settings in cfg. It makes no connection and looks for no credentials; the first
// call does. Without a key or a project it returns an *Error of KindNotConfigured that names the variable to set.
func NewGemini(_ context.Context, cfg GeminiConfig) (*Gemini, error) {
	g := &Gemini{cfg: cfg.withDefaults(), wait: defaultBackoff}
	if err := g.configure(); err != nil {
		return nil, err
	}
	return g, nil
}

// Info describes the model.
func (g *Gemini) Info() ModelInfo { return g.info }

// configure settles where requests go and what signs them.
func (g *Gemini) configure() error {
	env := func(name string) string { return strings.TrimSpace(g.cfg.Getenv(name)) }
	g.info = ModelInfo{Name: g.cfg.Model, Provider: "gcp.gemini", Parameters: g.cfg.Parameters, JSONBesideTools: !isGemini2(g.cfg.Model)}
	g.vertex = isTrue(cmp.Or(env("GOOGLE_GENAI_USE_ENTERPRISE"), env("GOOGLE_GENAI_USE_VERTEXAI")))
	g.key = cmp.Or(env("GOOGLE_API_KEY"), env("GEMINI_API_KEY"))

	base, prefix, project := "https://generativelanguage.googleapis.com/", "v1beta/models/", ""
	template := "/v1beta/models/{model}"
	g.baseVariable = "GOOGLE_GEMINI_BASE_URL"
	if g.vertex {
		g.info.Provider, g.baseVariable = "gcp.vertex_ai", "GOOGLE_VERTEX_BASE_URL"
		project = env("GOOGLE_CLOUD_PROJECT")
		switch {
		case project != "":
			location := cmp.Or(env("GOOGLE_CLOUD_LOCATION"), "global")
			base = vertexAddress(location)
			prefix = "v1beta1/projects/" + url.PathEscape(project) + "/locations/" + url.PathEscape(location) +
				"/publishers/google/models/"
			template = "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model}"
			g.key = ""
		case g.key != "":
			base, prefix = vertexAddress("global"), "v1beta1/publishers/google/models/"
			template = "/" + prefix + "{model}"
		default:
			return notConfigured("Vertex AI is not configured. Set GOOGLE_CLOUD_PROJECT.")
		}
	} else if g.key == "" {
		return notConfigured("No model is configured. Set GEMINI_API_KEY, " +
			"or GOOGLE_GENAI_USE_VERTEXAI=true and GOOGLE_CLOUD_PROJECT for Vertex AI.")
	}
	u, err := url.Parse(cmp.Or(env(g.baseVariable), base))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return notConfigured(g.baseVariable + " is not an http or https URL.")
	}
	g.info.ServerAddress, g.info.ServerPort = u.Hostname(), remote.Port(u)
	client := *g.cfg.HTTPClient
	client.CheckRedirect = remote.NoRedirects
	if g.vertex && g.key == "" && u.Scheme == "https" {
		// A plaintext address gets no token: it is a stand-in on this machine, and a token must not travel in the clear.
		client.Transport = &credentialsTransport{base: client.Transport, credentials: googleauth.New(project)}
	}
	g.endpoint = geminiEndpoint{client: &client, base: u, prefix: prefix, key: g.key, template: template}
	return nil
}

// Generate asks the model, with retries. Of a model whose longest answers come only as a stream, it reads one.
func (g *Gemini) Generate(ctx context.Context, req *Request) (*Reply, error) {
	if strings.Contains(g.cfg.Model, longerStreamed) {
		return g.stream(ctx, req, nil)
	}
	return g.ask(ctx, req, nil, func(ctx context.Context, body []byte, _ func()) (reply *Reply, err error) {
		err = g.endpoint.post(ctx, g.cfg.Model, methodGenerate, body, func(answer io.ReadCloser) (err error) {
			reply, err = readGeminiReply(answer)
			return err
		})
		return reply, err
	})
}

// Stream is Generate that hands the text of the answer on as it comes. A stream that breaks off before its first text is
// tried again; after it, that is an error with what there was.
func (g *Gemini) Stream(ctx context.Context, req *Request, text func(string)) (*Reply, error) {
	return g.stream(ctx, req, text)
}

// ask sends a request until there is an answer.
func (g *Gemini) ask(ctx context.Context, req *Request, tooLate func() bool, send sendFunc) (*Reply, error) {
	body, err := g.encode(req)
	if err != nil {
		return nil, &Error{Kind: KindInternal, Reason: "request", Err: err, Message: "The request to the model could not be built."}
	}
	reply, err := g.attempts(ctx, req, body, tooLate, send)
	if err != nil {
		return reply, err
	}
	if agenttrace.ModelMismatch(g.cfg.Model, reply.Model) {
		g.otherModel.Do(func() {
			g.cfg.Logger.WarnContext(ctx, "another model answers than the one asked for; check GEMINI_MODEL",
				"asked", g.cfg.Model, "answered", reply.Model)
		})
	}
	return reply, nil
}

// vertexAddress is the service address of a location.
func vertexAddress(location string) string {
	switch location {
	case "global":
		return "https://aiplatform.googleapis.com/"
	case "us", "eu":
		return fmt.Sprintf("https://aiplatform.%s.rep.googleapis.com/", location)
	}
	return fmt.Sprintf("https://%s-aiplatform.googleapis.com/", location)
}

func isTrue(s string) bool { return s == "1" || strings.EqualFold(s, "true") }
