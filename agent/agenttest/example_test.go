package agenttest_test

import (
	"fmt"
	"testing"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/agenttest"
)

// A test of a tool: a fake service, a script for the model, and what came of it. In a test of yours t is the test's.
func ExampleBench_Run() {
	t := new(testing.T)

	b := agenttest.New(t)
	b.Setenv("WEATHER_URL", "http://127.0.0.1:1") // nobody listens there
	res := b.Run(agent.Config{Tools: weather(b.Kit())}, "How is it in Madrid?",
		agenttest.Call("weather", map[string]any{"city": "Madrid"}), agenttest.Say("I cannot say."))

	fmt.Println(res.Response, b.Results())
	// Output:
	// I cannot say. [{"error":"the weather service does not answer"}]
}
