package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
)

const (
	demoTask   = "Explica qué es machine learning y sus aplicaciones"
	demoSecret = "never shown" // an argument of a tool whose name says that it is one
)

// runDemo sends one task through the agent over HTTP, prints its answer and its steps, sends it again with a budget that is
// too small, and then makes a trace by hand with every kind of span there is.
func runDemo(ctx context.Context, sys *system, out io.Writer) error {
	for _, n := range sys.notes {
		fmt.Fprintln(out, n)
	}
	addr, err := sys.listen(sys.agent)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n1. A task through the agent: %s\n\n", demoTask)
	url, task := "http://"+addr+"/api/v1/agent/execute", map[string]any{"task": demoTask, "user_id": "demo"}
	var answer *answer
	if sys.screen.terminal {
		answer, err = watch(ctx, url, task, sys.screen)
	} else {
		answer, err = post(ctx, url, task)
	}
	if err != nil {
		return fmt.Errorf("running the task: %w", err)
	}
	answer.print(out, !sys.screen.terminal)

	// Enough for the first call and an answer, and too little for an answer that might ask for more tools.
	budget := (answer.Usage.InputTokens + answer.Usage.OutputTokens) * 5 / 4
	fmt.Fprintf(out, "\n2. The same with a budget of %d tokens: it ends with an answer, and its trace is kept\n\n", budget)
	short, err := post(ctx, url, map[string]any{"task": demoTask, "user_id": "demo", "max_tokens": budget})
	if err != nil {
		return fmt.Errorf("running the task with a budget: %w", err)
	}
	short.print(out, true)

	fmt.Fprintf(out, "\n3. A trace made by hand with the same tracer\n\n")
	id := manualTrace(ctx, sys.agent.Tracing())
	fmt.Fprintf(out, "To look at them again:\n")
	if sys.viewer == "" {
		fmt.Fprint(out, "  docker compose -f local/docker-compose.yaml up -d jaeger\n  go run ./local -demo\n")
		return nil
	}
	for _, t := range []string{answer.TraceID, short.TraceID, id} {
		fmt.Fprintf(out, "  %s\n", sys.traceURL(t))
	}
	return nil
}

// manualTrace shows what AgentTracer offers: memory, model and tool spans below a task.
func manualTrace(ctx context.Context, p *tracing.Provider) string {
	ctx, inv := p.Begin(ctx)
	defer inv.End()
	t := p.AgentTracer()
	ctx, task := t.StartTask(ctx, agenttrace.TaskStart{
		AgentName: "demo", Description: "A trace made by hand", Type: "demo", UserID: "demo",
	})

	_, read := t.StartMemory(ctx, agenttrace.MemoryStart{Operation: "read", Type: "short_term", RecordID: "last_topic"})
	time.Sleep(2 * time.Millisecond)
	read.End(agenttrace.MemoryResult{RecordCount: 1}, nil)

	stepCtx, step := t.StartStep(ctx, 1, "reasoning")
	_, tool := t.StartToolCall(stepCtx, agenttrace.ToolCallStart{
		Name: "lookup", Args: map[string]any{"topic": "spans", "api_key": demoSecret},
	})
	time.Sleep(5 * time.Millisecond)
	tool.End(agenttrace.ToolCallResult{Size: 42}, nil)
	_, broken := t.StartToolCall(stepCtx, agenttrace.ToolCallStart{Name: "flaky", Args: map[string]any{"try": 1}})
	time.Sleep(3 * time.Millisecond)
	broken.End(agenttrace.ToolCallResult{}, errors.New("the service is away"))
	_, call := t.StartModelCall(stepCtx, agenttrace.ModelCallStart{
		Model: "demo-model", Step: 1, Provider: "gcp.gemini", Prompt: "What is a span?",
	})
	time.Sleep(20 * time.Millisecond)
	call.End(agenttrace.ModelCallResult{
		ResponseModel: "demo-model", Usage: agenttrace.Usage{InputTokens: 12, OutputTokens: 34}, FinishReasons: []string{"stop"},
	}, nil)
	step.End(nil)

	_, write := t.StartMemory(ctx, agenttrace.MemoryStart{Operation: "write", Type: "long_term", RecordID: "span", Remote: true})
	time.Sleep(4 * time.Millisecond)
	write.End(agenttrace.MemoryResult{RecordCount: 1}, nil)
	id := tracing.TraceID(ctx)
	task.End(agenttrace.TaskResult{TotalSteps: 1, Reason: "stop", ResponseLength: 34}, nil)
	return id
}

type answer struct {
	Response string `json:"response"`
	Steps    []struct {
		Step        int      `json:"step"`
		ToolsCalled []string `json:"tools_called"`
	} `json:"steps"`
	FinishReason string `json:"finish_reason"`
	Usage        struct {
		InputTokens  int      `json:"input_tokens"`
		OutputTokens int      `json:"output_tokens"`
		CostUSD      *float64 `json:"cost_usd"`
	} `json:"usage"`
	TraceID string `json:"trace_id"`
	Detail  string `json:"detail"` // of a problem
}

// print writes what the agent said, unless it has been seen already, and what it did for it.
func (a *answer) print(out io.Writer, whole bool) {
	if whole {
		fmt.Fprintf(out, "answer: %s\n", a.Response)
		for _, s := range a.Steps {
			fmt.Fprintf(out, "step %d called %v\n", s.Step, s.ToolsCalled)
		}
	}
	cost := ""
	if a.Usage.CostUSD != nil {
		cost = fmt.Sprintf(", %.6f US dollars", *a.Usage.CostUSD)
	}
	fmt.Fprintf(out, "finished: %s, %d input and %d output tokens%s, trace %s\n",
		a.FinishReason, a.Usage.InputTokens, a.Usage.OutputTokens, cost, a.TraceID)
}

func post(ctx context.Context, url string, body any) (*answer, error) {
	resp, err := request(ctx, url, body, "application/json")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp.StatusCode, resp.Body)
}

func request(ctx context.Context, url string, body any, accept string) (*http.Response, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", accept)
	return http.DefaultClient.Do(req)
}

func readAnswer(status int, body io.Reader) (*answer, error) {
	var a answer
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%d %s: %s", status, http.StatusText(status), a.Detail)
	}
	return &a, nil
}
