package agenttrace_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/sampling"
	"example.com/gemini-agent/tracing/tracingtest"
)

// attributeNotes is a user's span processor. It notes the keys each span had at its start and the attributes at its
// end, and adds one of its own.
type attributeNotes struct {
	start, end   map[trace.SpanID]map[attribute.Key]string
	flushed, off int
}

func newAttributeNotes() *attributeNotes {
	return &attributeNotes{
		start: make(map[trace.SpanID]map[attribute.Key]string),
		end:   make(map[trace.SpanID]map[attribute.Key]string),
	}
}

func attributesOf(s sdktrace.ReadOnlySpan) map[attribute.Key]string {
	attrs := make(map[attribute.Key]string)
	for _, kv := range s.Attributes() {
		attrs[kv.Key] = kv.Value.String()
	}
	return attrs
}

func (n *attributeNotes) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	n.start[s.SpanContext().SpanID()] = attributesOf(s)
	s.SetAttributes(attribute.String("added", "at the start"))
}
func (n *attributeNotes) OnEnd(s sdktrace.ReadOnlySpan) {
	n.end[s.SpanContext().SpanID()] = attributesOf(s)
}
func (n *attributeNotes) ForceFlush(context.Context) error { n.flushed++; return nil }
func (n *attributeNotes) Shutdown(context.Context) error   { n.off++; return nil }

// tracedRequest serves one request with a whole agent run and a call of another service, and returns the spans.
func tracedRequest(t *testing.T, cfg tracing.Config) []sdktrace.ReadOnlySpan {
	t.Helper()
	rec := tracingtest.NewRecorder()
	cfg.Agent.Content = agenttrace.SpanContent
	cfg.Exporters = []sdktrace.SpanExporter{rec.Exporter()}
	p := setup(t, cfg)
	client := p.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r}, nil
	}), httptrace.TransportConfig{Propagate: true})
	handler := p.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		everything(r.Context(), p.AgentTracer())
		scenarios["run_with_tools"].run(r.Context(), p.AgentTracer())
		scenarios["tool_mcp"].run(r.Context(), p.AgentTracer())
		scenarios["task_failed"].run(r.Context(), p.AgentTracer())
		scenarios["agent_call"].run(r.Context(), p.AgentTracer())
		out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://tools.example.com/x?key=1", nil)
		if err != nil {
			t.Error(err)
		}
		if _, err := client.RoundTrip(out); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}), httptrace.MiddlewareConfig{Route: func(*http.Request) string { return "POST /do" }})
	req := httptest.NewRequest(http.MethodPost, "/do?a=b", nil)
	req.Header.Set("X-Correlation-ID", "c-1")
	req.Header.Set("User-Agent", "test")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	return rec.Spans()
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What only the end of a span can know; every other attribute is there from the start.
var knownAtTheEnd = map[string][]attribute.Key{
	"POST /do": {"http.response.status_code"},
	"GET":      {"http.response.status_code", "network.protocol.version", "error.type"},
	"agent.task": {
		"agent.total_steps", "agent.final_response_length", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens",
		"gen_ai.response.finish_reasons", "error.type",
	},
	"agent.step.reasoning": {"error.type"},
	"llm.generate": {
		"llm.duration_ms", "llm.input_tokens", "llm.output_tokens", "gen_ai.usage.input_tokens",
		"gen_ai.usage.output_tokens", "gen_ai.usage.reasoning.output_tokens", "gen_ai.response.id",
		"gen_ai.response.model", "gen_ai.response.finish_reasons", "gen_ai.output.messages", "error.type",
	},
	"tool.": {
		"tool.duration_ms", "tool.success", "tool.result_size", "gen_ai.tool.call.result", "search.results",
		"mcp.method.name", "network.transport", "mcp.session.id", "mcp.protocol.version", "server.address",
		"server.port",
	},
	"memory.":      {"gen_ai.memory.record.count", "gen_ai.memory.records"},
	"invoke_agent": {"error.type"},
}

