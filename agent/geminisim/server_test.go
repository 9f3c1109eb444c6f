package geminisim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genai"

	"example.com/gemini-agent/agent/geminisim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const model = "gemini-3.8-flash"

// start serves sim and returns a real client of the Gemini API for it.
func start(t testing.TB, cfg geminisim.Config) (*geminisim.Server, *genai.Client, string) {
	t.Helper()
	sim := geminisim.New(cfg)
	url := serve(t, sim)
	return sim, client(t, &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: "test-key", HTTPOptions: genai.HTTPOptions{BaseURL: url},
	}), url
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func client(t testing.TB, cfg *genai.ClientConfig) *genai.Client {
	t.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(tr.CloseIdleConnections)
	cfg.HTTPClient = &http.Client{Transport: tr}
	c, err := genai.NewClient(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var tools = []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{
	{
		Name: "calculate", Description: "Evaluates an arithmetic expression.",
		Parameters: &genai.Schema{
			Type:       genai.TypeObject,
			Properties: map[string]*genai.Schema{"expression": {Type: genai.TypeString}},
			Required:   []string{"expression"},
		},
	},
	{
		Name: "current_time",
		ParametersJsonSchema: map[string]any{
			"type": "object", "properties": map[string]any{"timezone": map[string]any{"type": []string{"null", "string"}}},
			"additionalProperties": false,
		},
	},
	{
		Name: "search",
		ParametersJsonSchema: map[string]any{
			"type": "object", "required": []string{"query", "limit"},
			"properties": map[string]any{
				"query": map[string]any{"type": "string"},
				"limit": map[string]any{"type": "integer", "minimum": 3},
			},
		},
	},
	{
		Name: "delegate_to_subagent",
		Parameters: &genai.Schema{
			Type:       genai.TypeObject,
			Properties: map[string]*genai.Schema{"task": {Type: genai.TypeString}}, Required: []string{"task"},
		},
	},
}}}

func ask(text string) []*genai.Content { return genai.Text(text) }

