package function

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/agenttest"
)

// What the settings say of the agent reaches its model and its spans, and a bad one costs itself only.
func TestTheAgentIsSettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	usual, err := os.ReadFile("agent/prompt.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		env          map[string]string
		config       string // Config.Instructions
		instructions string // "": the default ones
		warning      string // "": none
	}{
		{name: "nothing set"},
		{name: "a text", env: map[string]string{"AGENT_INSTRUCTIONS": "Be short.\nBe kind."}, instructions: "Be short.\nBe kind."},
		{name: "a file", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": file("a", "From a file.")}, instructions: "From a file."},
		{name: "a file of the source", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": "agent/prompt.md"}, instructions: string(usual)},
		{name: "both", env: map[string]string{"AGENT_INSTRUCTIONS": "Text.", "AGENT_INSTRUCTIONS_FILE": file("b", "File.")},
			instructions: "Text.", warning: "AGENT_INSTRUCTIONS_FILE: not read, because AGENT_INSTRUCTIONS is set"},
		{name: "the program's own", config: "Mine.", env: map[string]string{"AGENT_INSTRUCTIONS": "Text."}, instructions: "Mine."},
		{name: "no such file", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": "nowhere.md"},
			warning: "AGENT_INSTRUCTIONS_FILE: the file cannot be opened; using agent/prompt.md"},
		{name: "a folder", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": dir}, warning: "AGENT_INSTRUCTIONS_FILE: the file cannot be read"},
		{name: "an empty file", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": file("c", "")}, warning: "AGENT_INSTRUCTIONS_FILE: the file is empty"},
		{name: "no text", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": file("d", "\xff\xfe")}, warning: "AGENT_INSTRUCTIONS_FILE: the file is not UTF-8"},
		{name: "too long a file", env: map[string]string{"AGENT_INSTRUCTIONS_FILE": file("e", strings.Repeat("x", maxInstructions+1))},
			warning: "AGENT_INSTRUCTIONS_FILE: the file has more than 256 KiB"},
		{name: "too long a text", env: map[string]string{"AGENT_INSTRUCTIONS": strings.Repeat("x", maxInstructions+1)},
			warning: "is not a text of at most 256 KiB in UTF-8; using agent/prompt.md"},
		{name: "a name of two lines", env: map[string]string{"AGENT_NAME": "one\ntwo"}, warning: "AGENT_NAME: "},
		{name: "too long a name", env: map[string]string{"AGENT_NAME": strings.Repeat("é", 65)}, warning: "using gemini-agent"},
		{name: "too long a description", env: map[string]string{"AGENT_DESCRIPTION": strings.Repeat("é", 501)}, warning: "AGENT_DESCRIPTION: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			model := agenttest.NewModel(agenttest.Say("Hello."))
			a := New(t.Context(), Config{
				Getenv: func(name string) string {
					return map[string]string{"OTEL_TRACES_EXPORTER": "none"}[name] + tt.env[name]
				},
				Model: model, Instructions: tt.config, LogWriter: &log,
			})
			ask(a)
			want := tt.instructions
			if want == "" {
				want = string(usual)
			}
			if got := strings.TrimSpace(model.Sent()[0].Instructions); got != strings.TrimSpace(want) {
				t.Errorf("instructions %.80q, want %.80q", got, want)
			}
			warnings := strings.Count(log.String(), `"severity":"WARNING"`)
			if tt.warning == "" && warnings > 0 || tt.warning != "" && (warnings != 1 || !strings.Contains(log.String(), tt.warning)) {
				t.Errorf("%d warnings, want %q:\n%s", warnings, tt.warning, &log)
			}
		})
	}
}

func TestNameAndDescriptionAreOnTheSpan(t *testing.T) {
	a, rec := newTestApp(t, agenttest.NewModel(agenttest.Say("Hello.")),
		map[string]string{"AGENT_NAME": "Träger", "AGENT_DESCRIPTION": "Carries things."})
	ask(a)
	found := map[string]string{}
	for _, s := range rec.Spans() {
		for _, attr := range s.Attributes() {
			if s.Name() == "agent.task" {
				found[string(attr.Key)] = attr.Value.AsString()
			}
		}
	}
	if found["gen_ai.agent.name"] != "Träger" || found["gen_ai.agent.description"] != "Carries things." {
		t.Errorf("span: %v", found)
	}
}

// Parameters are warned about and left out; the function answers.
func TestABadParameterOfTheModelIsOneWarning(t *testing.T) {
	var log bytes.Buffer
	New(t.Context(), Config{
		Getenv: func(name string) string {
			return map[string]string{
				"OTEL_TRACES_EXPORTER": "none", "GEMINI_API_KEY": "k", "GEMINI_TOP_P": "3", "GEMINI_THINKING_LEVEL": "minimal",
			}[name]
		},
		LogWriter: &log,
	})
	for _, want := range []string{
		`configuration: GEMINI_TOP_P: \"3\" is not a number from 0 to 1; using the model's default`,
		`GEMINI_THINKING_LEVEL: \"minimal\" is not one of low, medium, high, which ` + agent.DefaultModel + ` takes`,
	} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("the log has not once %q:\n%s", want, &log)
		}
	}
}
