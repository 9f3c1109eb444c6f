package geminisim_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"example.com/gemini-agent/agent/geminisim"
)

// declared are functions as an agent may declare them, both ways.
const declared = `"tools":[{"functionDeclarations":[
	{"name":"current_time","parametersJsonSchema":{"type":"object","properties":{"zone":{"type":"string"}}}},
	{"name":"calculate","parametersJsonSchema":{
		"type":"object","properties":{"expression":{"type":"string"}},"required":["expression"]}},
	{"name":"search","parameters":{
		"type":"OBJECT","properties":{"query":{"type":"STRING"},"limit":{"type":"INTEGER"}},"required":["query"]}},
	{"name":"delegate_to_subagent","parameters":{
		"type":"OBJECT","properties":{"task":{"type":"STRING"}},"required":["task"]}},
	{"name":"get_weather","parameters":{"type":"OBJECT","properties":{
		"city":{"type":"STRING"},"unit":{"type":"STRING","enum":["celsius","kelvin"]},"days":{"type":"INTEGER","minimum":2},
		"near":{"type":"ARRAY","items":{"type":"STRING"},"minItems":1},"strict":{"type":"BOOLEAN"}},
		"required":["city","unit","days","near","strict"]}}]}]`

type answered struct {
	Candidates []struct {
		Content struct {
			Parts []struct {
				Text         string
				Thought      bool
				FunctionCall *struct {
					Name string
					Args json.RawMessage
				}
			}
		}
		FinishReason string
	}
	ModelVersion string
}

func request(t *testing.T, body string) answered {
	t.Helper()
	resp := post(geminisim.New(geminisim.Config{}), "POST", generatePath, body, "X-Goog-Api-Key", "k")
	b, _ := io.ReadAll(resp.Body)
	var a answered
	if err := json.Unmarshal(b, &a); err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v: %s", resp.StatusCode, err, b)
	}
	return a
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// calls are the calls of an answer, one a line.
func (a answered) calls() string {
	var lines []string
	for _, p := range a.Candidates[0].Content.Parts {
		if p.FunctionCall != nil {
			lines = append(lines, p.FunctionCall.Name+string(p.FunctionCall.Args))
		}
	}
	return strings.Join(lines, "\n")
}