func generate(t *testing.T, c *genai.Client, contents []*genai.Content,
	tools []*genai.Tool) *genai.GenerateContentResponse {
	t.Helper()
	resp, err := c.Models.GenerateContent(t.Context(), model, contents, &genai.GenerateContentConfig{Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// respond answers all calls of content with the same response.
func respond(content *genai.Content, response map[string]any) *genai.Content {
	c := &genai.Content{Role: "user"}
	for _, p := range content.Parts {
		if f := p.FunctionCall; f != nil {
			c.Parts = append(c.Parts, &genai.Part{
				FunctionResponse: &genai.FunctionResponse{ID: f.ID, Name: f.Name, Response: response},
			})
		}
	}
	return c
}

func TestTextAnswerHasEveryField(t *testing.T) {
	_, c, _ := start(t, geminisim.Config{})
	resp := generate(t, c, ask("Hello there"), nil)
	cand := resp.Candidates[0]
	if got := resp.Text(); !strings.Contains(got, "simulated Gemini") {
		t.Errorf("text = %q", got)
	}
	if cand.Content.Role != "model" || cand.FinishReason != genai.FinishReasonStop {
		t.Errorf("role %q, finish %q", cand.Content.Role, cand.FinishReason)
	}
	if len(cand.Content.Parts[len(cand.Content.Parts)-1].ThoughtSignature) == 0 {
		t.Error("the last text part carries no signature")
	}
	if resp.ModelVersion != model+"-simulated" || resp.ResponseID == "" {
		t.Errorf("modelVersion %q, responseId %q", resp.ModelVersion, resp.ResponseID)
	}
	u := resp.UsageMetadata
	sum := u.PromptTokenCount + u.CandidatesTokenCount + u.ThoughtsTokenCount + u.ToolUsePromptTokenCount
	if u.PromptTokenCount == 0 || u.CandidatesTokenCount == 0 || u.ThoughtsTokenCount == 0 || u.TotalTokenCount != sum {
		t.Errorf("usage %+v", u)
	}
	if len(u.PromptTokensDetails) != 1 || u.PromptTokensDetails[0].TokenCount != u.PromptTokenCount {
		t.Errorf("prompt details %+v", u.PromptTokensDetails)
	}
}

func TestToolRoundTrip(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	history := ask("What time is it in Madrid and Tokyo? And calculate 12 * (3 + 4)")
	resp := generate(t, c, history, tools)
	calls := resp.FunctionCalls()
	if len(calls) != 3 {
		t.Fatalf("calls: %v", calls)
	}
	for i, p := range resp.Candidates[0].Content.Parts {
		if (len(p.ThoughtSignature) > 0) != (i == 0) {
			t.Errorf("part %d: signature %q", i, p.ThoughtSignature)
		}
		if p.FunctionCall.ID == "" {
			t.Errorf("call %d has no id", i)
		}
	}
	if calls[0].Args["timezone"] != "Europe/Madrid" || calls[1].Args["timezone"] != "Asia/Tokyo" ||
		calls[2].Args["expression"] != "12 * (3 + 4)" {
		t.Errorf("calls: %v %v %v", calls[0].Args, calls[1].Args, calls[2].Args)
	}
	history = append(history, resp.Candidates[0].Content,
		respond(resp.Candidates[0].Content, map[string]any{"output": map[string]any{"result": 84}}))
	resp = generate(t, c, history, tools)
	want := "The time in Europe/Madrid: 84\nThe time in Asia/Tokyo: 84\n12 * (3 + 4) = 84"
	if resp.Text() != want {
		t.Errorf("answer %q, want %q", resp.Text(), want)
	}
	reqs := sim.Requests()
	if len(reqs) != 2 || reqs[0].Refused || reqs[1].Refused || reqs[0].Model != model {
		t.Fatalf("requests: %+v", reqs)
	}
	if got := reqs[1].Body.Contents[2].Parts[0].FunctionResponse.Name; got != "current_time" {
		t.Errorf("recorded response name %q", got)
	}
	if reqs[0].Header.Get("X-Goog-Api-Key") != "test-key" {
		t.Error("the key's header was not recorded")
	}
}

func TestEachStepOfTheTurnNeedsItsSignature(t *testing.T) {
	conversation := func(t *testing.T, c *genai.Client) []*genai.Content {
		history := ask("go")
		for range 2 {
			resp := generate(t, c, history, tools)
			content := resp.Candidates[0].Content
			history = append(history, content, respond(content, map[string]any{"output": "x"}))
		}
		return history
	}
	script := geminisim.Calls(geminisim.Call{Name: "search"}, geminisim.Call{Name: "calculate"})
	for _, tc := range []struct {
		name   string
		change func(h []*genai.Content) []*genai.Content
		want   string
	}{
		{"untouched", func(h []*genai.Content) []*genai.Content { return h }, ""},
		{"first step stripped", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[0].ThoughtSignature = nil
			return h
		}, "`default_api:search` , position 2."},
		{"second step stripped", func(h []*genai.Content) []*genai.Content {
			h[3].Parts[0].ThoughtSignature = nil
			return h
		}, "`default_api:search` , position 4."},
		{"altered", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[0].ThoughtSignature[20] ^= 1
			return h
		}, "Corrupted thought signature."},
		{"of the other step", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[0].ThoughtSignature = h[3].Parts[0].ThoughtSignature
			return h
		}, "Corrupted thought signature."},
		{"moved to the second call", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[1].ThoughtSignature = h[1].Parts[0].ThoughtSignature
			return h
		}, "Corrupted thought signature."},
		{"parts in another order", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[0], h[1].Parts[1] = h[1].Parts[1], h[1].Parts[0]
			return h
		}, "`default_api:calculate` , position 2."},
		{"stripped in a turn that is over", func(h []*genai.Content) []*genai.Content {
			h[1].Parts[0].ThoughtSignature = nil
			return append(h, &genai.Content{Role: "model", Parts: []*genai.Part{{Text: "done"}}}, ask("next")[0])
		}, ""},
		{"no ids", func(h []*genai.Content) []*genai.Content {
			for _, c := range h {
				for _, p := range c.Parts {
					if p.FunctionCall != nil {
						p.FunctionCall.ID = ""
					}
					if p.FunctionResponse != nil {
						p.FunctionResponse.ID = ""
					}
				}
			}
			return h
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sim, c, _ := start(t, geminisim.Config{})
			sim.Script(script, script)
			h := tc.change(conversation(t, c))
			_, err := c.Models.GenerateContent(t.Context(), model, h, &genai.GenerateContentConfig{Tools: tools})
			checkError(t, err, 400, tc.want)
		})
	}
}

// checkError wants an API error with this code whose message contains want; none at all when want is empty.
func checkError(t *testing.T, err error, code int, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	e, ok := err.(genai.APIError)
	if !ok || e.Code != code || !strings.Contains(e.Message, want) {
		t.Fatalf("error %v, want code %d and %q", err, code, want)
	}
}

