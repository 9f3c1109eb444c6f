package agent

import (
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
)

// geminiMessage describes what the model said in the shape of the GenAI conventions. Parts that they have no shape for,
// and bare signatures, are left out.
func geminiMessage(parts []geminiPart) agenttrace.Message {
	m := agenttrace.Message{Role: "assistant"}
	for _, part := range parts {
		switch {
		case present(part.FunctionCall):
			if c, ok := decodeCall(part.FunctionCall); ok {
				call := agenttrace.Part{Type: "tool_call", ID: c.ID, Name: c.Name}
				if c.Args != nil {
					call.Arguments = c.Args
				}
				m.Parts = append(m.Parts, call)
			}
		case part.InlineData != nil:
			mime := string(part.InlineData.MIMEType)
			m.Parts = append(m.Parts, agenttrace.Part{
				Type: "blob", Content: string(part.InlineData.Data), Modality: modality(mime), MIMEType: mime,
			})
		case part.FileData != nil:
			mime := string(part.FileData.MIMEType)
			m.Parts = append(m.Parts, agenttrace.Part{
				Type: "uri", URI: string(part.FileData.FileURI), Modality: modality(mime), MIMEType: mime,
			})
		case part.Text != "" && part.Thought == true:
			m.Parts = append(m.Parts, agenttrace.Part{Type: "reasoning", Content: string(part.Text)})
		case part.Text != "":
			m.Parts = append(m.Parts, agenttrace.Part{Type: "text", Content: string(part.Text)})
		}
	}
	return m
}

func modality(mime string) string {
	kind, _, _ := strings.Cut(mime, "/")
	switch kind {
	case "image", "video", "audio":
		return kind
	}
	return "document"
}
