package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/tracing"
)

// namedAgents are the sub-agents asked for with -sub-agent NAME=DESCRIPTION, which can be there several times.
type namedAgents []namedAgent

type namedAgent struct{ name, description string }

func (n *namedAgents) String() string { return "" }

// Set takes one flag. What names are allowed, the agent says.
func (n *namedAgents) Set(value string) error {
	name, description, _ := strings.Cut(value, "=")
	*n = append(*n, namedAgent{name, description})
	return nil
}

// startSubAgents starts the sub-agents that were asked for by name; without any, one unless SUB_AGENT_URL or SUB_AGENTS
// name others. They have the same tools as the agent but no sub-agents of their own.
func (s *system) startSubAgents(ctx context.Context, env *overlay, named namedAgents, configure func(*tracing.Config)) error {
	if len(named) == 0 {
		if env.get("SUB_AGENT_URL") != "" || env.get("SUB_AGENTS") != "" {
			return nil
		}
		url, err := s.startSubAgent(ctx, env.with("OTEL_SERVICE_NAME", "gemini-sub-agent"), configure)
		env.over["SUB_AGENT_URL"] = url
		s.note("sub-agent: %s", url)
		return err
	}
	var list []string
	for _, n := range named {
		own := env.with("OTEL_SERVICE_NAME", "gemini-"+n.name)
		for name, value := range map[string]string{
			"AGENT_NAME": n.name, "AGENT_DESCRIPTION": n.description, "SUB_AGENT_URL": "", "SUB_AGENTS": "",
		} {
			own.over[name] = value
		}
		url, err := s.startSubAgent(ctx, own, configure)
		if err != nil {
			return err
		}
		list = append(list, n.name+"="+url)
		s.note("sub-agent %s: %s", n.name, url)
	}
	env.over["SUB_AGENTS"] = strings.Join(list, ",")
	return nil
}

// startSubAgent starts one and returns its address.
func (s *system) startSubAgent(ctx context.Context, env *overlay, configure func(*tracing.Config)) (string, error) {
	app := function.New(ctx, function.Config{
		Getenv: env.get, LogWriter: os.Stderr, LogText: isTerminal(os.Stderr), Tracing: configure,
	})
	s.subAgents = append(s.subAgents, app)
	addr, err := s.listen(s.faults.subAgent(app))
	if err != nil {
		return "", fmt.Errorf("starting a sub-agent: %w", err)
	}
	return "http://" + addr, nil
}