func TestGemini2NeedsNoSignatureAndGivesNoIDs(t *testing.T) {
	_, c, _ := start(t, geminisim.Config{})
	cfg := &genai.GenerateContentConfig{Tools: tools}
	h := ask("busca información sobre el cóndor")
	resp, err := c.Models.GenerateContent(t.Context(), "gemini-2.5-flash", h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	content := resp.Candidates[0].Content
	if content.Parts[0].FunctionCall.ID != "" {
		t.Error("a call of Gemini 2.5 has an id")
	}
	content.Parts[0].ThoughtSignature = nil
	resp, err = c.Models.GenerateContent(t.Context(), "gemini-2.5-flash",
		append(h, content, respond(content, map[string]any{"output": "grande"})), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Sobre cóndor: grande"; resp.Text() != want {
		t.Errorf("answer %q, want %q", resp.Text(), want)
	}
}

func TestStreamJoinsToTheWholeAnswer(t *testing.T) {
	sim, c, _ := start(t, geminisim.Config{})
	text := "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
	sim.Script(geminisim.Text(text), geminisim.Text(text))
	whole := generate(t, c, ask("count"), nil)
	var joined string
	var last *genai.GenerateContentResponse
	chunks, total := 0, int32(0)
	history := ask("count")
	for resp, err := range c.Models.GenerateContentStream(t.Context(), model, history, nil) {
		if err != nil {
			t.Fatal(err)
		}
		joined += resp.Text()
		if resp.UsageMetadata.TotalTokenCount < total {
			t.Error("the usage runs backwards")
		}
		total, last = resp.UsageMetadata.TotalTokenCount, resp
		chunks++
		history = append(history, resp.Candidates[0].Content)
	}
	if joined != text || chunks != 4 {
		t.Errorf("%d chunks: %q", chunks, joined)
	}
	if last.Candidates[0].FinishReason != genai.FinishReasonStop {
		t.Errorf("finish reason %q", last.Candidates[0].FinishReason)
	}
	if diff := cmp.Diff(whole.UsageMetadata, last.UsageMetadata); diff != "" {
		t.Errorf("usage of the whole and of the last chunk: %s", diff)
	}
	// What came is taken back as it came, the signature in an empty text included.
	generate(t, c, append(history, ask("again")...), nil)
}

func TestStreamedCallsRoundTrip(t *testing.T) {
	_, c, _ := start(t, geminisim.Config{})
	h := ask("Explain Go channels and calculate 2+2")
	for resp, err := range c.Models.GenerateContentStream(t.Context(), model, h,
		&genai.GenerateContentConfig{Tools: tools}) {
		if err != nil {
			t.Fatal(err)
		}
		h = append(h, resp.Candidates[0].Content)
	}
	if len(h) != 2 || len(h[1].Parts) != 2 {
		t.Fatalf("history %+v", h)
	}
	h = append(h, respond(h[1], map[string]any{"output": "fine"}))
	if got, want := generate(t, c, h, tools).Text(), "About Go channels: fine\n2+2 = fine"; got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

func TestVertexPathsAndCredentials(t *testing.T) {
	vertex := func(t *testing.T, sim http.Handler, cfg genai.ClientConfig) (*genai.Client, *string) {
		path := new(string)
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			*path = r.URL.Path
			sim.ServeHTTP(w, r)
		}))
		cfg.Backend = genai.BackendVertexAI
		cfg.HTTPOptions.BaseURL = url
		return client(t, &cfg), path
	}
	token := http.Header{"Authorization": {"Bearer t0ken"}}
	for _, tc := range []struct {
		name string
		sim  geminisim.Config
		cfg  genai.ClientConfig
		path string
		code int
		want string
	}{
		{"project", geminisim.Config{},
			genai.ClientConfig{Project: "p", Location: "global", HTTPOptions: genai.HTTPOptions{Headers: token}},
			"/v1beta1/projects/p/locations/global/publishers/google/models/" + model + ":generateContent", 0, ""},
		{"express", geminisim.Config{APIKey: "k"}, genai.ClientConfig{APIKey: "k"},
			"/v1beta1/publishers/google/models/" + model + ":generateContent", 0, ""},
		{"wrong token", geminisim.Config{BearerToken: "other"},
			genai.ClientConfig{Project: "p", Location: "l", HTTPOptions: genai.HTTPOptions{Headers: token}},
			"", 401, "invalid authentication credentials"},
		{"no credentials", geminisim.Config{}, genai.ClientConfig{}, "", 401, "missing required authentication credential"},
		{"no credentials, allowed", geminisim.Config{Anonymous: true}, genai.ClientConfig{},
			"/v1beta1/publishers/google/models/" + model + ":generateContent", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, path := vertex(t, geminisim.New(tc.sim), tc.cfg)
			_, err := c.Models.GenerateContent(t.Context(), model, ask("hi"), nil)
			checkError(t, err, tc.code, tc.want)
			if tc.path != "" && *path != tc.path {
				t.Errorf("path %q, want %q", *path, tc.path)
			}
		})
	}
}
