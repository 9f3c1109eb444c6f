package function

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/mcptools"
	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/httptrace"
)

// wireAgent builds the agent and what it talks to.
func (a *App) wireAgent(ctx context.Context) {
	settings := env.NewReader(a.cfg.Getenv)
	defer func() { a.warn(settings.Err()) }()
	baggage := settings.Bool("BAGGAGE_TO_TOOLS", false)
	cfg := agent.Config{
		Tools:  a.tools(baggage),
		Tracer: a.provider.AgentTracer(),
		Logger: a.logger,
		Prices: a.prices(),
		Hooks:  a.cfg.Hooks,
	}
	a.describeAgent(settings, &cfg)
	a.wireSubAgents(settings)
	reserved := append(toolNames(cfg.Tools), a.subAgents.toolNames()...)
	if a.facts != nil {
		cfg.Sources = append(cfg.Sources, a.facts)
	}
	a.subAgents.offer(&cfg)
	if a.wireMCP(settings.List("MCP_SERVER_URL"), baggage, reserved); a.mcp != nil {
		cfg.Sources = append(cfg.Sources, a.mcp)
	}
	model, err := a.model(ctx)
	if err != nil {
		a.agentErr = err
		a.warn(err)
		return
	}
	a.agent = agent.New(model, cfg)
}

// client is an HTTP client whose requests are traced.
func (a *App) client(cfg httptrace.TransportConfig) *http.Client {
	return &http.Client{Transport: a.provider.Transport(httptrace.NewTransport(), cfg)}
}

// tools are the agent's own: those of the configuration, of tools.go, and the built-in ones. The first of a name wins.
func (a *App) tools(baggage bool) []agent.Tool {
	return slices.Concat(a.cfg.Tools, a.ownTools(baggage), []agent.Tool{agent.CurrentTime(time.Now), agent.Calculate()})
}

// ownTools are those of tools.go. When making them fails, the agent goes without them: that is better than no answers.
func (a *App) ownTools(baggage bool) (tools []agent.Tool) {
	defer func() {
		if v := recover(); v != nil {
			a.warn(fmt.Errorf("tools.go: making the tools panicked: %v; going without them", v))
		}
	}()
	return Tools(agent.Toolkit{
		HTTP:   a.client(httptrace.TransportConfig{Propagate: true, WithoutBaggage: !baggage}),
		Tracer: a.provider.TracerProvider().Tracer("tools"),
		Logger: a.logger,
		Getenv: a.cfg.Getenv,
	})
}

// model is the configured one, else Gemini. It gets a client that propagates nothing.
func (a *App) model(ctx context.Context) (agent.Model, error) {
	if a.cfg.Model != nil {
		return a.cfg.Model, nil
	}
	name := cmp.Or(strings.TrimSpace(a.cfg.Getenv("GEMINI_MODEL")), agent.DefaultModel)
	parameters, err := agent.ParametersFromEnv(a.cfg.Getenv, name)
	a.warn(err)
	return agent.NewGemini(ctx, agent.GeminiConfig{
		Model: name, Parameters: parameters, HTTPClient: a.client(httptrace.TransportConfig{}), Getenv: a.cfg.Getenv, Logger: a.logger,
	})
}

// wireMCP connects the tool servers. What callers say in their baggage to our own services is not for those of others,
// unless it was asked for.
func (a *App) wireMCP(urls []string, baggage bool, reserved []string) {
	if len(urls) == 0 {
		return
	}
	var err error
	a.mcp, err = mcptools.New(mcptools.Config{
		URLs: urls, Baggage: baggage, Reserved: reserved, Version: a.cfg.Getenv("APP_VERSION"),
		HTTPClient: a.client(httptrace.TransportConfig{Propagate: true, WithoutBaggage: !baggage}),
		Tracer:     a.provider.AgentTracer(), Propagator: a.provider.Propagator(), Logger: a.logger,
	})
	a.warn(err)
}

// prices reads the file of GEMINI_PRICES_FILE on top of the published prices; a bad one is named and left out.
func (a *App) prices() *agent.Prices {
	name := a.cfg.Getenv("GEMINI_PRICES_FILE")
	if name == "" {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		a.warn(errors.New("GEMINI_PRICES_FILE: the file cannot be opened; using the published prices"))
		return nil
	}
	defer func() { _ = file.Close() }()
	prices, err := agent.ReadPrices(file)
	if err != nil {
		a.warn(fmt.Errorf("GEMINI_PRICES_FILE: %w; using the published prices", err))
		return nil
	}
	return prices
}

func toolNames(tools []agent.Tool) []string {
	names := make([]string, len(tools))
	for i, t := range tools {
		names[i] = t.Name
	}
	return names
}
