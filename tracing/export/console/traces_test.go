package console

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// consoleSpan is a span of a picture: times in ms since the trace began.
type consoleSpan struct {
	id, parent byte
	remote     bool // the parent is in another process
	service    string
	name       string
	kind       trace.SpanKind
	from, to   float64
	attrs      []attribute.KeyValue
	failed     string // status description
	finish     string // agent.finished reason
	answered   string // by another model than gemini-2.5-flash
}

func (c consoleSpan) snapshot(traceID byte) sdktrace.ReadOnlySpan {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(ms float64) time.Time { return start.Add(time.Duration(ms * float64(time.Millisecond))) }
	tid := trace.TraceID{0x0a, 0xf7, 15: traceID}
	stub := tracetest.SpanStub{
		Name: c.name, SpanKind: c.kind, StartTime: at(c.from), EndTime: at(c.to), Attributes: c.attrs,
		SpanContext: trace.NewSpanContext(
			trace.SpanContextConfig{TraceID: tid, SpanID: trace.SpanID{c.id}, TraceFlags: 1},
		),
		Resource: resource.NewSchemaless(attribute.String("service.name", c.service)),
	}
	if c.parent != 0 {
		stub.Parent = trace.NewSpanContext(
			trace.SpanContextConfig{TraceID: tid, SpanID: trace.SpanID{c.parent}, Remote: c.remote},
		)
	}
	if c.failed != "" {
		stub.Status = sdktrace.Status{Code: codes.Error, Description: c.failed}
	}
	if c.finish != "" {
		stub.Events = []sdktrace.Event{
			{Name: "agent.finished", Attributes: []attribute.KeyValue{attribute.String("reason", c.finish)}},
		}
	}
	if c.answered != "" {
		stub.Events = append(stub.Events, sdktrace.Event{Name: "llm.model_mismatch", Attributes: kvs(
			"gen_ai.request.model", "gemini-2.5-flash", "gen_ai.response.model", c.answered)})
	}
	return stub.Snapshot()
}

func snapshots(traceID byte, spans ...consoleSpan) []sdktrace.ReadOnlySpan {
	var out []sdktrace.ReadOnlySpan
	for _, s := range spans {
		out = append(out, s.snapshot(traceID))
	}
	return out
}

func kvs(pairs ...any) []attribute.KeyValue {
	var out []attribute.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		k := attribute.Key(pairs[i].(string))
		switch v := pairs[i+1].(type) {
		case string:
			out = append(out, k.String(v))
		case int:
			out = append(out, k.Int(v))
		case float64:
			out = append(out, k.Float64(v))
		}
	}
	return out
}