// The model is small: what it understands stands here. Whatever it is asked, it calls something sensible or answers in
// whole words.
func TestModelCallsWhatTheTaskNeeds(t *testing.T) {
	for _, tc := range []struct{ task, want string }{
		// knowledge
		{"Explica qué es machine learning y sus aplicaciones", `search{"query":"machine learning y sus aplicaciones"}`},
		{"What is machine learning?", `search{"query":"machine learning"}`},
		{"Search for Go generics and calculate 3*4", "search{\"query\":\"Go generics\"}\n" + `calculate{"expression":"3*4"}`},
		{"Busca información sobre los volcanes de Chile.", `search{"query":"volcanes de Chile"}`},
		{"Who was Ada Lovelace?", `search{"query":"Ada Lovelace"}`},
		{"¿Quién es Rosalía?", `search{"query":"Rosalía"}`},
		{"Tell me about serverless functions, please.", `search{"query":"serverless functions"}`},
		{"Find out how tracing works. Then search for sampling.", "search{\"query\":\"tracing works\"}\n" + `search{"query":"sampling"}`},
		{"Search for hotels for 10-20 people", `search{"query":"hotels for 10-20 people"}`},
		{"search 日本の歴史", `search{"query":"日本の歴史"}`},
		// time
		{"¿Qué hora es en Madrid y en Tokio?", `current_time{"zone":"Europe/Madrid"}` + "\n" + `current_time{"zone":"Asia/Tokyo"}`},
		{"what time is it?", `current_time{}`},
		{"Tell me the time in America/Bogota please", `current_time{"zone":"America/Bogota"}`},
		{"What is today's date in New York", `current_time{"zone":"America/New_York"}`},
		// sums
		{"What is 12 * (3 + 4)?", `calculate{"expression":"12 * (3 + 4)"}`},
		{"¿Cuánto es 15% de 200?", `calculate{"expression":"15 / 100 * 200"}`},
		{"cuanto es 3,5 por 2 más 1", `calculate{"expression":"3.5 * 2 + 1"}`},
		{"Compute 1,000 divided by 8 and 2x3", `calculate{"expression":"1000 / 8"}` + "\n" + `calculate{"expression":"2*3"}`},
		{"2 to the power of 10", `calculate{"expression":"2 ^ 10"}`},
		{"What is 10-3?", `calculate{"expression":"10-3"}`},
		{"What's 7 − -2", `calculate{"expression":"7 - -2"}`},
		{"¿Cuánto es 100 entre 4?", `calculate{"expression":"100 / 4"}`},
		{"12 percent of 50", `calculate{"expression":"12 / 100 * 50"}`},
		{"¿Qué hora es en Lima y qué es un span?", `current_time{"zone":"America/Lima"}` + "\n" + `search{"query":"span"}`},
		{"Explícame la fotosíntesis", `search{"query":"fotosíntesis"}`},
		// no sums
		{"What happened on 2026-11-22 with gpt-4 v1.2.3?", ""},
		{"Call me at +34 600-123-456", ""},
		{"My number is 555-1234", ""},
		{"It costs 10-20 euros", ""},
		{"We met on 22/11/2026", ""},
		{"Open ticket #12-34 at 10.0.0.1/24", ""},
		// other agents
		{"Ask the sub-agent to explain what machine learning is, and calculate 12 * 7",
			"delegate_to_subagent{\"task\":\"explain what machine learning is\"}\n" + `calculate{"expression":"12 * 7"}`},
		{"Ask the sub-agent: what time is it in Lima?", `delegate_to_subagent{"task":"what time is it in Lima"}`},
		{"Pregunta al subagente cuánto es 2+2", `delegate_to_subagent{"task":"cuánto es 2+2"}`},
		{"Delegate the research on whales to the sub agent", `delegate_to_subagent{"task":"the research on whales"}`},
		{"Delegate to the sub-agent", `delegate_to_subagent{"task":"Summarize what you know"}`},
		{"Delega al subagente: explica las ballenas", `delegate_to_subagent{"task":"explica las ballenas"}`},
		{"Explain whales using the subagent", `delegate_to_subagent{"task":"Explain whales"}`},
		// one's own tools
		{"I want the weather for Lima", `get_weather{"city":"Lima","days":2,"near":["Lima"],"strict":true,"unit":"celsius"}`},
		{"Weather in kelvin for 5 days in \"San José\"",
			`get_weather{"city":"San José","days":5,"near":["San José"],"strict":true,"unit":"kelvin"}`},
		// neither
		{"Good morning", ""},
		{"Hola, ¿qué tal?", ""},
		{"Write a poem about the sea", ""},
		{"What can you do?", ""},
		{"¿Qué puedes hacer?", ""},
		{"🎉🎉🎉", ""},
		{"func main() { for i := 0; i < 10; i++ {} }", ""},
	} {
		t.Run(tc.task, func(t *testing.T) {
			got := request(t, `{"contents":[{"parts":[{"text":`+quoted(tc.task)+`}]}],`+declared+`}`)
			if got.calls() != tc.want {
				t.Errorf("calls:\n%s\nwant:\n%s", got.calls(), tc.want)
			}
			if tc.want == "" && len(got.Candidates[0].Content.Parts[0].Text) == 0 {
				t.Error("neither a call nor a text")
			}
			if !strings.HasSuffix(got.ModelVersion, "-simulated") {
				t.Errorf("the model %q does not say that it is simulated", got.ModelVersion)
			}
		})
	}
}

// Of several sub-agents the one that is named is asked, else the first.
func TestPlayChoosesAmongSubAgents(t *testing.T) {
	const several = `"tools":[{"functionDeclarations":[{"name":"delegate_to_subagent"},{"name":"delegate_to_research"},{"name":"delegate_to_math"}]}]`
	for task, want := range map[string]string{
		"Ask the research sub-agent what whales are, and ask the math subagent to calculate 12 * 7": "delegate_to_research{}\ndelegate_to_math{}",
		"Delegate to math: 12 * 7":        "delegate_to_math{}",
		"Ask the sub-agent about whales":  "delegate_to_subagent{}",
		"Pregunta al subagente de math 2": "delegate_to_math{}",
	} {
		if got := request(t, `{"contents":[{"parts":[{"text":`+quoted(task)+`}]}],`+several+`}`).calls(); got != want {
			t.Errorf("%s: calls %s, want %s", task, got, want)
		}
	}
}

