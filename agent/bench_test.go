package agent

import (
	"io"
	"net/http"
	"testing"
)

// BenchmarkRun is one invocation with 4 model calls and 3 tool calls on a service that costs nothing, without spans.
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