func TestAProcessorOfTheUserSeesEveryAttribute(t *testing.T) {
	for name, sampler := range map[string]sampling.Config{
		"sampled":   {},
		"undecided": {Name: sampling.SamplerTraceIDRatio, Ratio: 0}, // kept for its error
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				notes := newAttributeNotes()
				spans := tracedRequest(t, tracing.Config{
					Sampler: sampler, Processors: []sdktrace.SpanProcessor{notes},
				})
				if len(spans) != 18 || len(notes.start) != 18 || len(notes.end) != 18 {
					t.Fatalf("%d spans, %d starts and %d ends seen, want 18", len(spans), len(notes.start), len(notes.end))
				}
				for _, s := range spans {
					checkNotes(t, s, notes)
				}
				if notes.flushed != 1 {
					t.Errorf("flushed %d times, want once", notes.flushed)
				}
			})
		})
	}
}

func checkNotes(t *testing.T, s sdktrace.ReadOnlySpan, notes *attributeNotes) {
	t.Helper()
	id := s.SpanContext().SpanID()
	start, end, sent := notes.start[id], notes.end[id], attributesOf(s)
	root := s.SpanKind() == trace.SpanKindServer
	if root { // what the pipeline alone knows
		maps.DeleteFunc(sent, func(k attribute.Key, _ string) bool {
			_, seen := end[k]
			return !seen && (strings.HasPrefix(string(k), "process.") || strings.HasPrefix(string(k), "sampling."))
		})
	}
	if !maps.Equal(sent, end) {
		t.Errorf("%s: OnEnd saw %v, the exporter %v", s.Name(), end, sent)
	}
	if start["correlation.id"] != "c-1" || end["added"] != "at the start" {
		t.Errorf("%s: started with %v, ended with %v", s.Name(), start, end)
	}
	late := []attribute.Key{"added"}
	for prefix, keys := range knownAtTheEnd {
		if strings.HasPrefix(s.Name(), prefix) {
			late = append(late, keys...)
		}
	}
	for k, v := range end {
		if was, known := start[k]; known && was != v || !known && !slices.Contains(late, k) {
			t.Errorf("%s: %s = %s at the end, %q at the start", s.Name(), k, v, was)
		}
	}
	if len(start) < 3 {
		t.Errorf("%s: only %v at the start", s.Name(), start)
	}
}

func TestProcessorsAreShutDownWithTheProvider(t *testing.T) {
	first, second := newAttributeNotes(), newAttributeNotes()
	p, err := tracing.Setup(t.Context(), tracing.Config{Processors: []sdktrace.SpanProcessor{first, second}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil || first.off != 1 || second.off != 1 {
		t.Errorf("shut down %d and %d times (%v), want once", first.off, second.off, err)
	}
}

// onlyRecord leaves every trace to its end.
type onlyRecord struct{ sdktrace.Sampler }

func (onlyRecord) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly}
}

func TestASamplerOfTheUserDecides(t *testing.T) {
	never := sdktrace.NeverSample()
	for name, tc := range map[string]struct {
		custom       sdktrace.Sampler
		plain, error int // spans that are kept
	}{
		"always": {sdktrace.AlwaysSample(), 2, 2},
		"never":  {never, 0, 0},
		"record": {onlyRecord{never}, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := sampling.Config{Name: sampling.SamplerAlwaysOff, Custom: tc.custom}
			if got := cfg.String(); got != tc.custom.Description() {
				t.Errorf("the sampler calls itself %q, want %q", got, tc.custom.Description())
			}
			for err, want := range map[error]int{nil: tc.plain, errors.New("failed"): tc.error} {
				rec := tracingtest.NewRecorder()
				p := setup(t, tracing.Config{Sampler: cfg, Exporters: []sdktrace.SpanExporter{rec.Exporter()}})
				ctx, inv := p.Begin(t.Context())
				ctx, task := p.AgentTracer().StartTask(ctx, agenttrace.TaskStart{})
				_, step := p.AgentTracer().StartStep(ctx, 1, "")
				step.End(err)
				task.End(agenttrace.TaskResult{}, err)
				inv.End()
				if n := len(rec.Spans()); n != want {
					t.Errorf("error %v: %d spans, want %d", err, n, want)
				}
			}
		})
	}
}
