package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"google.golang.org/genai"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/googleauth"
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
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 100
		c.HTTPClient = &http.Client{Transport: t}
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
	cfg    GeminiConfig
	api    *genai.Client
	info   ModelInfo
	vertex bool
	key    string // to be scrubbed from error texts
	wait   backoff

	otherModel sync.Once // warns when another model answers
}

var _ Model = (*Gemini)(nil)

// NewGemini returns a Gemini with the settings in cfg. It makes no connection and looks for no credentials; the first
// call does. Without a key or a project it returns an *Error of KindNotConfigured that names the variable to set.
func NewGemini(ctx context.Context, cfg GeminiConfig) (*Gemini, error) {
	g := &Gemini{cfg: cfg.withDefaults(), wait: defaultBackoff}
	cc, err := g.clientConfig()
	if err != nil {
		return nil, err
	}
	if g.api, err = genai.NewClient(ctx, cc); err != nil {
		// The SDK's text prints its whole configuration, with the key: it goes nowhere.
		return nil, notConfigured("The Gemini client does not accept its settings; " +
			"check GEMINI_API_KEY, GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION.")
	}
	return g, nil
}

// Info describes the model.
func (g *Gemini) Info() ModelInfo { return g.info }

// clientConfig settles everything that the SDK would otherwise take from the process's environment.
func (g *Gemini) clientConfig() (*genai.ClientConfig, error) {
	env := func(name string) string { return strings.TrimSpace(g.cfg.Getenv(name)) }
	g.info = ModelInfo{Name: g.cfg.Model, Provider: "gcp.gemini"}
	g.vertex = isTrue(cmp.Or(env("GOOGLE_GENAI_USE_ENTERPRISE"), env("GOOGLE_GENAI_USE_VERTEXAI")))
	g.key = cmp.Or(env("GOOGLE_API_KEY"), env("GEMINI_API_KEY"))

	cc := &genai.ClientConfig{Backend: genai.BackendGeminiAPI, HTTPClient: g.cfg.HTTPClient}
	baseVariable, base := "GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com/"
	if g.vertex {
		g.info.Provider = "gcp.vertex_ai"
		cc.Backend = genai.BackendVertexAI
		cc.Project = env("GOOGLE_CLOUD_PROJECT")
		baseVariable = "GOOGLE_VERTEX_BASE_URL"
		switch {
		case cc.Project != "":
			cc.Location = cmp.Or(env("GOOGLE_CLOUD_LOCATION"), "global")
			base = vertexAddress(cc.Location)
			g.key = ""
		case g.key != "":
			base = vertexAddress("global")
		default:
			return nil, notConfigured("Vertex AI is not configured. Set GOOGLE_CLOUD_PROJECT.")
		}
	} else if g.key == "" {
		return nil, notConfigured("No model is configured. Set GEMINI_API_KEY, " +
			"or GOOGLE_GENAI_USE_VERTEXAI=true and GOOGLE_CLOUD_PROJECT for Vertex AI.")
	}
	cc.APIKey = g.key
	cc.HTTPOptions.BaseURL = cmp.Or(env(baseVariable), base)

	u, err := url.Parse(cc.HTTPOptions.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, notConfigured(baseVariable + " is not an http or https URL.")
	}
	g.info.ServerAddress, g.info.ServerPort = u.Hostname(), remote.Port(u)
	if g.vertex && g.key == "" && u.Scheme == "https" {
		// The SDK adds no credentials to a client it was given. A plaintext address gets none: it is a stand-in on this
		// machine, and a token must not travel in the clear.
		signed := *g.cfg.HTTPClient
		signed.Transport = &credentialsTransport{base: signed.Transport, credentials: googleauth.New(cc.Project)}
		cc.HTTPClient = &signed
	}
	return cc, nil
}

var errBadShape = errors.New("the answer has not the shape of one")

// Generate asks the model, with retries.
func (g *Gemini) Generate(ctx context.Context, req *Request) (*Reply, error) {
	off := false
	contents := geminiContents(req.Turns)
	config := &genai.GenerateContentConfig{ // of its own for each call: the SDK writes into it
		SystemInstruction:     &genai.Content{Role: genai.RoleUser, Parts: []*genai.Part{{Text: req.Instructions}}},
		Tools:                 geminiTools(req.Tools),
		AutomaticContinuation: &off, // would hide requests and their cost in one span
	}
	if req.Instructions == "" {
		config.SystemInstruction = nil
	}
	resp, err := g.attempts(ctx, func(ctx context.Context) (_ *genai.GenerateContentResponse, err error) {
		defer func() {
			if recover() != nil { // the SDK's way to say that the answer is JSON of another shape
				err = errBadShape
			}
		}()
		return g.api.Models.GenerateContent(ctx, g.cfg.Model, contents, config)
	})
	if err != nil {
		return nil, err
	}
	reply := geminiReply(resp)
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