func TestModelSaysWhatItCannot(t *testing.T) {
	const cannot = "The simulated model cannot answer this; with GEMINI_API_KEY the real one does"
	for task, want := range map[string]string{
		"Write a poem about the sea":    cannot,
		"Call me at 555-1234":           cannot,
		"Escribe un poema sobre el mar": "El modelo simulado no puede responder a esto; con GEMINI_API_KEY el real sí puede",
		"Hello!":                        "Hello! I am the simulated Gemini. What can I do for you?",
		"¡Buenos días!":                 "¡Hola! Soy el Gemini simulado. ¿En qué puedo ayudarte?",
		"What can you do?":              "I am the simulated Gemini. I can use these tools: current_time, calculate, search, delegate_to_subagent, get_weather.",
		"¿Qué herramientas tienes?":     "Soy el Gemini simulado. Puedo usar estas herramientas: current_time, calculate, search, delegate_to_subagent, get_weather.",
	} {
		got := request(t, `{"contents":[{"parts":[{"text":`+quoted(task)+`}]}],`+declared+`}`)
		if text := got.Candidates[0].Content.Parts[0].Text; text != want {
			t.Errorf("%s: %q, want %q", task, text, want)
		}
	}
}

// Whatever comes in, the model answers in whole characters and calls what is declared.
func FuzzModel(f *testing.F) {
	for _, s := range []string{"What is 2+2?", "¿Qué hora es?", "ask the sub-agent to \xff", "1,2,3.4.5 x 6", "Delegate", "日本 and search"} {
		f.Add(s, s)
	}
	sim := geminisim.New(geminisim.Config{})
	f.Fuzz(func(t *testing.T, text, result string) {
		ask := func(contents string) answered {
			resp := post(sim, "POST", strings.Replace(generatePath, model, "gemini-2.5-flash", 1), `{"contents":[`+contents+`],`+declared+`}`,
				"X-Goog-Api-Key", "k")
			b, _ := io.ReadAll(resp.Body)
			var a answered
			if json.Unmarshal(b, &a) != nil || resp.StatusCode == 200 && len(a.Candidates) != 1 || resp.StatusCode >= 500 {
				t.Fatalf("status %d: %s", resp.StatusCode, b)
			}
			return a
		}
		user := `{"parts":[{"text":` + quoted(text) + `}]}`
		for _, a := range []answered{ask(user), ask(user +
			`,{"role":"model","parts":[{"functionCall":{"name":"search","args":{"query":` + quoted(text) + `}}}]}` +
			`,{"parts":[{"functionResponse":{"name":"search","response":{"output":` + quoted(result) + `}}}]}`)} {
			for _, c := range a.Candidates {
				for _, p := range c.Content.Parts {
					if p.FunctionCall != nil && !strings.Contains(declared, quoted(p.FunctionCall.Name)) {
						t.Errorf("calls %s", p.FunctionCall.Name)
					}
					if p.FunctionCall == nil && (strings.TrimSpace(p.Text) == "" || !utf8.ValidString(p.Text)) {
						t.Errorf("says %q", p.Text)
					}
				}
			}
		}
	})
}

// A long result is cut between words, another agent's answer not at all.
func TestAnswersAreNotCutInMidWord(t *testing.T) {
	long := strings.Repeat("palabra ", 200)
	for tool, want := range map[string]string{
		"search": "About x: " + strings.Repeat("palabra ", 74) + "palabra …", "delegate_to_subagent": "The sub-agent says: " + long,
	} {
		path := strings.Replace(generatePath, model, "gemini-2.5-flash", 1)
		resp := post(geminisim.New(geminisim.Config{}), "POST", path, `{"contents":[{"parts":[{"text":"go"}]},`+
			`{"role":"model","parts":[{"functionCall":{"name":"`+tool+`","args":{"query":"x"}}}]},`+
			`{"parts":[{"functionResponse":{"name":"`+tool+`","response":{"output":`+quoted(long)+`}}}]}],`+declared+`}`, "X-Goog-Api-Key", "k")
		var a answered
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || len(a.Candidates) != 1 {
			t.Fatalf("%v %+v", err, a)
		}
		if got := a.Candidates[0].Content.Parts[0].Text; got != want {
			t.Errorf("%s: %q, want %q", tool, got, want)
		}
	}
}

