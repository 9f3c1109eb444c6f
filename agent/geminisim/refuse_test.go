package geminisim_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// post sends body to the server as any client might.
func post(sim *geminisim.Server, method, path, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w.Result()
}

const (
	generatePath = "/v1beta/models/" + model + ":generateContent"
	vertexPath   = "/v1beta1/projects/p/locations/global/publishers/google/models/" + model + ":generateContent"
	hello        = `{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}`
)

type errorBody struct {
	Error struct {
		Code    int
		Message string
		Status  string
		Details []map[string]any
	}
}

func readError(t *testing.T, resp *http.Response) errorBody {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e errorBody
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatalf("status %d, no error JSON: %s", resp.StatusCode, b)
	}
	if e.Error.Code != resp.StatusCode {
		t.Errorf("status %d, code %d", resp.StatusCode, e.Error.Code)
	}
	return e
}

func withTools(declarations string) string {
	return `{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[` + declarations + `]}]}`
}

func withConfig(config string) string {
	return `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":` + config + `}`
}

func withContents(contents string) string { return `{"contents":[` + contents + `]}` }

const user = `{"role":"user","parts":[{"text":"x"}]}`

func call(name, id string) string {
	return `{"role":"model","parts":[{"functionCall":{"name":"` + name + `","id":"` + id + `","args":{}}}]}`
}

func response(name, id string) string {
	return `{"role":"user","parts":[{"functionResponse":{"name":"` + name + `","id":"` + id + `","response":{}}}]}`
}

func TestRefusals(t *testing.T) {
	for _, rule := range rules {
		if rule.source == "" || len(rule.refused) == 0 {
			t.Errorf("%s: no source or no example", rule.rule)
		}
		for _, tc := range rule.refused {
			t.Run(tc.name, func(t *testing.T) {
				sim := geminisim.New(geminisim.Config{})
				resp := post(sim, "POST", generatePath, tc.body, "X-Goog-Api-Key", "k")
				e := readError(t, resp)
				if e.Error.Code != 400 || e.Error.Status != "INVALID_ARGUMENT" || !strings.Contains(e.Error.Message, tc.want) {
					t.Errorf("%s: answer %+v, want 400 INVALID_ARGUMENT and %q", rule.rule, e.Error, tc.want)
				}
				if reqs := sim.Requests(); len(reqs) != 1 || !reqs[0].Refused || string(reqs[0].Raw) != tc.body {
					t.Errorf("recorded %+v", reqs)
				}
			})
		}
	}
}

func TestViolationsAreListed(t *testing.T) {
	resp := post(geminisim.New(geminisim.Config{}), "POST", generatePath,
		`{"foo":1,"contents":[{"bar":2}]}`, "X-Goog-Api-Key", "k")
	e := readError(t, resp)
	if strings.Count(e.Error.Message, "\n") != 1 || len(e.Error.Details) != 1 ||
		e.Error.Details[0]["@type"] != "type.googleapis.com/google.rpc.BadRequest" ||
		len(e.Error.Details[0]["fieldViolations"].([]any)) != 2 {
		t.Errorf("%+v", e.Error)
	}
}

