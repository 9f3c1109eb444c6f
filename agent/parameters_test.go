package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

func ptr[T any](v T) *T { return &v }

func TestParametersFromEnv(t *testing.T) {
	const h, s, d, x = "HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT",
		"HARM_CATEGORY_SEXUALLY_EXPLICIT"
	for _, tt := range []struct {
		name, value, model string
		want               Parameters
		complaint          string // "": the value is good
	}{
		{"GEMINI_THINKING_LEVEL", " High ", "", Parameters{ThinkingLevel: "high"}, ""},
		{"GEMINI_THINKING_LEVEL", "minimal", "gemini-3.5-flash-lite", Parameters{ThinkingLevel: "minimal"}, ""},
		{"GEMINI_THINKING_LEVEL", "minimal", "gemini-9-new", Parameters{ThinkingLevel: "minimal"}, ""},
		{"GEMINI_THINKING_LEVEL", "minimal", "gemini-3.8-flash", Parameters{}, "low, medium, high, which gemini-3.8-flash takes"},
		{"GEMINI_THINKING_LEVEL", "minimal", "models/gemini-4-argon", Parameters{}, "low, medium, high"},
		{"GEMINI_THINKING_LEVEL", "low", "gemini-2.5-flash", Parameters{}, "takes none"},
		{"GEMINI_THINKING_LEVEL", "deep", "", Parameters{}, "minimal, low, medium, high; using the model's default"},
		{"GEMINI_MAX_OUTPUT_TOKENS", "1", "", Parameters{MaxOutputTokens: 1}, ""},
		{"GEMINI_MAX_OUTPUT_TOKENS", "65536", "", Parameters{MaxOutputTokens: 65536}, ""},
		{"GEMINI_MAX_OUTPUT_TOKENS", "65537", "", Parameters{}, "a whole number from 1 to 65536; using the model's default"},
		{"GEMINI_MAX_OUTPUT_TOKENS", "0", "", Parameters{}, "from 1"},
		{"GEMINI_MAX_OUTPUT_TOKENS", "1e3", "", Parameters{}, "whole number"},
		{"GEMINI_TEMPERATURE", "0", "", Parameters{Temperature: ptr(0.0)}, ""},
		{"GEMINI_TEMPERATURE", "2", "", Parameters{Temperature: ptr(2.0)}, ""},
		{"GEMINI_TEMPERATURE", "2.1", "", Parameters{}, "a number from 0 to 2; using the model's default"},
		{"GEMINI_TEMPERATURE", "NaN", "", Parameters{}, "a number"},
		{"GEMINI_TEMPERATURE", "hot", "", Parameters{}, "a number"},
		{"GEMINI_TOP_P", "0.95", "", Parameters{TopP: ptr(0.95)}, ""},
		{"GEMINI_TOP_P", "-0.1", "", Parameters{}, "a number from 0 to 1"},
		{"GEMINI_SEED", "-2147483648", "", Parameters{Seed: ptr(-1 << 31)}, ""},
		{"GEMINI_SEED", "2147483648", "", Parameters{}, "a whole number from -2147483648 to 2147483647"},
		{"GEMINI_SAFETY", "block_none", "", Parameters{Safety: []Safety{
			{h, "BLOCK_NONE"}, {s, "BLOCK_NONE"}, {x, "BLOCK_NONE"}, {d, "BLOCK_NONE"}}}, ""},
		{"GEMINI_SAFETY", "harassment=OFF, HARM_CATEGORY_HATE_SPEECH=BLOCK_ONLY_HIGH", "", Parameters{Safety: []Safety{
			{h, "OFF"}, {s, "BLOCK_ONLY_HIGH"}}}, ""},
		{"GEMINI_SAFETY", "HARASSMENT=OFF,HARASSMENT=OFF", "", Parameters{}, "using the service's default"},
		{"GEMINI_SAFETY", "HARASSMENT=OFF,FUN=OFF", "", Parameters{}, "HARASSMENT, HATE_SPEECH"},
		{"GEMINI_SAFETY", "HARASSMENT=OFF,BLOCK_NONE", "", Parameters{}, "BLOCK_ONLY_HIGH"},
		{"GEMINI_SAFETY", "SOMETIMES", "", Parameters{}, "BLOCK_ONLY_HIGH"},
		{"GEMINI_TOOLS", "google_search, URL_CONTEXT,google_search,", "", Parameters{ServerTools: []string{"google_search", "url_context"}}, ""},
		{"GEMINI_TOOLS", "google_search,hammer", "", Parameters{}, "a list of google_search, url_context, code_execution; using none"},
		{"GEMINI_TOOLS", "google_search", "gemini-2.5-pro", Parameters{}, "together with functions; using none"},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			got, err := ParametersFromEnv(func(name string) string {
				return map[string]string{tt.name: tt.value}[name]
			}, tt.model)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
			switch {
			case (err == nil) != (tt.complaint == ""):
				t.Errorf("complaint %v, want %q", err, tt.complaint)
			case err != nil && (!strings.HasPrefix(err.Error(), tt.name+": ") || !strings.Contains(err.Error(), tt.complaint) ||
				strings.Contains(err.Error(), "\n")):
				t.Errorf("complaint %q, want one line that names %s and %q", err, tt.name, tt.complaint)
			}
		})
	}
}

