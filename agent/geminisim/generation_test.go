package geminisim_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

const (
	oneFunction = `"tools":[{"functionDeclarations":[{"name":"f"}]}]`
	bothKinds   = `"tools":[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}}]`
	oneSchema   = `{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"]}`
)

// What the API takes and refuses of settings depends on the model and on the side that serves it.
func TestSettingsAreWhatTheAPITakes(t *testing.T) {
	gemini := func(model string) string { return "/v1beta/models/" + model + ":generateContent" }
	for _, tt := range []struct{ name, path, rest, want string }{
		{"all settings", generatePath, `"generationConfig":{"temperature":0,"topP":1,"seed":-7,"maxOutputTokens":65536,
			"thinkingConfig":{"thinkingLevel":"HIGH"}},"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`, ""},
		{"minimal thinking", generatePath, `"generationConfig":{"thinkingConfig":{"thinkingLevel":"MINIMAL"}}`,
			"Thinking level MINIMAL is not supported for this model. Please retry with other thinking level."},
		{"minimal thinking, a model that has it", gemini("gemini-3.5-flash"),
			`"generationConfig":{"thinkingConfig":{"thinkingLevel":"MINIMAL"}}`, ""},
		{"a thinking level before Gemini 3", gemini("gemini-2.5-flash"),
			`"generationConfig":{"thinkingConfig":{"thinkingLevel":"LOW"}}`, "Thinking level is not supported for this model."},
		{"an unknown thinking level", generatePath, `"generationConfig":{"thinkingConfig":{"thinkingLevel":"DEEP"}}`, "Invalid value"},
		{"too many tokens on Vertex AI", vertexPath, `"generationConfig":{"maxOutputTokens":65537}`, "supported range is from 1"},
		{"a seed that is no whole number", generatePath, `"generationConfig":{"seed":1.5}`, "TYPE_INT32"},
		{"an unknown category", generatePath, `"safetySettings":[{"category":"HARM_CATEGORY_FUN","threshold":"OFF"}]`, "HarmCategory"},
		{"no category", generatePath, `"safetySettings":[{"threshold":"OFF"}]`, "safety_settings[0]: element predicate failed"},
		{"an unknown threshold", generatePath,
			`"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"SOME"}]`, "HarmBlockThreshold"},
		{"a category twice", generatePath, `"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"},
			{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`, "safety_settings[1]: there is already"},

		{"tools of the service", generatePath, `"tools":[{"googleSearch":{}},{"urlContext":{}},{"codeExecution":{}}]`, ""},
		{"beside functions, not asked for", generatePath, bothKinds, "Please enable tool_config.include_server_side_tool_invocations"},
		{"beside functions", generatePath, bothKinds + `,"toolConfig":{"includeServerSideToolInvocations":true}`, ""},
		{"beside functions, Vertex AI", vertexPath, bothKinds, ""},
		{"a field that Vertex AI does not know", vertexPath,
			bothKinds + `,"toolConfig":{"includeServerSideToolInvocations":true}`, "Unknown name"},
		{"beside functions, before Gemini 3", gemini("gemini-2.5-flash"), bothKinds, "Tool use with function calling is unsupported"},
		{"a null is no tool", generatePath, `"tools":[{"functionDeclarations":[{"name":"f"}],"googleSearch":null}]`, ""},

		{"JSON", generatePath, `"generationConfig":{"responseMimeType":"application/json"}`, ""},
		{"JSON of a schema beside functions", generatePath, oneFunction +
			`,"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + oneSchema + `}`, ""},
		{"beside functions, before Gemini 3", gemini("gemini-2.5-flash"), oneFunction +
			`,"generationConfig":{"responseMimeType":"application/json"}`,
			"Function calling with a response mime type: 'application/json' is unsupported"},
		{"beside a tool of the service, before Gemini 3", gemini("gemini-2.5-flash"), `"tools":[{"googleSearch":{}}],` +
			`"generationConfig":{"responseMimeType":"application/json"}`,
			"Tool use with a response mime type: 'application/json' is unsupported"},
		{"a schema of a text", generatePath, `"generationConfig":{"responseJsonSchema":` + oneSchema + `}`, "must be set to application/json"},
		{"two schemas", generatePath, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + oneSchema +
			`,"responseSchema":{"type":"OBJECT"}}`, "must not be set when"},
		{"an answer of another kind", generatePath, `"generationConfig":{"responseMimeType":"image/png"}`, "allowed mimetypes"},
	} {
		body := `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],` + tt.rest + `}`
		resp := post(geminisim.New(geminisim.Config{Anonymous: true}), "POST", tt.path, body, "X-Goog-Api-Key", "k")
		switch {
		case tt.want == "" && resp.StatusCode != 200:
			t.Errorf("%s: refused: %s", tt.name, readError(t, resp).Error.Message)
		case tt.want != "" && resp.StatusCode != 400:
			t.Errorf("%s: status %d, want 400", tt.name, resp.StatusCode)
		case tt.want != "":
			if e := readError(t, resp); !strings.Contains(e.Error.Message, tt.want) {
				t.Errorf("%s: %q, want %q", tt.name, e.Error.Message, tt.want)
			}
		}
	}
}

// The model that plays by itself answers in the form it is asked for.
func TestThePlayedModelAnswersInJSON(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{`{"responseMimeType":"application/json"}`, `{"answer":"Hello!`},
		{`{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","properties":{"n":{"type":"integer","minimum":3},
			"summary":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}},"required":["n","summary","tags"]}}`,
			`{"n":3,"summary":"Hello!`},
	} {
		body := `{"contents":[{"role":"user","parts":[{"text":"hello"}]}],"generationConfig":` + tt.config + `}`
		resp := post(geminisim.New(geminisim.Config{}), "POST", generatePath, body, "X-Goog-Api-Key", "k")
		raw, _ := io.ReadAll(resp.Body)
		var answer struct {
			Candidates []struct {
				Content struct{ Parts []struct{ Text string } }
			}
		}
		if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Candidates) == 0 {
			t.Fatalf("%v: %s", err, raw)
		}
		text := answer.Candidates[0].Content.Parts[0].Text
		if !strings.HasPrefix(text, tt.want) || !json.Valid([]byte(text)) {
			t.Errorf("%s: answered %s", tt.config, text)
		}
	}
}
