package mcptools

import (
	"encoding/json"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// named returns req with the name of its span: the method of JSON-RPC and its target, as the MCP conventions want it,
// and the id of the JSON-RPC request. The requests of the transport itself (ending a session) are named by their URL.
func named(req *http.Request) (_ *http.Request, id json.RawMessage) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	if req.GetBody != nil {
		if body, err := req.GetBody(); err == nil {
			_ = json.NewDecoder(body).Decode(&m) // the SDK's own
			_ = body.Close()
		}
	}
	call := httptrace.Call{Template: req.URL.Path}
	if m.Method != "" {
		call.Name = m.Method
		call.Attributes = []attribute.KeyValue{semconv.KeyMCPMethodName.String(m.Method)}
		if m.Params.Name != "" {
			call.Name += " " + redact.Runes(m.Params.Name, agent.MaxToolName)
		}
	}
	return req.WithContext(httptrace.ContextWithCallName(req.Context(), call)), m.ID
}
