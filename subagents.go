package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/httptrace"
)

// subAgent is another deployment of this function that tasks can be handed to.
type subAgent struct {
	name  string
	agent *agent.SubAgent
	err   error // why there is no agent: its setting is unusable
}

// subAgents are in the order of the settings: SUB_AGENT_URL, which has the name of agent.DefaultSubAgentName, then those
// of SUB_AGENTS.
type subAgents []subAgent

// wireSubAgents reads the settings. What is wrong with one of them costs that one and is a warning; its text quotes no
// address, which may hold a secret.
func (a *App) wireSubAgents(settings *env.Reader) {
	client := a.client(httptrace.TransportConfig{Propagate: true})
	add := func(name, setting, url string) {
		sub, err := agent.NewSubAgent(agent.SubAgentConfig{
			Name: name, Setting: setting, URL: url, Auth: settings.String("SUB_AGENT_AUTH"), HTTPClient: client,
			Tracer: a.provider.AgentTracer(),
		})
		if err == nil && slices.Contains(a.subAgents.toolNames(), sub.ToolName()) {
			settings.Warn(setting, "the name is taken; the first one is used")
			return
		}
		a.warn(err)
		a.subAgents = append(a.subAgents, subAgent{name, sub, err})
	}
	if url := settings.String("SUB_AGENT_URL"); url != "" {
		add(agent.DefaultSubAgentName, "SUB_AGENT_URL", url)
	}
	for _, entry := range settings.List("SUB_AGENTS") {
		name, url, _ := strings.Cut(entry, "=")
		name, url = strings.TrimSpace(name), strings.TrimSpace(url)
		if !agent.ValidSubAgentName(name) || url == "" {
			settings.Warn("SUB_AGENTS", "an entry is not NAME=URL with a name of letters, digits, - or _; it is left out")
			continue
		}
		add(name, "SUB_AGENTS "+name, url)
	}
}

// offer adds the sub-agents to what the agent can call: the one without a name as a tool, the others as sources, which
// ask what they are good for.
func (s subAgents) offer(cfg *agent.Config) {
	for _, sub := range s {
		switch {
		case sub.err != nil:
		case sub.name == agent.DefaultSubAgentName:
			cfg.Tools = append(cfg.Tools, sub.agent.Tool())
		default:
			cfg.Sources = append(cfg.Sources, sub.agent)
		}
	}
}

func (s subAgents) names() []string {
	names := make([]string, len(s))
	for i, sub := range s {
		names[i] = sub.name
	}
	return names
}

// toolNames are the names of the sub-agents' tools.
func (s subAgents) toolNames() []string {
	var names []string
	for _, sub := range s {
		if sub.err == nil {
			names = append(names, sub.agent.ToolName())
		}
	}
	return names
}

// choose is the sub-agent that a request of delegate asks for with ?agent=NAME. Without a name it is that of
// SUB_AGENT_URL, or the only one there is.
func (s subAgents) choose(query url.Values) (*agent.SubAgent, error) {
	if len(s) == 0 {
		return nil, &agent.Error{
			Kind: agent.KindNotConfigured, Reason: "no_sub_agent",
			Message: "no sub-agent is configured; set SUB_AGENT_URL or SUB_AGENTS and restart",
		}
	}
	asked, known := query["agent"], "known are "+strings.Join(s.names(), ", ")
	i := 0
	switch {
	case len(asked) > 1:
		return nil, badRequest(http.StatusBadRequest, "agent", "agent is there more than once; name one sub-agent")
	case len(asked) == 1 && asked[0] != "":
		if i = slices.Index(s.names(), asked[0]); i < 0 {
			return nil, badRequest(http.StatusNotFound, "agent", "there is no sub-agent of this name; "+known)
		}
	case len(s) > 1 && s[0].name != agent.DefaultSubAgentName:
		return nil, badRequest(http.StatusBadRequest, "agent", "name one of the sub-agents with ?agent=NAME; "+known)
	}
	return s[i].agent, s[i].err
}
