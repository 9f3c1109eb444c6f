package agent

import (
	"encoding/base64"
	"strings"

	"google.golang.org/genai"

	"example.com/gemini-agent/tracing/agenttrace"
)

// geminiContents returns the conversation in Gemini's form. What the model said goes back as the very value that
// came: thought signatures stand in place, and parts are neither merged nor moved.
func geminiContents(turns []Turn) []*genai.Content {
	contents := make([]*genai.Content, 0, len(turns))
	for _, t := range turns {
		switch {
		case t.Native != nil:
			if c, ok := t.Native.(*genai.Content); ok {
				contents = append(contents, c)
			}
		case t.Results != nil:
			contents = append(contents, resultsContent(t.Results))
		default:
			contents = append(contents, &genai.Content{Role: genai.RoleUser, Parts: []*genai.Part{{Text: t.Text}}})
		}
	}
	return contents
}

// resultsContent answers all calls of one turn in one content, as Gemini demands.
func resultsContent(results []ToolResult) *genai.Content {
	parts := make([]*genai.Part, len(results))
	for i, res := range results {
		response := map[string]any{"output": res.Output}
		if res.Error != "" {
			response = map[string]any{"error": res.Error}
		}
		parts[i] = &genai.Part{FunctionResponse: &genai.FunctionResponse{ID: res.ID, Name: res.Name, Response: response}}
	}
	return &genai.Content{Role: genai.RoleUser, Parts: parts}
}

// geminiTools offers the tools; nil when there are none.
func geminiTools(declared []Declaration) []*genai.Tool {
	if len(declared) == 0 {
		return nil
	}
	functions := make([]*genai.FunctionDeclaration, len(declared))
	for i, d := range declared {
		functions[i] = &genai.FunctionDeclaration{Name: d.Name, Description: d.Description}
		if d.Parameters != nil {
			functions[i].ParametersJsonSchema = d.Parameters
		}
	}
	return []*genai.Tool{{FunctionDeclarations: functions}}
}

// geminiReply reads the first candidate of resp. The SDK's own accessors are not used: they write to the standard
// logger.
func geminiReply(resp *genai.GenerateContentResponse) *Reply {
	p := &Reply{Model: resp.ModelVersion, ID: resp.ResponseID, Usage: geminiUsage(resp.UsageMetadata)}
	for _, c := range resp.Candidates {
		if c != nil {
			p.FinishReasons = append(p.FinishReasons, conventionalFinish(c.FinishReason))
		}
	}
	if len(resp.Candidates) == 0 || resp.Candidates[0] == nil {
		p.Finish = FinishNoCandidates
		if f := resp.PromptFeedback; f != nil && f.BlockReason != "" {
			p.Finish, p.Detail, p.Prompt = FinishBlocked, statusName(string(f.BlockReason)), true
		}
		return p
	}
	candidate := resp.Candidates[0]
	p.Finish = geminiFinish(candidate.FinishReason)
	if p.Finish != FinishStop {
		p.Detail = statusName(string(candidate.FinishReason))
	}
	content := candidate.Content
	if content == nil || len(content.Parts) == 0 {
		return p
	}
	if content.Role == "" {
		said := *content // the parts stay the very same
		said.Role = genai.RoleModel
		content = &said
	}
	p.Turn = Turn{Native: content, Message: func() agenttrace.Message {
		m := geminiMessage(content)
		m.FinishReason = conventionalFinish(candidate.FinishReason)
		return m
	}}
	var text strings.Builder
	for _, part := range content.Parts {
		switch {
		case part == nil:
		case part.FunctionCall != nil:
			p.Calls = append(p.Calls, Call{ID: part.FunctionCall.ID, Name: part.FunctionCall.Name, Args: part.FunctionCall.Args})
		case part.Thought:
			p.Thoughts = true
		case part.Text != "":
			text.WriteString(part.Text)
		case len(part.ThoughtSignature) > 0:
			p.Thoughts = true
		}
	}
	p.Text = text.String()
	return p
}

