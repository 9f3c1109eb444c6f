package mcptools

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/redact"
)

// call runs one tool. When the session turns out to be lost it reconnects once, and repeats the call if that is safe:
// if the service cannot have begun it, or the tool says that repeating does no harm.
func (s *server) call(ctx context.Context, tool listedTool, args map[string]any) (any, error) {
	if args == nil {
		args = map[string]any{} // null is no object
	}
	for again := false; ; again = true {
		conn, err := s.connected(ctx)
		if err != nil {
			return nil, callError(ctx, nil, err)
		}
		onSpan := agenttrace.MCPCall{
			Method: "tools/call", SessionID: conn.session.ID(), ProtocolVersion: conn.session.InitializeResult().ProtocolVersion,
			ServerAddress: s.url.Hostname(), ServerPort: remote.Port(s.url),
		}
		agenttrace.ToolCallFromContext(ctx).SetMCP(onSpan)
		request := &sent{}
		_, err = conn.session.CallTool(context.WithValue(ctx, sentKey{}, request), &mcp.CallToolParams{
			Meta: s.traceMeta(ctx), Name: tool.name, Arguments: args,
		})
		if raw := request.result.Load(); err == nil && raw != nil {
			return result(*raw)
		}
		if fault := request.fault.Load(); fault != nil && ctx.Err() == nil {
			return nil, faultError(*fault)
		}
		outcome := request.outcome.Load()
		if unknownTool(err) {
			s.expire()
		}
		if ctx.Err() == nil && sessionLost(conn, outcome, err) {
			s.drop(conn)
			if !again && (neverBegun(outcome) || tool.repeatable) {
				continue
			}
		}
		if answer := serviceAnswer(err); answer != nil && ctx.Err() == nil {
			onSpan.StatusCode = strconv.FormatInt(answer.Code, 10)
			agenttrace.ToolCallFromContext(ctx).SetMCP(onSpan)
		}
		return nil, callError(ctx, outcome, err)
	}
}

// traceMeta returns the trace context as the conventions want it in params._meta: bare keys, from the current span.
func (s *server) traceMeta(ctx context.Context) mcp.Meta {
	meta := metaCarrier{}
	s.cfg.Propagator.Inject(ctx, meta)
	if !s.cfg.Baggage {
		delete(meta, "baggage")
	}
	return mcp.Meta(meta)
}

// metaCarrier takes of an injection what MCP knows.
type metaCarrier map[string]any

// Get returns the value of key, "" when absent.
func (m metaCarrier) Get(key string) string { v, _ := m[strings.ToLower(key)].(string); return v }

// Set keeps value if key is one of traceparent, tracestate and baggage.
func (m metaCarrier) Set(key, value string) {
	switch key = strings.ToLower(key); key {
	case "traceparent", "tracestate", "baggage":
		if value != "" {
			m[key] = value
		}
	}
}

// Keys returns the keys that are set.
func (m metaCarrier) Keys() []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}

// sessionLost says whether the failure of a call means that the session is of no more use.
func sessionLost(conn *connection, outcome *sentOutcome, err error) bool {
	if outcome != nil && outcome.status >= http.StatusBadRequest {
		// 404 is what the specification wants for a session the service does not know; many answer 400. Other
		// statuses (429, 503, 401) say nothing about the session.
		forgotten := outcome.status == http.StatusNotFound || outcome.status == http.StatusBadRequest
		return forgotten && conn.session.ID() != ""
	}
	return serviceAnswer(err) == nil
}

// codeRejected is what the SDK gives every failure of the transport: no answer of the service.
const codeRejected = -32005

// serviceAnswer returns the error that the service itself answered with, nil when there is none.
func serviceAnswer(err error) *jsonrpc.Error {
	var answer *jsonrpc.Error
	if errors.As(err, &answer) && answer.Code != codeRejected {
		return answer
	}
	return nil
}

// neverBegun says whether the service cannot have begun the call: it was never written, the connection was never
// made, or the service refused it at the door.
func neverBegun(outcome *sentOutcome) bool {
	if outcome == nil {
		return true
	}
	var op *net.OpError
	dialing := errors.As(outcome.err, &op) && op.Op == "dial"
	return dialing || outcome.status >= http.StatusBadRequest
}

func unknownTool(err error) bool {
	answer := serviceAnswer(err)
	return answer != nil && (answer.Code == jsonrpc.CodeInvalidParams || answer.Code == jsonrpc.CodeMethodNotFound)
}

// faultError is the failure of a call whose answer came and is none.
func faultError(fault string) error {
	e := &agent.ToolError{Reason: fault, Text: "the tool service's answer cannot be read"}
	if fault == faultTooLarge {
		e.Text = "the tool's result is larger than 8 MiB, more than can be taken; ask for less"
	}
	return e
}

// callError is the failure of a call as the model may read it.
func callError(ctx context.Context, outcome *sentOutcome, err error) error {
	e := &agent.ToolError{Reason: reasonFor(outcome, err), Err: err}
	answer := serviceAnswer(err)
	switch {
	case ctx.Err() != nil:
		e.Err = ctx.Err()
		e.Reason, e.Text = reasonFor(nil, e.Err), "the tool service did not answer in time"
		if errors.Is(e.Err, context.Canceled) {
			e.Text = "the call was cancelled"
		}
	case answer != nil:
		e.Text = "the tool service refused the call: " + redact.Bytes(answer.Message, 1000)
	case outcome != nil && outcome.status >= http.StatusBadRequest:
		e.Text = "the tool service answered HTTP " + e.Reason
	case outcome != nil && outcome.status != 0:
		e.Text = "the tool service broke off in the middle of its answer"
	case !neverBegun(outcome):
		e.Text = "the tool service broke off before it answered; whether it did the work is not known"
	default:
		e.Text = "the tool service cannot be reached"
	}
	return e
}

// reasonFor names a failure: timeout, canceled, a JSON-RPC code, an HTTP status, or connection.
func reasonFor(outcome *sentOutcome, err error) string {
	answer := serviceAnswer(err)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case answer != nil:
		return strconv.FormatInt(answer.Code, 10)
	case outcome != nil && outcome.status >= http.StatusBadRequest:
		return strconv.Itoa(outcome.status)
	}
	return "connection"
}

// causeOf says for the log why a service is unavailable, without a word of the service's.
func causeOf(err error) string {
	if serviceAnswer(err) != nil {
		return "the service answered with an error"
	}
	return remote.Cause(err).Error()
}
