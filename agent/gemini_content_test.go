package agent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genai"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
)

func TestMessagesHaveTheShapesOfTheConventions(t *testing.T) {
	args := map[string]any{"x": 1.0}
	got := geminiMessage(&genai.Content{Role: "model", Parts: []*genai.Part{
		nil,
		{Text: "hm", Thought: true},
		{Text: "hello"},
		{ThoughtSignature: []byte("sig")},
		{FunctionCall: &genai.FunctionCall{ID: "1", Name: "f", Args: args}, ThoughtSignature: []byte("sig")},
		{FunctionCall: &genai.FunctionCall{Name: "g"}},
		{InlineData: &genai.Blob{MIMEType: "image/png", Data: []byte{1, 2, 3}}},
		{FileData: &genai.FileData{MIMEType: "audio/ogg", FileURI: "gs://b/o"}},
		{FileData: &genai.FileData{MIMEType: "application/pdf", FileURI: "gs://b/p"}},
		{ExecutableCode: &genai.ExecutableCode{Code: "print(1)"}},
	}})
	want := agenttrace.Message{Role: "assistant", Parts: []agenttrace.Part{
		{Type: "reasoning", Content: "hm"},
		{Type: "text", Content: "hello"},
		{Type: "tool_call", ID: "1", Name: "f", Arguments: args},
		{Type: "tool_call", Name: "g"},
		{Type: "blob", Content: "AQID", Modality: "image", MIMEType: "image/png"},
		{Type: "uri", URI: "gs://b/o", Modality: "audio", MIMEType: "audio/ogg"},
		{Type: "uri", URI: "gs://b/p", Modality: "document", MIMEType: "application/pdf"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Every finish and block reason the SDK knows leads to an outcome with a name; none passes as a good answer but STOP.
func TestEveryFinishReasonHasAnOutcome(t *testing.T) {
	for _, r := range []genai.FinishReason{
		"MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
		"MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "IMAGE_PROHIBITED_CONTENT",
		"NO_IMAGE", "IMAGE_RECITATION", "IMAGE_OTHER", "CONTINUATION", "NOT_INVENTED_YET",
	} {
		p := geminiReply(&genai.GenerateContentResponse{Candidates: []*genai.Candidate{{FinishReason: r,
			Content: &genai.Content{Role: "model", Parts: []*genai.Part{{Text: "x"}}}}}})
		if p.Finish == FinishStop || p.Detail != string(r) || replyError(p) == nil {
			t.Errorf("%s: %+v", r, p)
		}
		if reason := conventionalFinish(r); reason == "stop" || reason == "" {
			t.Errorf("%s: finish reason %q", r, reason)
		}
	}
	for _, r := range []genai.BlockedReason{"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY",
		"MODEL_ARMOR",
		"JAILBREAK"} {
		p := geminiReply(&genai.GenerateContentResponse{
			PromptFeedback: &genai.GenerateContentResponsePromptFeedback{BlockReason: r}})
		if p.Finish != FinishBlocked || p.Detail != string(r) || !p.Prompt {
			t.Errorf("%s: %+v", r, p)
		}
	}
}

// A candidate without a role is the model's: sent back without one it would count as the user's. The parts stay the
// same.
func TestMissingRoleIsTheModels(t *testing.T) {
	said := &genai.Content{Parts: []*genai.Part{{FunctionCall: &genai.FunctionCall{Name: "f"}}}}
	p := geminiReply(&genai.GenerateContentResponse{Candidates: []*genai.Candidate{{Content: said, FinishReason: "STOP"}}})
	got := geminiContents([]Turn{p.Turn})[0]
	if got.Role != "model" || got.Parts[0] != said.Parts[0] || said.Role != "" {
		t.Errorf("got %+v", got)
	}
}

func TestKeyThatTheServiceDoesNotKnow(t *testing.T) {
	const key = "AIzaSyA-this-is-not-a-key-but-looks-like-1"
	for name, env := range map[string]map[string]string{
		"GEMINI_API_KEY": {"GEMINI_API_KEY": key},
		"GOOGLE_API_KEY": {"GOOGLE_API_KEY": key, "GOOGLE_GENAI_USE_VERTEXAI": "true"},
	} {
		sim := geminisim.New(geminisim.Config{APIKey: "another"})
		g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: &http.Client{Transport: inMemory{sim}},
			Getenv: getenv(env)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Generate(t.Context(), question)
		e := wantError(t, err, KindModel, "400")
		if !strings.Contains(e.Message, "check "+name) || strings.Contains(e.Error(), key) {
			t.Errorf("error %q", e)
		}
	}
}