// geminiFinish sorts Gemini's finish reasons. A reply without one, which only stand-ins of the service send, counts
// as whole.
func geminiFinish(r genai.FinishReason) Finish {
	switch r {
	case genai.FinishReasonStop, genai.FinishReasonUnspecified, "":
		return FinishStop
	case genai.FinishReasonMaxTokens, genai.FinishReasonContinuation:
		return FinishMaxTokens
	case genai.FinishReasonMalformedFunctionCall:
		return FinishMalformedCall
	case genai.FinishReasonUnexpectedToolCall:
		return FinishUnexpectedCall
	case genai.FinishReasonTooManyToolCalls:
		return FinishTooManyCalls
	case genai.FinishReasonSafety, genai.FinishReasonRecitation, genai.FinishReasonLanguage, genai.FinishReasonBlocklist,
		genai.FinishReasonProhibitedContent, genai.FinishReasonSPII, genai.FinishReasonImageSafety,
		genai.FinishReasonImageProhibitedContent, genai.FinishReasonImageRecitation:
		return FinishBlocked
	}
	return FinishOther
}

// conventionalFinish is the name of a finish reason in the GenAI conventions; reasons they have no name for keep
// Gemini's.
func conventionalFinish(r genai.FinishReason) string {
	switch r {
	case genai.FinishReasonStop:
		return "stop"
	case genai.FinishReasonMaxTokens:
		return "length"
	case genai.FinishReasonUnspecified, genai.FinishReasonOther, "":
		return "error"
	}
	if geminiFinish(r) == FinishBlocked {
		return "content_filter"
	}
	return string(r)
}

// geminiUsage counts tokens the way the GenAI conventions do.
func geminiUsage(u *genai.GenerateContentResponseUsageMetadata) agenttrace.Usage {
	if u == nil {
		return agenttrace.Usage{}
	}
	return agenttrace.Usage{
		InputTokens:       int(u.PromptTokenCount + u.ToolUsePromptTokenCount),
		OutputTokens:      int(u.CandidatesTokenCount + u.ThoughtsTokenCount),
		CachedInputTokens: int(u.CachedContentTokenCount),
		ReasoningTokens:   int(u.ThoughtsTokenCount),
		ToolUseTokens:     int(u.ToolUsePromptTokenCount),
	}
}

// geminiMessage describes what the model said in the shape of the GenAI conventions. Parts that they have no shape
// for, and bare signatures, are left out.
func geminiMessage(c *genai.Content) agenttrace.Message {
	m := agenttrace.Message{Role: "assistant"}
	for _, part := range c.Parts {
		switch {
		case part == nil:
		case part.FunctionCall != nil:
			f := part.FunctionCall
			call := agenttrace.Part{Type: "tool_call", ID: f.ID, Name: f.Name}
			if f.Args != nil {
				call.Arguments = f.Args
			}
			m.Parts = append(m.Parts, call)
		case part.InlineData != nil:
			m.Parts = append(m.Parts, agenttrace.Part{
				Type:     "blob",
				Content:  base64.StdEncoding.EncodeToString(part.InlineData.Data),
				Modality: modality(part.InlineData.MIMEType),
				MIMEType: part.InlineData.MIMEType,
			})
		case part.FileData != nil:
			m.Parts = append(m.Parts, agenttrace.Part{
				Type:     "uri",
				URI:      part.FileData.FileURI,
				Modality: modality(part.FileData.MIMEType),
				MIMEType: part.FileData.MIMEType,
			})
		case part.Text != "" && part.Thought:
			m.Parts = append(m.Parts, agenttrace.Part{Type: "reasoning", Content: part.Text})
		case part.Text != "":
			m.Parts = append(m.Parts, agenttrace.Part{Type: "text", Content: part.Text})
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
