package geminisim_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"google.golang.org/genai"

	"example.com/gemini-agent/agent/geminisim"
)

// A test scripts what the model does and looks at what the client made of it.
func Example() {
	sim := geminisim.New(geminisim.Config{})
	sim.Script(
		geminisim.QuotaExceeded(0),
		geminisim.Text("It works."),
	)
	srv := httptest.NewServer(sim)
	defer srv.Close()

	ctx := context.Background()
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		Backend: genai.BackendGeminiAPI, APIKey: "any", HTTPClient: srv.Client(),
		HTTPOptions: genai.HTTPOptions{BaseURL: srv.URL},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		resp, err := client.Models.GenerateContent(ctx, "gemini-3.8-flash", genai.Text("Does it work?"), nil)
		if err != nil {
			fmt.Println(err.(genai.APIError).Status)
			continue
		}
		fmt.Println(resp.Text())
	}
	fmt.Println(len(sim.Requests()), "requests")
	// Output:
	// RESOURCE_EXHAUSTED
	// It works.
	// 2 requests
}