// all are parameters of which each has a value.
var all = Parameters{
	ThinkingLevel: "low", MaxOutputTokens: 100, Temperature: ptr(0.0), TopP: ptr(0.5), Seed: ptr(0),
	Safety: []Safety{{"HARM_CATEGORY_HARASSMENT", "OFF"}}, ServerTools: []string{"google_search", "url_context", "code_execution"},
}

// Each parameter is on the wire, where the service takes it, and on the span.
func TestParametersReachTheServiceAndTheSpan(t *testing.T) {
	const config = `"generationConfig":{"maxOutputTokens":100,"seed":0,"temperature":0,"thinkingConfig":{"thinkingLevel":"LOW"},"topP":0.5},` +
		`"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"}]`
	const tools = `"tools":[{"functionDeclarations":[{"name":"f"}]},{"googleSearch":{}},{"urlContext":{}},{"codeExecution":{}}]`
	vertex := map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_API_KEY": "k"}
	for _, tt := range []struct {
		name   string
		env    map[string]string
		params Parameters
		tools  []Tool
		want   string
	}{
		{"nothing", nil, Parameters{}, nil, `"generationConfig":{}}`},
		{"all", nil, all, nil, config + `,"tools":[{"googleSearch":{}},{"urlContext":{}},{"codeExecution":{}}]}`},
		{"all, beside functions", nil, all, []Tool{{Name: "f"}},
			config + `,"toolConfig":{"includeServerSideToolInvocations":true},` + tools + `}`},
		{"all, beside functions, Vertex AI", vertex, all, []Tool{{Name: "f"}}, config + `,` + tools + `}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, sim := newGemini(t, tt.env, geminisim.Text("Hello."))
			g.cfg.Parameters, g.info.Parameters = tt.params, tt.params
			rec := tracingtest.NewRecorder()
			a := New(g, Config{Instructions: "x", Tools: tt.tools, Tracer: agenttrace.New(rec, agenttrace.Config{})})
			if _, err := a.Run(t.Context(), Task{Text: "Hi"}); err != nil {
				t.Fatal(err)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(sim.Requests()[0].Raw, &fields); err != nil {
				t.Fatal(err)
			}
			delete(fields, "contents")
			delete(fields, "systemInstruction")
			raw, _ := json.Marshal(fields)
			if got := strings.TrimPrefix(string(raw), "{"); got != tt.want {
				t.Errorf("sent %s\nwant %s", got, tt.want)
			}
			if tt.params.ThinkingLevel == "" {
				return
			}
			var span string
			for _, s := range rec.Spans() {
				if s.Name() == "llm.generate" {
					span = fmt.Sprint(s.Attributes())
				}
			}
			for _, attr := range []string{
				`{"gen_ai.request.max_tokens":100}`, `{"gen_ai.request.seed":0}`, `{"gen_ai.request.temperature":0}`,
				`{"gen_ai.request.top_p":0.5}`, `{"gen_ai.request.reasoning.level":"low"}`,
				`{"llm.safety":["HARM_CATEGORY_HARASSMENT=OFF"]}`,
				`{"llm.server_tools":["google_search","url_context","code_execution"]}`,
			} {
				if !strings.Contains(span, attr) {
					t.Errorf("the span has no %s:\n%s", attr, span)
				}
			}
			for _, v := range tracingtest.Conformance(rec.Spans()) {
				t.Error(v)
			}
		})
	}
}

// What the service's own tools did goes back as it came: without it the service refuses the next request.
func TestWhatTheServicesToolsDidGoesBack(t *testing.T) {
	const said = `{"parts":[{"toolCall":{"id":"a","toolType":"GOOGLE_SEARCH_WEB","args":{"queries":["x"]}},"thoughtSignature":"c2ln"},` +
		`{"toolResponse":{"id":"a","toolType":"GOOGLE_SEARCH_WEB","response":{"n":1.0}}},{"functionCall":{"name":"f","id":"c","args":{}}}],` +
		`"role":"model"}`
	g, sim := newGemini(t, map[string]string{"GEMINI_MODEL": "gemini-3.8-flash"},
		geminisim.Raw(200, "application/json", `{"candidates":[{"content":`+said+`,"finishReason":"STOP"}]}`),
		geminisim.Text("Hello."))
	g.cfg.Parameters = all
	one := tool("f", func(ctx context.Context) (any, error) { return nil, nil })
	_, _ = New(g, Config{Tools: []Tool{one}}).Run(t.Context(), Task{Text: "Hi"}) // the simulator signs all it says itself
	if requests := sim.Requests(); len(requests) != 2 || !strings.Contains(string(requests[1].Raw), said) {
		t.Errorf("the second of %d requests does not hold what was said", len(requests))
	}
}
