package agent

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/agenttrace"
)

// answered reads a body as the answer of the model.
func answered(t *testing.T, body string) *Reply {
	t.Helper()
	p, err := decodeGeminiReply([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMessagesHaveTheShapesOfTheConventions(t *testing.T) {
	got := answered(t, `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[
		null, {"text":"hm","thought":true}, {"text":"hello"}, {"thoughtSignature":"c2ln"},
		{"functionCall":{"id":"1","name":"f","args":{"x":1}},"thoughtSignature":"c2ln"}, {"functionCall":{"name":"g"}},
		{"inlineData":{"mimeType":"image/png","data":"AQID"}},
		{"fileData":{"mimeType":"audio/ogg","fileUri":"gs://b/o"}}, {"fileData":{"mimeType":"application/pdf","fileUri":"gs://b/p"}},
		{"executableCode":{"code":"print(1)"}}]}}]}`).Turn.Message()
	want := agenttrace.Message{Role: "assistant", FinishReason: "stop", Parts: []agenttrace.Part{
		{Type: "reasoning", Content: "hm"},
		{Type: "text", Content: "hello"},
		{Type: "tool_call", ID: "1", Name: "f", Arguments: map[string]any{"x": 1.0}},
		{Type: "tool_call", Name: "g"},
		{Type: "blob", Content: "AQID", Modality: "image", MIMEType: "image/png"},
		{Type: "uri", URI: "gs://b/o", Modality: "audio", MIMEType: "audio/ogg"},
		{Type: "uri", URI: "gs://b/p", Modality: "document", MIMEType: "application/pdf"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Every finish and block reason that is known leads to an outcome with a name; none passes as a good answer but STOP.
func TestEveryFinishReasonHasAnOutcome(t *testing.T) {
	for r, want := range map[string]Finish{
		"MAX_TOKENS": FinishMaxTokens, "SAFETY": FinishBlocked, "RECITATION": FinishBlocked, "LANGUAGE": FinishBlocked,
		"OTHER": FinishOther, "BLOCKLIST": FinishBlocked, "PROHIBITED_CONTENT": FinishBlocked, "SPII": FinishBlocked,
		"MALFORMED_FUNCTION_CALL": FinishMalformedCall, "IMAGE_SAFETY": FinishBlocked, "UNEXPECTED_TOOL_CALL": FinishUnexpectedCall,
		"TOO_MANY_TOOL_CALLS": FinishTooManyCalls, "IMAGE_PROHIBITED_CONTENT": FinishBlocked, "NO_IMAGE": FinishOther,
		"IMAGE_RECITATION": FinishBlocked, "IMAGE_OTHER": FinishOther, "CONTINUATION": FinishMaxTokens,
		"NOT_INVENTED_YET": FinishOther, "MODEL_ARMOR": FinishBlocked, "JAILBREAK": FinishBlocked,
	} {
		p := answered(t, `{"candidates":[{"finishReason":"`+r+`","content":{"role":"model","parts":[{"text":"x"}]}}]}`)
		if p.Finish != want || p.Detail != r || replyError(p) == nil {
			t.Errorf("%s: %+v", r, p)
		}
		if reason := conventionalFinish(r); reason == "stop" || reason == "" {
			t.Errorf("%s: finish reason %q", r, reason)
		}
	}
	for _, r := range []string{"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK"} {
		p := answered(t, `{"promptFeedback":{"blockReason":"`+r+`"}}`)
		if p.Finish != FinishBlocked || p.Detail != r || !p.Prompt {
			t.Errorf("%s: %+v", r, p)
		}
	}
}

// What the model said goes back byte for byte, but for what the service would refuse or take for the user's.
func TestTurnsAreEchoedAsTheyCame(t *testing.T) {
	const call = `{"functionCall":{"name":"f","args":{"id":1234567890123456789, "x":1e400}},"thoughtSignature":"_-8","newField":{"a":[1.0]}}`
	for _, tt := range []struct{ name, content, want string }{
		{"whole", `{"role":"model","parts":[` + call + `]}`, `{"role":"model","parts":[` + call + `]}`},
		{"unknown parts and members", `{"role":"model","x":1,"parts":[{"hologram":{"n":1.50}},` + call + `]}`,
			`{"role":"model","x":1,"parts":[{"hologram":{"n":1.50}},` + call + `]}`},
		{"an empty text", `{"role":"model","parts":[{"text":""},` + call + `]}`, `{"parts":[` + compact(call) + `],"role":"model"}`},
		{"empty parts", `{"role":"model","parts":[{},null,{"thought":true},` + call + `]}`, `{"parts":[` + compact(call) + `],"role":"model"}`},
		{"an empty text with a signature", `{"role":"model","parts":[` + call + `,{"text":"","thoughtSignature":"AA"}]}`,
			`{"role":"model","parts":[` + call + `,{"text":"","thoughtSignature":"AA"}]}`},
		{"no role", `{"parts":[` + call + `]}`, `{"parts":[` + compact(call) + `],"role":"model"}`},
	} {
		p := answered(t, `{"candidates":[{"finishReason":"STOP","content":`+tt.content+`}]}`)
		if got, _ := encodeTurn(p.Turn); string(got) != tt.want {
			t.Errorf("%s: sent back\n%s, want\n%s", tt.name, got, tt.want)
		}
		if len(p.Calls) != 1 || p.Calls[0].Args["id"] != json.Number("1234567890123456789") {
			t.Errorf("%s: calls %+v", tt.name, p.Calls)
		}
	}
}

func compact(s string) string {
	var b bytes.Buffer
	_ = json.Compact(&b, []byte(s)) // the test's own
	return b.String()
}

// A call that has no name, or arguments that are no object, cannot be answered: the model is asked again.
func TestCallsThatCannotBeRead(t *testing.T) {
	for _, call := range []string{`{"args":{}}`, `{"name":"","args":{}}`, `{"name":7}`, `{"name":"f","args":"{}"}`, `{"name":"f","args":[1]}`, `[]`, `"f"`} {
		p := answered(t, `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[{"functionCall":`+call+`}]}}]}`)
		if p.Finish != FinishMalformedCall || p.wantsTools() {
			t.Errorf("%s: %+v", call, p)
		}
	}
	for _, call := range []string{`{"name":"f"}`, `{"name":"f","args":null}`, `{"name":"f","args":{},"id":7}`} {
		p := answered(t, `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[{"functionCall":`+call+`}]}}]}`)
		if !p.wantsTools() || p.Calls[0].Name != "f" || p.Finish != FinishStop {
			t.Errorf("%s: %+v", call, p)
		}
	}
}

// What a tool returned reaches the service as it was: as a structure where that says the same there, else as its text.
func TestResultsKeepTheirBytes(t *testing.T) {
	for _, tt := range []struct{ output, want string }{
		{`"[{\"id\":1234567890123456789}]"`, `"[{\"id\":1234567890123456789}]"`},
		{`{"a":[1,2.5,-3e4,0.1,null,true],"b":{}}`, `{"a":[1,2.5,-3e4,0.1,null,true],"b":{}}`},
		{`{"id":1234567890123456789}`, `"{\"id\":1234567890123456789}"`},
		{`{"limit":1e400}`, `"{\"limit\":1e400}"`},
		{`{"tiny":1e-400}`, `"{\"tiny\":1e-400}"`},
		{`{"$ref":"#/x"}`, `"{\"$ref\":\"#/x\"}"`},
		{`{"deep":{"$ref":"picture"}}`, `"{\"deep\":{\"$ref\":\"picture\"}}"`},
		{`{"a":1,"a":2}`, `"{\"a\":1,\"a\":2}"`},
		{`{"a":"\ud800"}`, `"{\"a\":\"\\ud800\"}"`},
		{strings.Repeat("[", 60) + strings.Repeat("]", 60), `"` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `"`},
		{`9007199254740993`, `"9007199254740993"`},
		{`120000000000000000000`, `120000000000000000000`},
	} {
		got, err := encodeTurn(Turn{Results: []ToolResult{{Name: "f", Output: json.RawMessage(tt.output)}}})
		want := `{"parts":[{"functionResponse":{"name":"f","response":{"output":` + tt.want + `}}}],"role":"user"}`
		if err != nil || string(got) != want {
			t.Errorf("%s is sent as\n%s, want\n%s", tt.output, got, want)
		}
	}
}

// FuzzGeminiReply: whatever comes as an answer, it is a reply or an error, and what is sent back of it is JSON.
func FuzzGeminiReply(f *testing.F) {
	f.Add(`{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[{"text":"a"},{"functionCall":{"name":"f","args":{"a":1}}}]}}]}`)
	f.Add(`{"candidates":[{"finishReason":7,"content":{"parts":[{"text":5,"inlineData":{"data":1}}]}}],"usageMetadata":{"promptTokenCount":"9"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		p, err := decodeGeminiReply([]byte(body))
		if err != nil {
			return
		}
		if p.Turn.Native == nil {
			return
		}
		p.Turn.Message()
		if raw, err := encodeTurn(p.Turn); err != nil || !json.Valid(raw) {
			t.Fatalf("%s, %v", raw, err)
		}
	})
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
