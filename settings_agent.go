package function

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/env"
)

const (
	maxAgentName    = 64        // runes
	maxDescription  = 500       // runes; a span shows no more
	maxInstructions = 256 << 10 // bytes
)

// sourceDir is where the build leaves the source, seen from the working directory of the deployed function.
const sourceDir = "serverless_function_source_code"

// describeAgent sets who the agent is: the settings AGENT_NAME, AGENT_DESCRIPTION and AGENT_INSTRUCTIONS, or the file of
// AGENT_INSTRUCTIONS_FILE. What is not set, or no good, has the agent's own default. Config.Instructions wins.
func (a *App) describeAgent(settings *env.Reader, cfg *agent.Config) {
	a.name = shortText(settings, "AGENT_NAME", "a name of at most 64 characters in one line", serviceName, maxAgentName)
	a.description = shortText(settings, "AGENT_DESCRIPTION", "a text of at most 500 characters in one line", "none", maxDescription)
	cfg.Name, cfg.Description = a.name, a.description
	cfg.Instructions = cmp.Or(a.cfg.Instructions, instructions(settings))
}

func shortText(settings *env.Reader, name, want, using string, most int) string {
	text := settings.String(name)
	for _, r := range text {
		if r < ' ' || r == utf8.RuneError {
			settings.Reject(name, want, using)
			return ""
		}
	}
	if utf8.RuneCountInString(text) > most {
		settings.Reject(name, want, using)
		return ""
	}
	return text
}

// instructions are those of the settings, "" for the default ones.
func instructions(settings *env.Reader) string {
	const inline, file = "AGENT_INSTRUCTIONS", "AGENT_INSTRUCTIONS_FILE"
	text, path := settings.String(inline), settings.String(file)
	switch {
	case text != "" && path != "":
		settings.Warn(file, "not read, because "+inline+" is set")
		fallthrough
	case text != "":
		if len(text) > maxInstructions || !utf8.ValidString(text) {
			settings.Reject(inline, "a text of at most 256 KiB in UTF-8", "agent/prompt.md")
			return ""
		}
		return text
	case path == "":
		return ""
	}
	text, err := readText(path)
	if err != nil {
		settings.Warn(file, err.Error()+"; using agent/prompt.md")
	}
	return text
}

// readText reads a file of instructions. A relative path starts in the working directory or, in the deployed function, in
// the source.
func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil && filepath.IsLocal(path) {
		file, err = os.Open(filepath.Join(sourceDir, path))
	}
	if err != nil {
		return "", errors.New("the file cannot be opened")
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxInstructions+1))
	switch {
	case err != nil:
		return "", errors.New("the file cannot be read")
	case len(raw) > maxInstructions:
		return "", errors.New("the file has more than 256 KiB")
	case !utf8.Valid(raw):
		return "", errors.New("the file is not UTF-8")
	case len(raw) == 0:
		return "", errors.New("the file is empty")
	}
	return string(raw), nil
}