func TestModelIsDeterministic(t *testing.T) {
	body := `{"contents":[{"parts":[{"text":"calculate 2+3 and search for whales"}]}],` + declared + `}`
	read := func() string {
		b, _ := io.ReadAll(post(geminisim.New(geminisim.Config{}), "POST", generatePath, body, "X-Goog-Api-Key", "k").Body)
		return string(b)
	}
	if a, b := read(), read(); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestModelObeysTheCallingMode(t *testing.T) {
	task := `{"contents":[{"parts":[{"text":"calculate 2+3 and search for whales"}]}],` + declared
	for _, tc := range []struct{ config, want string }{
		{`{"mode":"NONE"}`, ""},
		{`{"mode":"ANY","allowedFunctionNames":["search"]}`, `search{"query":"whales"}`},
		{`{"mode":"ANY","allowedFunctionNames":["delegate_to_subagent"]}`,
			`delegate_to_subagent{"task":"calculate 2+3 and search for whales"}`},
	} {
		got := request(t, task+`,"toolConfig":{"functionCallingConfig":`+tc.config+`}}`)
		if got.calls() != tc.want {
			t.Errorf("%s: calls %s, want %s", tc.config, got.calls(), tc.want)
		}
	}
}

func TestModelUsesWhatTheToolsSaid(t *testing.T) {
	for _, tc := range []struct{ task, name, args, response, want string }{
		{"what is 2+2", "calculate", `{"expression":"2 + 2"}`, `{"output":{"result":4}}`, "2 + 2 = 4"},
		{"what is 2+2", "calculate", `{"expression":"2 + 2"}`, `{"error":"division by zero"}`,
			"The tool calculate failed: division by zero"},
		{"¿cuánto es 2+2?", "calculate", `{}`, `{"error":{"message":"no"}}`,
			"La herramienta calculate falló: message: no"},
		{"hora", "current_time", `{"zone":"UTC"}`, `{"output":{"time":"12:00","zone":"UTC"}}`, "La hora en UTC: 12:00"},
		{"search whales", "search", `{"query":"whales"}`,
			`{"output":{"results":[{"title":"A","snippet":"big"},{"title":"B","snippet":"blue"}]}}`, "About whales: big; blue"},
		{"pregunta al subagente qué es", "delegate_to_subagent", `{"task":"x"}`, `{"output":{"response":"así"}}`,
			"El subagente dice: así"},
		{"weather", "get_weather", `{}`, `{"temp":21.5,"sky":"clear"}`, "get_weather: sky: clear, temp: 21.5"},
		{"weather", "get_weather", `{}`, `{}`, "get_weather: nothing"},
	} {
		t.Run(tc.task, func(t *testing.T) {
			// Gemini 2.5 asks for no signature, so the history can be written by hand.
			path := strings.Replace(generatePath, model, "gemini-2.5-flash", 1)
			resp := post(geminisim.New(geminisim.Config{}), "POST", path,
				`{"contents":[{"parts":[{"text":`+quoted(tc.task)+`}]},`+
					`{"role":"model","parts":[{"functionCall":{"name":"`+tc.name+`","args":`+tc.args+`}}]},`+
					`{"parts":[{"functionResponse":{"name":"`+tc.name+`","response":`+tc.response+`}}]}],`+declared+`}`,
				"X-Goog-Api-Key", "k")
			var a answered
			if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || len(a.Candidates) != 1 {
				t.Fatalf("%v %+v", err, a)
			}
			if got := a.Candidates[0].Content.Parts[0].Text; got != tc.want {
				t.Errorf("answer %q, want %q", got, tc.want)
			}
		})
	}
}

func TestModelHonoursSettings(t *testing.T) {
	a := request(t, withConfig(`{"maxOutputTokens":3}`))
	if got := a.Candidates[0]; got.FinishReason != "MAX_TOKENS" || len(got.Content.Parts[0].Text) != 12 {
		t.Errorf("%+v", got)
	}
	a = request(t, withConfig(`{"thinkingConfig":{"includeThoughts":true}}`))
	if got := a.Candidates[0].Content.Parts; len(got) != 2 || !got[0].Thought || got[1].Thought {
		t.Errorf("%+v", got)
	}
}

func TestModelTakesItsTimeToThink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := geminisim.New(geminisim.Config{ThinkTime: time.Hour})
		began := time.Now()
		post(sim, "POST", generatePath, hello, "X-Goog-Api-Key", "k")
		if took := time.Since(began); took != time.Hour {
			t.Errorf("took %v", took)
		}
	})
}

func BenchmarkGenerate(b *testing.B) {
	body := `{"contents":[{"parts":[{"text":"calculate 2+3 and search for whales"}]}],` + declared + `}`
	sim := geminisim.New(geminisim.Config{})
	b.ReportAllocs()
	for b.Loop() {
		post(sim, "POST", generatePath, body, "X-Goog-Api-Key", "k")
	}
}
