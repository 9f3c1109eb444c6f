package agent

import (
	"context"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Progress says how far the tool that runs in ctx has come, for people: "page 3 of 12". It is the event tool.progress on
// the tool's span, with the text under the rules of previews: redacted, at most 200 runes, left out where previews are
// off. Outside of a tool call, and after its end, it does nothing. A tool may call it from several goroutines.
func Progress(ctx context.Context, text string) {
	agenttrace.ToolCallFromContext(ctx).AddProgress(text)
}