// The traces of the pictures, main service last, as they arrive.
var (
	parallelTools = []consoleSpan{
		{
			id:      5,
			parent:  4,
			service: "gemini-agent",
			name:    "POST /v1beta/models/{model}:generateContent",
			kind:    trace.SpanKindClient,
			from:    3,
			to:      410,
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 200,
				"server.address", "generativelanguage.googleapis.com"),
		},
		{
			id:      4,
			parent:  2,
			service: "gemini-agent",
			name:    "llm.generate",
			kind:    trace.SpanKindClient,
			from:    2,
			to:      412,
			attrs: kvs(
				"llm.model",
				"gemini-3.8-flash",
				"llm.step_number",
				0,
				"llm.input_tokens",
				812,
				"llm.output_tokens",
				45,
			),
		},
		{
			id:      7,
			parent:  6,
			service: "gemini-agent",
			name:    "tool.current_time",
			from:    413,
			to:      413.4,
			attrs: kvs(
				"tool.name",
				"current_time",
				"tool.args",
				`{"zone":"Europe/Madrid"}`,
				"tool.result_size",
				61,
			),
		},
		{
			id:      8,
			parent:  6,
			service: "gemini-agent",
			name:    "tool.calculate",
			from:    413,
			to:      520,
			attrs:   kvs("tool.name", "calculate", "tool.args", `{"expression":"1+1"}`, "tool.result_size", 12),
		},
		{
			id:      9,
			parent:  6,
			service: "gemini-agent",
			name:    "llm.generate",
			kind:    trace.SpanKindClient,
			from:    521,
			to:      1240,
			attrs:   kvs("llm.model", "gemini-3.8-flash", "llm.input_tokens", 1022, "llm.output_tokens", 210),
		},
		{
			id:      6,
			parent:  2,
			service: "gemini-agent",
			name:    "agent.step.reasoning",
			from:    412,
			to:      1241,
			attrs:   kvs("agent.step.number", 1),
		},
		{
			id:      2,
			parent:  1,
			service: "gemini-agent",
			name:    "agent.task",
			from:    1,
			to:      1242,
			attrs:   kvs("agent.task.description", "¿Qué hora es en Madrid, y cuánto es 1+1?"),
			finish:  "stop",
		},
		{
			id:      1,
			service: "gemini-agent",
			name:    "POST /api/v1/agent/execute",
			kind:    trace.SpanKindServer,
			from:    0,
			to:      1243,
			attrs:   kvs("http.response.status_code", 200, "sampling.reason", "ratio", "sampling.ratio", 0.1),
		},
	}
	toolError = []consoleSpan{
		{
			id:      4,
			parent:  2,
			service: "gemini-agent",
			name:    "llm.generate",
			kind:    trace.SpanKindClient,
			from:    2,
			to:      40,
			attrs:   kvs("llm.model", "gemini-3.8-flash", "llm.input_tokens", 10, "llm.output_tokens", 5),
		},
		{
			id:      7,
			parent:  6,
			service: "gemini-agent",
			name:    "tool.calculate",
			from:    41,
			to:      42,
			attrs:   kvs("tool.name", "calculate", "tool.args", `{"expression":"1/0"}`, "error.type", "tool_error"),
			failed:  "division by zero",
		},
		{
			id:      6,
			parent:  2,
			service: "gemini-agent",
			name:    "agent.step.reasoning",
			from:    40,
			to:      60000,
			attrs:   kvs("agent.step.number", 1),
		},
		{
			id:      2,
			parent:  1,
			service: "gemini-agent",
			name:    "agent.task",
			from:    1,
			to:      60000,
			attrs:   kvs("error.type", "max_steps"),
			failed:  "max_steps: stopped after 1 step",
			finish:  "max_steps",
		},
		{
			id:      1,
			service: "gemini-agent",
			name:    "POST /api/v1/agent/execute",
			kind:    trace.SpanKindServer,
			from:    0,
			to:      60001,
			attrs:   kvs("http.response.status_code", 200, "sampling.reason", "error"),
		},
	}
	searchPart = []consoleSpan{
		{
			id:      30,
			parent:  20,
			remote:  true,
			service: "search-service",
			name:    "tools/call search",
			kind:    trace.SpanKindServer,
			from:    12,
			to:      55,
		},
	}
	subAgentPart = []consoleSpan{
		{id: 21, parent: 11, service: "sub-agent", name: "agent.task", from: 11, to: 69},
		{
			id:      20,
			parent:  21,
			service: "sub-agent",
			name:    "tool.search",
			kind:    trace.SpanKindInternal,
			from:    12,
			to:      56,
			attrs:   kvs("tool.name", "search", "tool.args", `{}`),
		},
		{
			id:      11,
			parent:  3,
			remote:  true,
			service: "sub-agent",
			name:    "POST /api/v1/agent/execute",
			kind:    trace.SpanKindServer,
			from:    10,
			to:      70,
			attrs:   kvs("http.response.status_code", 200),
		},
	}
	mainPart = []consoleSpan{
		{
			id:      3,
			parent:  2,
			service: "gemini-agent",
			name:    "invoke_agent sub-agent",
			kind:    trace.SpanKindClient,
			from:    9,
			to:      71,
			attrs:   kvs("server.address", "sub.example"),
		},
		{id: 2, parent: 1, service: "gemini-agent", name: "agent.task", from: 1, to: 80},
		{
			id:      1,
			service: "gemini-agent",
			name:    "POST /api/v1/agent/delegate",
			kind:    trace.SpanKindServer,
			from:    0,
			to:      81,
			attrs:   kvs("http.response.status_code", 200, "sampling.reason", "development"),
		},
	}
	// quotaSpent fails at the model after an attempt more; initialize is no part of an operation and stays.
	quotaSpent = []consoleSpan{
		{id: 3, parent: 2, service: "gemini-agent", name: "initialize", kind: trace.SpanKindClient, from: 1, to: 9,
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 200, "server.address", "search.example")},
		{id: 5, parent: 4, service: "gemini-agent", name: "POST /v1beta/models/{model}:generateContent",
			kind: trace.SpanKindClient, from: 10, to: 60, failed: " ",
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 429, "error.type", "429",
				"server.address", "generativelanguage.googleapis.com")},
		{id: 6, parent: 4, service: "gemini-agent", name: "POST /v1beta/models/{model}:generateContent",
			kind: trace.SpanKindClient, from: 1060, to: 1100, failed: " ",
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 429, "http.request.resend_count", 1,
				"error.type", "429", "server.address", "generativelanguage.googleapis.com")},
		{id: 4, parent: 2, service: "gemini-agent", name: "llm.generate", kind: trace.SpanKindClient, from: 10, to: 1101,
			attrs: kvs("llm.model", "gemini-3.8-flash", "error.type", "quota_exceeded"),
			failed: "Gemini refused with 429 RESOURCE_EXHAUSTED: Quota exceeded for metric " +
				"generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count, limit: 4000000"},
		{id: 2, parent: 1, service: "gemini-agent", name: "agent.task", from: 1, to: 1102,
			attrs: kvs("agent.task.description", "What is 1+1?", "error.type", "quota_exceeded"), finish: "quota_exceeded",
			failed: "Gemini refused with 429 RESOURCE_EXHAUSTED: Quota exceeded for metric " +
				"generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count, limit: 4000000"},
		{id: 1, service: "gemini-agent", name: "POST /api/v1/agent/execute", kind: trace.SpanKindServer, from: 0, to: 1103,
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 429, "sampling.reason", "error")},
	}
	// contentMode has what was said on its spans, a request made again with success, another model that answered, and a tool
	// that failed without failing the task.
	contentMode = []consoleSpan{
		{id: 5, parent: 4, service: "gemini-agent", name: "POST /v1beta/models/{model}:generateContent",
			kind: trace.SpanKindClient, from: 10, to: 60, failed: " ",
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 503, "error.type", "503")},
		{id: 6, parent: 4, service: "gemini-agent", name: "POST /v1beta/models/{model}:generateContent",
			kind: trace.SpanKindClient, from: 300, to: 400,
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 200, "http.request.resend_count", 1)},
		{id: 4, parent: 2, service: "gemini-agent", name: "llm.generate", kind: trace.SpanKindClient, from: 10, to: 401,
			attrs:    kvs("llm.model", "gemini-2.5-flash", "llm.input_tokens", 812, "llm.output_tokens", 45),
			answered: "gemini-3.5-flash-lite"},
		{id: 7, parent: 2, service: "gemini-agent", name: "tool.search", from: 402, to: 450,
			attrs: kvs("tool.name", "search", "tool.args", `{"query":"otters"}`, "tool.result_size", 61,
				"gen_ai.tool.call.result", `{"hits":["Sea otters hold hands"]}`)},
		{id: 8, parent: 2, service: "gemini-agent", name: "tool.weather", from: 402, to: 460, failed: "no such place: Atlantis",
			attrs: kvs("tool.name", "weather", "tool.args", `{"place":"Atlantis"}`, "error.type", "tool_error",
				"gen_ai.tool.call.result", "no such place: Atlantis")},
		{id: 2, parent: 1, service: "gemini-agent", name: "agent.task", from: 1, to: 900, finish: "stop",
			attrs: kvs("agent.task.description", "Otters?", "gen_ai.output.messages",
				`[{"role":"assistant","parts":[{"type":"text","content":"Sea otters hold hands while they sleep,\nso that `+
					`the current does not part them. Nothing is known of the weather in Atlantis."}],"finish_reason":"stop"}]`)},
		{id: 1, service: "gemini-agent", name: "POST /api/v1/agent/execute", kind: trace.SpanKindServer, from: 0, to: 903,
			attrs: kvs("http.request.method", "POST", "http.response.status_code", 200, "sampling.reason", "development")},
	}
)