func TestRefusedBeforeTheBodyCounts(t *testing.T) {
	for _, tc := range []struct {
		name         string
		cfg          geminisim.Config
		path, body   string
		header       []string
		code         int
		status, want string
		reason       string
	}{
		{"no key", geminisim.Config{}, generatePath, hello, nil, 403, "PERMISSION_DENIED", "unregistered callers", ""},
		{"wrong key", geminisim.Config{APIKey: "right"}, generatePath, hello, []string{"X-Goog-Api-Key", "wrong"},
			400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"},
		{"no token", geminisim.Config{}, vertexPath, hello, nil, 401, "UNAUTHENTICATED", "missing required",
			"CREDENTIALS_MISSING"},
		{"unknown model", geminisim.Config{}, "/v1beta/models/gemini-9:generateContent", hello,
			[]string{"X-Goog-Api-Key", "k"}, 404, "NOT_FOUND",
			"models/gemini-9 is not found for API version v1beta, or is not supported for generateContent.", ""},
		{"newer model where models are named", geminisim.Config{Models: []string{model}},
			"/v1beta/models/gemini-4-argon:generateContent", hello, []string{"X-Goog-Api-Key", "k"}, 404, "NOT_FOUND",
			"models/gemini-4-argon is not found", ""},
		{"model of another maker", geminisim.Config{}, "/v1beta/models/gemini-4-argon.x:generateContent", hello,
			[]string{"X-Goog-Api-Key", "k"}, 404, "NOT_FOUND", "is not found", ""},
		{"retired preview", geminisim.Config{}, "/v1beta/models/gemini-3-pro-preview:generateContent", hello,
			[]string{"X-Goog-Api-Key", "k"}, 404, "NOT_FOUND", "models/gemini-3-pro-preview is no longer available", ""},
		{"JSON and functions before Gemini 3", geminisim.Config{}, strings.Replace(generatePath, model, "gemini-2.5-flash", 1),
			`{"contents":[` + user + `],"tools":[{"functionDeclarations":[{"name":"f"}]}],` +
				`"generationConfig":{"responseMimeType":"application/json"}}`, []string{"X-Goog-Api-Key", "k"},
			400, "INVALID_ARGUMENT", "Function calling with a response mime type: 'application/json' is unsupported", ""},
		{"retired model", geminisim.Config{}, "/v1beta/models/gemini-2.0-flash:generateContent", hello,
			[]string{"X-Goog-Api-Key", "k"}, 404, "NOT_FOUND", "models/gemini-2.0-flash is no longer available", ""},
		{"unknown model on Vertex AI", geminisim.Config{},
			"/v1beta1/projects/p/locations/l/publishers/google/models/gemini-9:generateContent", hello,
			[]string{"Authorization", "Bearer t"}, 404, "NOT_FOUND",
			"Publisher Model `projects/p/locations/l/publishers/google/models/gemini-9`", ""},
		{"body too large", geminisim.Config{MaxBody: 10}, generatePath, hello, []string{"X-Goog-Api-Key", "k"},
			400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 10 bytes.", ""},
		{"no role on Vertex AI", geminisim.Config{}, vertexPath, withContents(`{"parts":[{"text":"x"}]}`),
			[]string{"Authorization", "Bearer t"}, 400, "INVALID_ARGUMENT", "Please use a valid role", ""},
		{"no signature on Vertex AI", geminisim.Config{}, vertexPath,
			withContents(user + `,` + call("f", "") + `,` + response("f", "")),
			[]string{"Authorization", "Bearer t"}, 400, "INVALID_ARGUMENT",
			"function call `default_api:f` in the 2. content block is missing a `thought_signature`.", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := readError(t, post(geminisim.New(tc.cfg), "POST", tc.path, tc.body, tc.header...))
			if e.Error.Code != tc.code || e.Error.Status != tc.status || !strings.Contains(e.Error.Message, tc.want) {
				t.Errorf("answer %+v", e.Error)
			}
			if tc.reason != "" && (len(e.Error.Details) == 0 || e.Error.Details[0]["reason"] != tc.reason) {
				t.Errorf("details %v", e.Error.Details)
			}
		})
	}
}

func TestNoSuchPage(t *testing.T) {
	for _, req := range []string{
		"GET " + generatePath, "PUT " + generatePath, "POST /", "POST /v1beta/models/" + model,
		"POST /v1beta/models/" + model + ":embed", "POST /v2/models/" + model + ":generateContent",
		"POST /v1beta/tunedModels/x:generateContent", "POST /v1beta1/publishers/other/models/x:generateContent",
		"POST /v1beta1/projects//locations/l/publishers/google/models/x:generateContent",
		"POST /v1beta/models/a/b:generateContent",
	} {
		method, path, _ := strings.Cut(req, " ")
		resp := post(geminisim.New(geminisim.Config{}), method, path, hello, "X-Goog-Api-Key", "k")
		if resp.StatusCode != 404 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: status %d, %s", req, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}

const signedCall = `{"role":"model","parts":[{"thoughtSignature":"skip_thought_signature_validator",` +
	`"functionCall":{"name":"f","args":{}}}]}`

// standIn is a history that no Gemini made, signed as Google says such a one is.
func standIn(signature string) string {
	return withContents(user + `,{"role":"model","parts":[{"functionCall":{"name":"f","args":{}},"thoughtSignature":"` +
		signature + `"}]},` + response("f", ""))
}

// What is unusual but right is taken.
func TestAccepted(t *testing.T) {
	for _, tc := range []struct{ name, path, body string }{
		{"plain", generatePath, hello},
		{"key in the query", generatePath + "?key=k", hello},
		{"v1", "/v1/models/" + model + ":generateContent", hello},
		{"alias", "/v1beta/models/gemini-flash-latest:generateContent", hello},
		{"snake case", generatePath,
			`{"contents":[{"parts":[{"text":"x"}]}],"generation_config":{"max_output_tokens":9,"top_p":"0.5"},` +
				`"system_instruction":{"parts":{"text":"be brief"}},"tools":{"function_declarations":{"name":"f"}}}`},
		{"nulls", generatePath, `{"contents":[{"role":null,"parts":[{"text":"x","functionCall":null}]}],"tools":null,` +
			`"systemInstruction":null,"generationConfig":null}`},
		{"white space", generatePath, " {\n\t\"contents\" : [ { \"parts\" : [ { \"text\" : \"a\\u00e9\\\"b\" } ] } ] }\n"},
		{"two user turns", generatePath, withContents(user + `,` + user)},
		{"image", generatePath, withContents(`{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}`)},
		{"legacy role", generatePath, withContents(user + `,` + call("f", "") + `,` +
			`{"role":"function","parts":[{"functionResponse":{"name":"f","response":{}}}]},` +
			`{"role":"model","parts":[{"text":"x"}]},` + user)},
		{"responses in another order", generatePath, withContents(user + `,` +
			`{"role":"model","parts":[{"functionCall":{"name":"f","id":"1"}},{"functionCall":{"name":"f","id":"2"}}]},` +
			`{"parts":[{"functionResponse":{"name":"f","id":"2","response":{}}},` +
			`{"functionResponse":{"name":"f","id":"1","response":{}}}]},` +
			`{"role":"model","parts":[{"text":"x"}]},` + user)},
		{"schemas", generatePath,
			withTools(`{"name":"a.b:c-d","parameters":{"type":"object","properties":{"a":{"type":"ARRAY",` +
				`"items":{"type":"string","enum":["x"]},"minItems":"1"}},"required":["a"],"propertyOrdering":["a"]}},` +
				`{"name":"g","parametersJsonSchema":{"$ref":"#/$defs/x","$defs":{"x":{"type":"object"}},"$schema":"y"}},` +
				`{"name":"h"}`)},
		{"a field of Vertex AI", vertexPath, `{"contents":[` + user + `],"labels":{"a":"b"}}`},
		{"a model newer than the simulator", "/v1beta/models/gemini-4.1-krypton-lite:generateContent", hello},
		{"a newer model on Vertex AI", strings.Replace(vertexPath, model, "gemini-4-argon", 1), hello},
		{"stand-in signature", generatePath, standIn("skip_thought_signature_validator")},
		{"the other stand-in signature", generatePath, standIn("context_engineering_is_the_way_to_go")},
		{"stand-in signature in base64", vertexPath,
			standIn(base64.StdEncoding.EncodeToString([]byte("context_engineering_is_the_way_to_go")))},
		{"data in a response, named by it", generatePath, withContents(user + `,` + signedCall + `,` +
			`{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"image":{"$ref":"a.png"}},` +
			`"parts":[{"inlineData":{"mimeType":"image/png","displayName":"a.png","data":"AAAA"}}]}}]}`)},
		{"text that speaks of references", generatePath, withContents(user + `,` + signedCall + `,` +
			`{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"ref":"x","output":"{\"$ref\":\"#/x\"}"}}}]}`)},
		{"references within a JSON Schema", generatePath,
			withTools(`{"name":"f","parametersJsonSchema":{"type":"object","properties":{` +
				`"a":{"$ref":"#/$defs/A%20b","description":"x"},"c":{"$ref":"#/properties/d~1e/anyOf/1"},"d/e":{"anyOf":[{},true]}},` +
				`"$defs":{"A b":{"type":"object","properties":{"next":{"$ref":"#/$defs/A%20b"}}}}}}`)},
		{"objects without properties in JSON Schema", generatePath,
			withTools(`{"name":"f","parametersJsonSchema":{"type":"object","properties":{}}}`)},
		{"response schema", generatePath, withConfig(`{"responseMimeType":"application/json",` +
			`"responseSchema":{"type":"OBJECT","properties":{"a":{"type":"STRING","enum":["b"]}}}}`)},
		{"response JSON Schema beside functions", generatePath, `{"contents":[` + user + `],"tools":[{"functionDeclarations":[` +
			`{"name":"f"}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim := geminisim.New(geminisim.Config{})
			var header []string
			if !strings.Contains(tc.path, "key=") {
				header = []string{"X-Goog-Api-Key", "k"}
			}
			resp := post(sim, "POST", tc.path, tc.body, header...)
			if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !json.Valid(b) {
				t.Errorf("status %d: %s", resp.StatusCode, b)
			}
		})
	}
}

func TestStreamWithoutSSEIsAnArray(t *testing.T) {
	sim := geminisim.New(geminisim.Config{})
	path := strings.Replace(generatePath, "generateContent", "streamGenerateContent", 1)
	for _, body := range []string{hello, `{}`} {
		resp := post(sim, "POST", path, body, "X-Goog-Api-Key", "k")
		var chunks []map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&chunks); err != nil || len(chunks) == 0 {
			t.Errorf("%v, %d chunks", err, len(chunks))
		}
	}
}

// Whatever comes, the answer is an answer of the API.
func FuzzRequest(f *testing.F) {
	for _, rule := range rules {
		for _, tc := range rule.refused {
			f.Add(tc.body, false)
		}
	}
	f.Add(hello, true)
	f.Add(withTools(`{"name":"calculate","parameters":{`+
		`"type":"OBJECT","properties":{"a":{"type":"STRING"}},"required":["a"]}}`), false)
	f.Add(`{"contents":[{"parts":[{"text":"¿Qué hora es en Lima y cuánto es 15% de 3,5? Delegate it: 2x3 (4"}]}],`+
		`"tools":[{"functionDeclarations":[{"name":"calculate"},{"name":"current_time"},{"name":"delegate"}]}],`+
		`"generationConfig":{"maxOutputTokens":2,"thinkingConfig":{"includeThoughts":true}}}`, true)
	f.Fuzz(func(t *testing.T, body string, vertex bool) {
		path := generatePath
		if vertex {
			path = strings.Replace(vertexPath, "generateContent", "streamGenerateContent", 1)
		}
		sim := geminisim.New(geminisim.Config{})
		resp := post(sim, "POST", path, body, "X-Goog-Api-Key", "k")
		b, err := io.ReadAll(resp.Body)
		if err != nil || !json.Valid(b) || resp.StatusCode != 200 && resp.StatusCode != 400 {
			t.Errorf("status %d, %v: %s", resp.StatusCode, err, b)
		}
		if len(sim.Requests()) != 1 {
			t.Error("not recorded")
		}
	})
}
