package mcptools

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/redact"
)

const (
	maxResult = 256 << 10 // bytes of a result
	maxError  = 4 << 10   // bytes of an error text
)

// result turns the result of a tool into what the model gets: structured content as it is, a text that is JSON as
// JSON, other texts joined, and a note in place of what is not text. More than 256 KiB is cut, and says so.
// A result marked isError becomes an error with its text and the error.type tool_error.
func result(res *mcp.CallToolResult) (any, error) {
	if res.NeedsInput() {
		return nil, &agent.ToolError{Reason: "input_required", Text: "the tool asks for input that this agent cannot give"}
	}
	text := text(res.Content)
	if res.IsError {
		if text == "" {
			text = "the tool failed and gave no reason"
		}
		return nil, &agent.ToolError{Reason: "tool_error", Text: redact.Bytes(text, maxError)}
	}
	if res.StructuredContent != nil {
		data, err := json.Marshal(res.StructuredContent)
		switch {
		case err == nil && len(data) <= maxResult:
			return json.RawMessage(data), nil
		case text == "":
			text = string(data)
		}
	}
	if len(text) > maxResult {
		return fmt.Sprintf("%s\n[cut: %d bytes of %d are shown]", redact.Bytes(text, maxResult), maxResult, len(text)), nil
	}
	trimmed := strings.TrimSpace(text)
	if strings.IndexAny(trimmed, "{[") == 0 && json.Valid([]byte(trimmed)) {
		return json.RawMessage(trimmed), nil
	}
	return text, nil
}

// text joins the readable parts of a result.
func text(content []mcp.Content) string {
	var parts []string
	for _, c := range content {
		switch c := c.(type) {
		case *mcp.TextContent:
			parts = append(parts, c.Text)
		case *mcp.ImageContent:
			parts = append(parts, fmt.Sprintf("[image, %s, %d bytes, not shown]", c.MIMEType, len(c.Data)))
		case *mcp.AudioContent:
			parts = append(parts, fmt.Sprintf("[audio, %s, %d bytes, not shown]", c.MIMEType, len(c.Data)))
		case *mcp.ResourceLink:
			parts = append(parts, fmt.Sprintf("[link to %s: %s]", c.Name, c.URI))
		case *mcp.EmbeddedResource:
			switch r := c.Resource; {
			case r == nil:
			case r.Text != "":
				parts = append(parts, r.Text)
			default:
				parts = append(parts, fmt.Sprintf("[resource %s, %s, %d bytes, not shown]", r.URI, r.MIMEType, len(r.Blob)))
			}
		}
	}
	return strings.Join(parts, "\n\n")
}
