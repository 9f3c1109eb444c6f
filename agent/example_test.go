package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
)

// A tool is a Go function with a struct for its arguments; the struct is what the model sees.
func ExampleNewTool() {
	type weatherIn struct {
		City string `json:"city" jsonschema:"name of the city"`
		Days int    `json:"days,omitempty" jsonschema:"days ahead; today when left out"`
	}
	type weatherOut struct {
		Forecast string `json:"forecast"`
	}
	weather, err := agent.NewTool("weather", "Returns the weather forecast of a city.",
		func(_ context.Context, in weatherIn) (weatherOut, error) {
			if in.City != "Madrid" {
				return weatherOut{}, fmt.Errorf("there is no forecast for %s", in.City) // the model reads this
			}
			return weatherOut{Forecast: "sunny"}, nil
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	schema, _ := json.Marshal(weather.Parameters.Properties["city"])
	fmt.Println(weather.Name, weather.Parameters.Required, string(schema))

	out, err := weather.Call(context.Background(), map[string]any{"city": "Madrid"})
	fmt.Println(out, err)
	// Output:
	// weather [city] {"type":"string","description":"name of the city"}
	// {sunny} <nil>
}

// A whole run against the simulated Gemini. With the real service, leave GOOGLE_GEMINI_BASE_URL out and pass
// os.Getenv.
func ExampleAgent_Run() {
	sim := geminisim.New(geminisim.Config{})
	sim.Script(
		geminisim.Calls(geminisim.Call{Name: "calculate", Args: map[string]any{"expression": "17 * 23"}}),
		geminisim.Text("17 times 23 is 391."),
	)
	server := httptest.NewServer(sim)
	defer server.Close()
	settings := map[string]string{"GEMINI_API_KEY": "any", "GOOGLE_GEMINI_BASE_URL": server.URL}

	ctx := context.Background()
	model, err := agent.NewGemini(ctx, agent.GeminiConfig{
		HTTPClient: server.Client(),
		Getenv:     func(name string) string { return settings[name] },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	a := agent.New(model, agent.Config{Tools: []agent.Tool{agent.Calculate(), agent.CurrentTime(nil)}})
	res, err := a.Run(ctx, agent.Task{Text: "What is 17 times 23?"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Response)
	for _, s := range res.Steps {
		fmt.Printf("step %d: %s\n", s.Step, strings.Join(s.ToolsCalled, ", "))
	}
	// Output:
	// 17 times 23 is 391.
	// step 1: calculate
}
