package agent

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
)

func getenv(settings map[string]string) func(string) string {
	return func(name string) string { return settings[name] }
}

func modelInfo(name, provider, address string, port int) ModelInfo {
	return ModelInfo{Name: name, Provider: provider, ServerAddress: address, ServerPort: port, JSONBesideTools: true}
}

func TestSettings(t *testing.T) {
	const key = "GEMINI_API_KEY"
	for _, tc := range []struct {
		name    string
		env     map[string]string
		want    ModelInfo
		missing string // variable that the error names
	}{
		{"nothing", nil, ModelInfo{}, key},
		{"blank key", map[string]string{key: "  "}, ModelInfo{}, key},
		{"key", map[string]string{key: "k"},
			modelInfo("gemini-3.8-flash", "gcp.gemini", "generativelanguage.googleapis.com", 443), ""},
		{"other key, model", map[string]string{"GOOGLE_API_KEY": "k", "GEMINI_MODEL": "gemini-3.5-flash-lite"},
			modelInfo("gemini-3.5-flash-lite", "gcp.gemini", "generativelanguage.googleapis.com", 443), ""},
		{"key and project", map[string]string{key: "k", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global"},
			modelInfo("gemini-3.8-flash", "gcp.gemini", "generativelanguage.googleapis.com", 443), ""},
		{"base URL", map[string]string{key: "k", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8099"},
			modelInfo("gemini-3.8-flash", "gcp.gemini", "127.0.0.1", 8099), ""},
		{"base URL without port", map[string]string{key: "k", "GOOGLE_GEMINI_BASE_URL": "http://fake/"},
			modelInfo("gemini-3.8-flash", "gcp.gemini", "fake", 80), ""},
		{"bad base URL", map[string]string{key: "k", "GOOGLE_GEMINI_BASE_URL": "://secret"}, ModelInfo{},
			"GOOGLE_GEMINI_BASE_URL"},
		{"relative base URL", map[string]string{key: "k", "GOOGLE_GEMINI_BASE_URL": "fake:80"}, ModelInfo{},
			"GOOGLE_GEMINI_BASE_URL"},
		{"vertex without project", map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "true"}, ModelInfo{},
			"GOOGLE_CLOUD_PROJECT"},
		{"vertex", map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_CLOUD_PROJECT": "p"},
			modelInfo("gemini-3.8-flash", "gcp.vertex_ai", "aiplatform.googleapis.com", 443), ""},
		{"vertex region", map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "TRUE", "GOOGLE_CLOUD_PROJECT": "p",
			"GOOGLE_CLOUD_LOCATION": "europe-west1"},
			modelInfo("gemini-3.8-flash", "gcp.vertex_ai", "europe-west1-aiplatform.googleapis.com", 443), ""},
		{"vertex multi-region", map[string]string{"GOOGLE_GENAI_USE_ENTERPRISE": "true", "GOOGLE_CLOUD_PROJECT": "p",
			"GOOGLE_CLOUD_LOCATION": "eu", key: "ignored"},
			modelInfo("gemini-3.8-flash", "gcp.vertex_ai", "aiplatform.eu.rep.googleapis.com", 443), ""},
		{"vertex with a key", map[string]string{"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_API_KEY": "k"},
			modelInfo("gemini-3.8-flash", "gcp.vertex_ai", "aiplatform.googleapis.com", 443), ""},
		{"enterprise beats vertex", map[string]string{"GOOGLE_GENAI_USE_ENTERPRISE": "false",
			"GOOGLE_GENAI_USE_VERTEXAI": "true", key: "k"},
			modelInfo("gemini-3.8-flash", "gcp.gemini", "generativelanguage.googleapis.com", 443), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := NewGemini(t.Context(), GeminiConfig{Getenv: getenv(tc.env)})
			if tc.missing != "" {
				e := wantError(t, err, KindNotConfigured, "not_configured")
				if !strings.Contains(e.Error(), tc.missing) || strings.Contains(e.Error(), "secret") {
					t.Errorf("error %q", e)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Info(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// The process's own environment is not looked at: two apps in one process may differ in theirs.
func TestProcessEnvironmentStaysOut(t *testing.T) {
	for name, value := range map[string]string{
		"GOOGLE_API_KEY": "process-key", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "process-project",
		"GOOGLE_CLOUD_LOCATION": "process-location", "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1",
		"GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:1", "GEMINI_MODEL": "process-model",
	} {
		t.Setenv(name, value)
	}
	if _, err := NewGemini(t.Context(), GeminiConfig{}); err == nil {
		t.Error("the key of the process was taken")
	}
	for name, env := range map[string]map[string]string{
		"gemini": nil,
		"vertex": {"GEMINI_API_KEY": "", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "ours",
			"GOOGLE_VERTEX_BASE_URL": "http://fake"},
	} {
		g, sim := newGemini(t, env, geminisim.Dynamic(func(r geminisim.Request) geminisim.Reply {
			return geminisim.Text(r.Path + " " + r.Header.Get("X-Goog-Api-Key"))
		}))
		if g.vertex {
			sim = geminisim.New(geminisim.Config{Anonymous: true})
			g.endpoint.client.Transport = inMemory{sim}
		}
		if _, err := g.Generate(t.Context(), question); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		req := sim.Requests()[0]
		if s := req.Path + req.Header.Get("X-Goog-Api-Key"); strings.Contains(s, "process") {
			t.Errorf("%s: %s", name, s)
		}
		const path = "/v1beta1/projects/ours/locations/global/publishers/google/models/gemini-3.8-flash:generateContent"
		if g.vertex && req.Path != path {
			t.Errorf("path %s", req.Path)
		}
	}
}

func TestRefusals(t *testing.T) {
	const key = "test-key-123456"
	for _, tc := range []struct {
		name         string
		reply        geminisim.Reply
		kind         ErrorKind
		reason, says string
	}{
		{"bad key", geminisim.Error(400, "INVALID_ARGUMENT", "API key not valid: "+key), KindModel, "400",
			"check GEMINI_API_KEY"},
		{"401", geminisim.Error(401, "", key), KindModel, "401", "check GEMINI_API_KEY"},
		{"403", geminisim.Error(403, "", "blocked"), KindModel, "403", "check GEMINI_API_KEY"},
		{"404", geminisim.Error(404, "", "gone"), KindModel, "404",
			`"gemini-3.8-flash" does not exist or is not open to us; check GEMINI_MODEL`},
		{"400", geminisim.Error(400, "", "bad\nrequest"), KindModel, "400", "refused the request with 400"},
		{"501", geminisim.Error(501, "", "what"), KindModel, "501", "refused the request with 501"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, sim := newGemini(t, nil, tc.reply)
			_, err := g.Generate(t.Context(), question)
			e := wantError(t, err, tc.kind, tc.reason)
			if !strings.Contains(e.Message, tc.says) || strings.Contains(err.Error(), key) ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			if len(sim.Requests()) != 1 {
				t.Errorf("tried %d times", len(sim.Requests()))
			}
		})
	}
}

// An error never carries what was asked or answered: the SDK's texts do.
func TestErrorsHoldNoBodies(t *testing.T) {
	g, _ := newGemini(t, nil, geminisim.Raw(200, "application/json", `{"candidates":[{"content":"SECRET-ANSWER"}]}`))
	g.cfg.MaxAttempts = 1
	_, err := g.Generate(t.Context(), &Request{Turns: []Turn{{Text: "SECRET-QUESTION"}}})
	if e := wantError(t, err, KindModel, "bad_response"); strings.Contains(e.Error(), "SECRET") {
		t.Error(e)
	}
}

func TestUnreachableService(t *testing.T) {
	g, err := NewGemini(t.Context(), GeminiConfig{MaxAttempts: 2, Getenv: getenv(map[string]string{
		"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": "http://user:hunter2@127.0.0.1:1",
	})})
	if err != nil {
		t.Fatal(err)
	}
	g.wait.first = time.Millisecond
	_, err = g.Generate(t.Context(), question)
	e := wantError(t, err, KindModel, "unreachable")
	if strings.Contains(e.Error(), "hunter2") || !strings.Contains(e.Message, "after 2 attempts") {
		t.Errorf("error %q", e)
	}
}

func TestRequestOnTheWire(t *testing.T) {
	g, sim := newGemini(t, nil, geminisim.Text("hi"), geminisim.Text("hi"))
	if _, err := g.Generate(t.Context(), question); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(sim.Requests()[0].Raw)),
		`{"contents":[{"parts":[{"text":"hello"}],"role":"user"}],"generationConfig":{}}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	_, err := g.Generate(within(t, 9500*time.Millisecond), &Request{
		Instructions: "be kind",
		Tools: []Declaration{{Name: "f", Description: "does f",
			Parameters: json.RawMessage(`{"type":"object","properties":{"x":{"type":"string"}}}`)}, {Name: "g"}},
		Turns: []Turn{{Text: "hello"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	req := sim.Requests()[1]
	if got, want := strings.TrimSpace(string(req.Raw)),
		`{"contents":[{"parts":[{"text":"hello"}],"role":"user"}],"generationConfig":{},`+
			`"systemInstruction":{"parts":[{"text":"be kind"}],"role":"user"},`+
			`"tools":[{"functionDeclarations":[{"description":"does f","name":"f",`+
			`"parametersJsonSchema":{"type":"object","properties":{"x":{"type":"string"}}}},{"name":"g"}]}]}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if got := req.Header.Get("X-Server-Timeout"); got != "10" {
		t.Errorf("X-Server-Timeout %q", got)
	}
	if req.Query != "" || req.Header.Get("X-Goog-Api-Key") != "test-key-123456" {
		t.Errorf("query %q, key %q", req.Query, req.Header.Get("X-Goog-Api-Key"))
	}
}

func TestReplies(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply geminisim.Reply
		want  Reply // without Turn, Usage and ID
	}{
		{"text", geminisim.Text("hi"), Reply{Text: "hi", Finish: FinishStop, FinishReasons: []string{"stop"}}},
		{"thought and texts", geminisim.Text("b").WithText("a").WithThought("hm"),
			Reply{Text: "ab", Finish: FinishStop, Thoughts: true, FinishReasons: []string{"stop"}}},
		{"thought only", geminisim.ThoughtOnly("hm"),
			Reply{Finish: FinishStop, Thoughts: true, FinishReasons: []string{"stop"}}},
		{"call and text", geminisim.Calls(geminisim.Call{Name: "f", ID: "1",
			Args: map[string]any{"x": 1.0}}).WithText("wait"),
			Reply{Text: "wait", Calls: []Call{{"1", "f", map[string]any{"x": 1.0}}}, Finish: FinishStop,
				FinishReasons: []string{"stop"}}},
		{"max tokens", geminisim.MaxTokens("half"),
			Reply{Text: "half", Finish: FinishMaxTokens, Detail: "MAX_TOKENS", FinishReasons: []string{"length"}}},
		{"prompt blocked", geminisim.Blocked("PROHIBITED_CONTENT"),
			Reply{Finish: FinishBlocked, Detail: "PROHIBITED_CONTENT", Prompt: true}},
		{"no candidates", geminisim.NoCandidates(), Reply{Finish: FinishNoCandidates}},
		{"safety", geminisim.Finish("SAFETY", ""),
			Reply{Finish: FinishBlocked, Detail: "SAFETY", FinishReasons: []string{"content_filter"}}},
		{"malformed", geminisim.MalformedCall("call:f{"),
			Reply{Finish: FinishMalformedCall, Detail: "MALFORMED_FUNCTION_CALL", Said: "call:f{",
				FinishReasons: []string{"MALFORMED_FUNCTION_CALL"}}},
		{"unexpected", geminisim.Finish("UNEXPECTED_TOOL_CALL", ""),
			Reply{Finish: FinishUnexpectedCall, Detail: "UNEXPECTED_TOOL_CALL",
				FinishReasons: []string{"UNEXPECTED_TOOL_CALL"}}},
		{"too many", geminisim.Finish("TOO_MANY_TOOL_CALLS", ""),
			Reply{Finish: FinishTooManyCalls, Detail: "TOO_MANY_TOOL_CALLS", FinishReasons: []string{"TOO_MANY_TOOL_CALLS"}}},
		{"other", geminisim.Finish("OTHER", "so"),
			Reply{Text: "so", Finish: FinishOther, Detail: "OTHER", FinishReasons: []string{"error"}}},
		{"unheard of", geminisim.Finish("SOMETHING_NEW", "so"),
			Reply{Text: "so", Finish: FinishOther, Detail: "SOMETHING_NEW", FinishReasons: []string{"SOMETHING_NEW"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, _ := newGemini(t, nil, tc.reply)
			got, err := g.Generate(t.Context(), question)
			if err != nil {
				t.Fatal(err)
			}
			got.Turn, got.ID, got.Usage, got.Attempts = Turn{}, "", tc.want.Usage, 0
			tc.want.Model = "gemini-3.8-flash"
			if !reflect.DeepEqual(*got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tc.want)
			}
		})
	}
}

func TestUsageCountsAsTheConventionsDo(t *testing.T) {
	g, _ := newGemini(t, nil, geminisim.Text("hi").WithUsage(
		geminisim.Usage{Prompt: 100, Cached: 40, ToolUsePrompt: 7, Candidates: 20, Thoughts: 5}))
	got, err := g.Generate(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	u := got.Usage
	if u.InputTokens != 107 || u.OutputTokens != 25 || u.CachedInputTokens != 40 || u.ReasoningTokens != 5 ||
		u.ToolUseTokens != 7 {
		t.Errorf("got %+v", u)
	}
}

func TestAnotherModelIsWarnedOfOnce(t *testing.T) {
	var log strings.Builder
	g, _ := newGemini(t, nil, geminisim.Text("a").ServedBy("gemini-3.8-flash-001"),
		geminisim.Text("b").ServedBy("gemini-3.5-flash"),
		geminisim.Text("c").ServedBy("gemini-3.5-flash"))
	g.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		if _, err := g.Generate(t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 ||
		!strings.Contains(log.String(), "answered=gemini-3.5-flash") {
		t.Errorf("log:\n%s", log.String())
	}
}

// Over a real connection: a body that breaks off, a dropped connection, a hang and the client's own deadline.
func TestGeminiOverTheNetwork(t *testing.T) {
	sim := geminisim.New(geminisim.Config{Strict: true})
	server := httptest.NewServer(sim)
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: client, Getenv: getenv(map[string]string{
		"GOOGLE_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": server.URL,
	})})
	if err != nil {
		t.Fatal(err)
	}
	g.wait.first = time.Millisecond
	sim.Script(geminisim.Truncated("a long answer that breaks off"), geminisim.Reset(), geminisim.HTML(503),
		geminisim.Text("hi"))
	reply, err := g.Generate(t.Context(), question)
	if err != nil || reply.Text != "hi" || len(sim.Requests()) != 4 {
		t.Fatalf("got %+v, %v after %d requests", reply, err, len(sim.Requests()))
	}
	sim.Script(geminisim.Hang())
	_, err = g.Generate(within(t, 50*time.Millisecond), question)
	wantError(t, err, KindTimeout, "timeout")
}
