package geminisim_test

import (
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

// refusals are the bodies the API answers 400 to, with part of what it says.
var refusals = []struct{ name, body, want string }{
	{"empty body", ``, "* GenerateContentRequest.contents: contents is not specified\n"},
	{"no contents", `{}`, "contents is not specified"},
	{"empty contents", `{"contents":[]}`, "contents is not specified"},
	{"not JSON", `{"contents":[`, "Invalid JSON payload received. Unexpected end of string."},
	{"garbage", `{"contents":[}]}`, "Invalid JSON payload received. Unexpected token."},
	{"two values", hello + hello, "Invalid JSON payload received."},
	{"not an object", `7`, "Invalid value at ''"},
	{"unknown field", `{"contents":[],"temperature":1}`, `Unknown name "temperature": Cannot find field.`},
	{"unknown field, deep", withContents(`{"parts":[{"text":"x"},{"txt":"x"}]}`),
		`Unknown name "txt" at 'contents[0].parts[1]': Cannot find field.`},
	{"a field of another case", `{"Contents":[]}`, `Unknown name "Contents"`},
	{"a field of Vertex AI", `{"contents":[],"labels":{"a":"b"}}`, `Unknown name "labels": Cannot find field.`},
	{"wrong type", withContents(`{"role":1,"parts":[{"text":"x"}]}`),
		`Invalid value at 'contents[0].role' (TYPE_STRING), 1`},
	{"list for one", withContents(`{"role":["user"]}`), "Proto field is not repeating, cannot start list."},
	{"two data fields", withContents(`{"parts":[{"text":"x","functionCall":{"name":"f"}}]}`),
		"oneof field 'data' is already set. Cannot set 'functionCall'"},

	{"role assistant", withContents(`{"role":"assistant","parts":[{"text":"x"}]}`),
		"Please use a valid role: user, model."},
	{"no parts", withContents(`{"role":"user"}`), "contents[0].parts: contents.parts must not be empty."},
	{"empty part", withContents(`{"parts":[{}]}`), "contents[0].parts[0].data: required oneof field 'data'"},
	{"empty text", withContents(`{"parts":[{"text":""}]}`), "required oneof field 'data'"},
	{"empty system instruction", `{"contents":[{"parts":[{"text":"x"}]}],"systemInstruction":{}}`,
		"system_instruction.parts"},
	{"model alone", withContents(`{"role":"model","parts":[{"text":"x"}]}`),
		"Please ensure that single turn requests end"},
	{"model first", withContents(`{"role":"model","parts":[{"text":"x"}]},{"parts":[{"text":"y"}]}`),
		"start with a user turn"},
	{"model last", withContents(`{"parts":[{"text":"y"}]},{"role":"model","parts":[{"text":"x"}]}`),
		"end with a user turn"},

	{"call first", withContents(`{"role":"model","parts":[{"functionCall":{"name":"f"}}]},` + response("f", "")),
		"function call turn comes immediately after a user turn"},
	{"call by the user", withContents(`{"parts":[{"functionCall":{"name":"f"}}]}`),
		"function call turn contains at least one"},
	{"call after model", withContents(user + `,{"role":"model","parts":[{"text":"x"}]},` + call("f", "") + `,` +
		response("f", "")),
		"function call turn comes immediately after a user turn or after a function response turn."},
	{"call unanswered", withContents(user + `,` + call("f", "")), "number of function response parts is equal"},
	{"call overtaken", withContents(user + `,` + call("f", "") + `,` + user),
		"number of function response parts is equal"},
	{"response out of the blue", withContents(response("f", "")),
		"function response turn comes immediately after a function call turn."},
	{"response by the model", withContents(user +
		`,{"role":"model","parts":[{"functionResponse":{"name":"f","response":{}}}]}`),
		"function response turn comes immediately after"},
	{"too many responses", withContents(user + `,` + call("f", "") + `,{"parts":[` +
		`{"functionResponse":{"name":"f","response":{}}},{"functionResponse":{"name":"f","response":{}}}]}`),
		"number of function response parts is equal to the number of function call parts of the function call turn."},
	{"response of another name", withContents(user + `,` + call("f", "") + `,` + response("g", "")), `has the name "g"`},
	{"response of another id", withContents(user + `,` + call("f", "1") + `,` + response("f", "2")), `the id "2"`},
	{"response without a name", withContents(user + `,` + call("f", "") + `,` + response("", "")),
		"Name cannot be empty."},
	{"response without a response", withContents(user + `,` + call("f", "") +
		`,{"parts":[{"functionResponse":{"name":"f"}}]}`),
		"function_response.response"},
	{"no signature", withContents(user + `,` + call("f", "") + `,` + response("f", "")),
		"Function call is missing a thought_signature in functionCall parts."},
	{"made-up signature", withContents(user + `,{"role":"model","parts":[{"text":"x","thoughtSignature":"AAAA"}]},` +
		user),
		"Corrupted thought signature."},

	{"function name", withTools(`{"name":"get weather"}`),
		"tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name."},
	{"function name with a digit first", withTools(`{"name":"1st"}`), "Invalid function name."},
	{"function name too long", withTools(`{"name":"` + strings.Repeat("f", 129) + `"}`), "maximum length of 128"},
	{"no function name", withTools(`{"description":"x"}`), "Invalid function name."},
	{"duplicate function", withTools(`{"name":"f"},{"name":"f"}`), "Duplicate function declaration found: f"},
	{"both schemas", withTools(`{"name":"f","parameters":{"type":"OBJECT"},"parametersJsonSchema":{"type":"object"}}`),
		"mutually exclusive"},
	{"schema of a string", withTools(`{"name":"f","parameters":{"type":"STRING"}}`), "schema should be of type OBJECT"},
	{"schema without a type", withTools(`{"name":"f","parameters":{}}`), "schema should be of type OBJECT"},
	{"JSON schema of a string", withTools(`{"name":"f","parametersJsonSchema":{"type":"string"}}`),
		"schema should be of type OBJECT"},
	{"schema is a string", withTools(`{"name":"f","parameters":"x"}`), "parameters' (type.googleapis.com"},
	{"JSON schema is a list", withTools(`{"name":"f","parametersJsonSchema":[]}`), "parameters_json_schema'"},
	{"schema word",
		withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","$schema":"x"}}}}`),
		`Unknown name "$schema" at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field.`},
	{"additionalProperties", withTools(`{"name":"f","parameters":{"type":"OBJECT","additionalProperties":false}}`),
		`Unknown name "additionalProperties"`},
	{"schema type", withTools(`{"name":"f","parameters":{"type":"text"}}`), `parameters.type' (type.googleapis.com`},
	{"schema type list", withTools(`{"name":"f","parameters":{"type":["OBJECT"]}}`), "cannot start list"},
	{"array without items", withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"ARRAY"}}}}`),
		"parameters.properties[a].items: missing field."},
	{"enum of integers",
		withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"INTEGER","enum":["1"]}}}}`),
		"only allowed for STRING type"},
	{"required but not there", withTools(`{"name":"f","parameters":{"type":"OBJECT","required":["a"]}}`),
		"required[0]: property is not defined"},
	{"string format",
		withTools(`{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","format":"uri"}}}}`),
		"only 'enum' and 'date-time' are supported"},
	{"schema nested too deep", withTools(`{"name":"f","parameters":` + strings.Repeat(`{"type":"ARRAY","items":`, 40) +
		`{}` +
		strings.Repeat(`}`, 40) + `}`), "nested too deep"},

	{"mode", `{"contents":[],"toolConfig":{"functionCallingConfig":{"mode":"MAYBE"}}}`,
		"tool_config.function_calling_config.mode"},
	{"mode any without functions",
		`{"contents":[{"parts":[{"text":"x"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}`,
		"without function_declarations"},
	{"allowed functions in mode auto",
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],` +
			`"toolConfig":{"functionCallingConfig":{"allowedFunctionNames":["f"]}}}`, "only be set when mode is ANY"},
	{"allowed function unknown",
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}],` +
			`"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}}}`, `"g" is not declared`},

	{"temperature", withConfig(`{"temperature":2.1}`), "temperature must be in the range [0, 2]."},
	{"topP", withConfig(`{"topP":-0.1}`), "top_p must be in the range [0, 1]."},
	{"topK", withConfig(`{"topK":0}`), "top_k must be in the range"},
	{"maxOutputTokens", withConfig(`{"maxOutputTokens":0}`), "max_output_tokens must be in the range"},
	{"maxOutputTokens of half", withConfig(`{"maxOutputTokens":1.5}`), "(TYPE_INT32), 1.5"},
	{"not a number", withConfig(`{"temperature":"warm"}`), `(TYPE_FLOAT), "warm"`},
	{"not a finite number", withConfig(`{"temperature":"NaN"}`), `(TYPE_FLOAT), "NaN"`},
	{"candidateCount", withConfig(`{"candidateCount":9}`), "candidate_count must be in the range [1, 8]."},
	{"two candidates", withConfig(`{"candidateCount":2}`), "Multiple candidates is not enabled for this model"},
	{"stop sequences", withConfig(`{"stopSequences":["1","2","3","4","5","6"]}`), "at most 5"},
	{"thinking twice", withConfig(`{"thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"}}`), "only set only one"},
}

const user = `{"role":"user","parts":[{"text":"x"}]}`

func call(name, id string) string {
	return `{"role":"model","parts":[{"functionCall":{"name":"` + name + `","id":"` + id + `","args":{}}}]}`
}

func response(name, id string) string {
	return `{"role":"user","parts":[{"functionResponse":{"name":"` + name + `","id":"` + id + `","response":{}}}]}`
}

func TestRefusals(t *testing.T) {
	for _, tc := range refusals {
		t.Run(tc.name, func(t *testing.T) {
			sim := geminisim.New(geminisim.Config{})
			resp := post(sim, "POST", generatePath, tc.body, "X-Goog-Api-Key", "k")
			e := readError(t, resp)
			if e.Error.Code != 400 || e.Error.Status != "INVALID_ARGUMENT" || !strings.Contains(e.Error.Message, tc.want) {
				t.Errorf("answer %+v, want 400 INVALID_ARGUMENT and %q", e.Error, tc.want)
			}
			if reqs := sim.Requests(); len(reqs) != 1 || !reqs[0].Refused || string(reqs[0].Raw) != tc.body {
				t.Errorf("recorded %+v", reqs)
			}
		})
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
	for _, tc := range refusals {
		f.Add(tc.body, false)
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
