package agenttrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// ToolCallStart opens a tool.NAME span.
type ToolCallStart struct {
	Name, CallID, Description string
	Type                      string // function, extension, datastore; default function
	AgentName, SessionID      string
	Args                      map[string]any
	ReadOnly                  bool
}

// ToolCallResult ends it.
type ToolCallResult struct {
	Size   int        // bytes of the result as given to the model
	Result func() any // what the model gets, of a failed call too; may be nil; called at most once
}

// MCPCall is what the MCP conventions add to the tool span of an external tool service.
type MCPCall struct {
	Method, SessionID, ProtocolVersion string
	ServerAddress                      string
	ServerPort                         int
	StatusCode                         string // of the JSON-RPC error the service answered with; "": none
}

// ToolCallSpan is an open tool.NAME span.
type ToolCallSpan struct {
	handle
	buffer [14]attribute.KeyValue
}

// StartToolCall opens tool.NAME, which is execute_tool (INTERNAL) in the conventions. The name may be the model's
// invention and is cut like every name from outside.
func (t *AgentTracer) StartToolCall(ctx context.Context, in ToolCallStart) (context.Context, *ToolCallSpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &ToolCallSpan{}
	typ, name := in.Type, redact.Runes(in.Name, maxIdentRunes)
	if typ == "" {
		typ = "function"
	}
	a := append(s.buffer[:0],
		semconv.KeyGenAIOperationName.String(semconv.OpExecuteTool),
		semconv.KeyGenAIToolName.String(name),
		semconv.KeyGenAIToolType.String(typ),
		semconv.KeyToolName.String(name))
	a = appendText(a, semconv.KeyGenAIToolCallID, in.CallID, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIToolDescription, in.Description, maxTextRunes)
	a = appendText(a, semconv.KeyGenAIAgentName, in.AgentName, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIConversationID, in.SessionID, maxIdentRunes)
	if in.ReadOnly {
		a = append(a, semconv.KeyToolReadOnly.Bool(true))
	}
	if t.previews() {
		a = append(a, semconv.KeyToolArgs.String(redact.Args(in.Args)))
	}
	if t.content() {
		a = appendObject(a, semconv.KeyGenAIToolCallArguments, func() any { return in.Args })
	}
	ctx, ok := s.start(ctx, t, semconv.SpanToolPrefix+name, t.internal, a)
	if !ok {
		return ctx, nil
	}
	return context.WithValue(ctx, toolCallContextKey{}, s), s
}

// End ends the span.
func (s *ToolCallSpan) End(out ToolCallResult, err error) {
	if s == nil || !s.recording() {
		return
	}
	a := append(s.attrs,
		semconv.KeyToolDuration.Float64(s.elapsed()),
		semconv.KeyToolSuccess.Bool(err == nil),
		semconv.KeyToolResultSize.Int(out.Size))
	if out.Result != nil && s.t.content() {
		a = appendObject(a, semconv.KeyGenAIToolCallResult, out.Result)
	}
	s.end(a, err, codes.Ok)
}

const maxProgressRunes = 200

// AddProgress adds the event tool.progress, with the text where previews are recorded. Unlike the rest of the handle it may
// be called from several goroutines; after the span's end it does nothing.
func (s *ToolCallSpan) AddProgress(text string) {
	if s == nil || !s.recording() {
		return
	}
	if !s.t.previews() || text == "" {
		s.span.AddEvent(semconv.EventProgress)
		return
	}
	s.span.AddEvent(semconv.EventProgress, trace.WithAttributes(
		semconv.KeyProgressMessage.String(redact.Preview(text, maxProgressRunes))))
}

type toolCallContextKey struct{}

// ToolCallFromContext returns the tool call that ctx runs in, so that a tool's own code can say more of it; nil, which
// works, when there is none or it is not recorded.
func ToolCallFromContext(ctx context.Context) *ToolCallSpan {
	s, _ := ctx.Value(toolCallContextKey{}).(*ToolCallSpan)
	return s
}

// SetMCP adds the MCP attributes of a call over MCP's HTTP transport. It may be called again when more is known, until
// the span ends.
func (s *ToolCallSpan) SetMCP(call MCPCall) {
	if s == nil || !s.recording() {
		return
	}
	a := make([]attribute.KeyValue, 0, 7)
	a = append(a, semconv.KeyMCPMethodName.String(call.Method), semconv.KeyNetworkTransport.String("tcp"))
	a = appendText(a, semconv.KeyMCPSessionID, call.SessionID, maxIdentRunes)
	a = appendText(a, semconv.KeyMCPProtocolVersion, call.ProtocolVersion, maxIdentRunes)
	a = appendText(a, semconv.KeyRPCStatusCode, call.StatusCode, maxIdentRunes)
	s.span.SetAttributes(appendPeer(a, call.ServerAddress, call.ServerPort)...)
}
