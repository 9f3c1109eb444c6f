package agent

import (
	"context"
	"io"
	"net/http"
	"testing"

	"google.golang.org/genai"
)

// BenchmarkRun is one invocation with 4 model calls and 3 tool calls on a service that costs nothing; BenchmarkSDK is
// the same four calls of the SDK alone. The difference is the loop with its tools, without spans.
func BenchmarkRun(b *testing.B) {
	client, replies := benchService()
	g, err := NewGemini(b.Context(), GeminiConfig{HTTPClient: client,
		Getenv: getenv(map[string]string{"GEMINI_API_KEY": "k"})})
	if err != nil {
		b.Fatal(err)
	}
	a := New(g, Config{Instructions: "Be brief.", Tools: []Tool{Calculate()}})
	b.ReportAllocs()
	for b.Loop() {
		*replies = 0
		if _, err := a.Run(b.Context(), Task{Text: "go"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSDK(b *testing.B) {
	client, replies := benchService()
	api, err := genai.NewClient(b.Context(), &genai.ClientConfig{APIKey: "k", Backend: genai.BackendGeminiAPI,
		HTTPClient: client})
	if err != nil {
		b.Fatal(err)
	}
	off := false
	declared := geminiTools(newToolset(b.Context(), []Tool{Calculate()}, nil, nil).declarations)
	b.ReportAllocs()
	for b.Loop() {
		*replies = 0
		contents := genai.Text("go")
		for range 4 {
			resp, err := api.Models.GenerateContent(context.Background(), DefaultModel, contents, &genai.GenerateContentConfig{
				SystemInstruction:     genai.NewContentFromText("Be brief.", genai.RoleUser),
				Tools:                 declared,
				AutomaticContinuation: &off,
			})
			if err != nil {
				b.Fatal(err)
			}
			contents = append(contents, resp.Candidates[0].Content,
				resultsContent([]ToolResult{{ID: "a", Name: "calculate", Output: []byte(`{"result":2}`)}}))
		}
	}
}

// benchService asks for calculate three times and then answers.
func benchService() (*http.Client, *int) {
	replies := new(int)
	const call = `{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"calculate",` +
		`"args":{"expression":"1+1"},"id":"a"},"thoughtSignature":"AAECAw=="}]},"finishReason":"STOP"}]}`
	const text = `{"candidates":[{"content":{"role":"model","parts":[{"text":"ok"}]},"finishReason":"STOP"}]}`
	return &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		if *replies++; *replies > 3 {
			return jsonResponse(text), nil
		}
		return jsonResponse(call), nil
	})}, replies
}
