package agent

import (
	"bytes"
	"encoding/json"
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
)

// shapeError is an answer that is none.
type shapeError struct{}

func (shapeError) Error() string { return "the answer has not the shape of one" }

// ErrorType names the failure for the error.type attribute.
func (shapeError) ErrorType() string { return "bad_response" }

var errBadShape error = shapeError{}

// geminiResponse is the answer on the wire. What a reader can do without may have any type.
type geminiResponse struct {
	Candidates     []*geminiCandidate `json:"candidates"`
	PromptFeedback struct {
		BlockReason looseText `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage        geminiUsage `json:"usageMetadata"`
	ModelVersion looseText   `json:"modelVersion"`
	ResponseID   looseText   `json:"responseId"`
}

type geminiCandidate struct {
	Content       *json.RawMessage `json:"content"`
	FinishReason  looseText        `json:"finishReason"`
	FinishMessage looseText        `json:"finishMessage"`
	Index         looseCount       `json:"index"`
}

type geminiUsage struct {
	Prompt     looseCount `json:"promptTokenCount"`
	ToolUse    looseCount `json:"toolUsePromptTokenCount"`
	Candidates looseCount `json:"candidatesTokenCount"`
	Thoughts   looseCount `json:"thoughtsTokenCount"`
	Cached     looseCount `json:"cachedContentTokenCount"`
}

// looseText is a JSON string; anything else is no text.
type looseText string

// UnmarshalJSON reads a string and never fails.
func (s *looseText) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*s = looseText(text)
	}
	return nil
}

// looseCount is a number of things, also in quotes; anything else is 0.
type looseCount int

// UnmarshalJSON reads a number and never fails.
func (n *looseCount) UnmarshalJSON(raw []byte) error {
	var f float64
	if json.Unmarshal(bytes.Trim(raw, `"`), &f) == nil && f > 0 && f < 1e12 {
		*n = looseCount(f)
	}
	return nil
}

// geminiPart is one part of what the model said, beside which its bytes are kept.
type geminiPart struct {
	raw json.RawMessage

	Text         looseText       `json:"text"`
	Thought      any             `json:"thought"`
	Signature    looseText       `json:"thoughtSignature"`
	FunctionCall json.RawMessage `json:"functionCall"`
	InlineData   *geminiData     `json:"inlineData"`
	FileData     *geminiData     `json:"fileData"`
}

type geminiData struct {
	MIMEType looseText `json:"mimeType"`
	Data     looseText `json:"data"`
	FileURI  looseText `json:"fileUri"`
}

// empty reports whether there is nothing to be sent back: the service refuses a part without content.
func (p geminiPart) empty() bool { return p.Signature == "" && p.Text == "" && p.onlyText() }

// onlyText reports whether the part has nothing beside a text, which may be empty, and what is said about it.
func (p geminiPart) onlyText() bool {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(p.raw, &members) // an object, as was seen
	delete(members, "text")
	delete(members, "thought")
	delete(members, "thoughtSignature")
	return len(members) == 0
}

// decodeGeminiReply reads the first candidate of an answer. It returns errBadShape for what is none.
func decodeGeminiReply(body []byte) (*Reply, error) {
	var resp geminiResponse
	if json.Unmarshal(body, &resp) != nil {
		return nil, errBadShape
	}
	return resp.reply()
}

// reply is what the answer says.
func (resp *geminiResponse) reply() (*Reply, error) {
	p := &Reply{Model: string(resp.ModelVersion), ID: string(resp.ResponseID), Usage: resp.usage()}
	for _, c := range resp.Candidates {
		if c != nil {
			p.FinishReasons = append(p.FinishReasons, conventionalFinish(string(c.FinishReason)))
		}
	}
	if len(resp.Candidates) == 0 || resp.Candidates[0] == nil {
		p.Finish = FinishNoCandidates
		if reason := resp.PromptFeedback.BlockReason; reason != "" {
			p.Finish, p.Detail, p.Prompt = FinishBlocked, statusName(string(reason)), true
		}
		return p, nil
	}
	candidate := resp.Candidates[0]
	p.Finish, p.Said = geminiFinish(string(candidate.FinishReason)), string(candidate.FinishMessage)
	if p.Finish != FinishStop {
		p.Detail = statusName(string(candidate.FinishReason))
	}
	if candidate.Content == nil {
		return p, nil
	}
	return p, p.read(*candidate.Content, conventionalFinish(string(candidate.FinishReason)))
}

// read takes what the model said into the reply.
func (p *Reply) read(content json.RawMessage, finish string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(content, &members) != nil {
		return errBadShape
	}
	parts, came, err := decodeParts(members["parts"])
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, part := range parts {
		switch {
		case present(part.FunctionCall):
			call, ok := decodeCall(part.FunctionCall)
			if !ok {
				p.Finish, p.Detail, p.Said = FinishMalformedCall, "", string(part.FunctionCall)
			}
			p.Calls = append(p.Calls, call)
		case part.Thought == true:
			p.Thoughts = true
		case part.Text != "":
			text.WriteString(string(part.Text))
		case part.Signature != "":
			p.Thoughts = true
		}
	}
	p.Text = text.String()
	if p.Finish == FinishMalformedCall {
		p.Calls = nil
	}
	if len(parts) == 0 {
		return nil
	}
	p.Turn = Turn{Native: echo(content, members, parts, came), Message: func() agenttrace.Message {
		m := geminiMessage(parts)
		m.FinishReason = finish
		return m
	}}
	return nil
}

// decodeParts reads a list of parts, without those that are empty, and says how many there were.
func decodeParts(list json.RawMessage) (parts []geminiPart, came int, err error) {
	var raws []json.RawMessage
	if list != nil && json.Unmarshal(list, &raws) != nil {
		return nil, 0, errBadShape
	}
	parts = make([]geminiPart, 0, len(raws))
	for _, raw := range raws {
		part := geminiPart{raw: raw}
		if json.Unmarshal(raw, &part) != nil {
			return nil, 0, errBadShape
		}
		if string(raw) != "null" && !part.empty() {
			parts = append(parts, part)
		}
	}
	return parts, len(raws), nil
}

// echo is the content to be sent back: as it came, but for empty parts and a missing role, which would be the user's.
func echo(content json.RawMessage, members map[string]json.RawMessage, parts []geminiPart, came int) json.RawMessage {
	var role looseText
	_ = role.UnmarshalJSON(members["role"])
	if role != "" && len(parts) == came {
		return content
	}
	if role == "" {
		members["role"] = json.RawMessage(`"model"`)
	}
	kept := make([]json.RawMessage, len(parts))
	for i, part := range parts {
		kept[i] = part.raw
	}
	whole := map[string]any{"parts": kept}
	for name, value := range members {
		if name != "parts" {
			whole[name] = value
		}
	}
	raw, _ := marshal(whole) // of JSON that was read
	return raw
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// decodeCall reads a call of a tool, which has at least a name; arguments are an object or not there.
func decodeCall(raw json.RawMessage) (Call, bool) {
	var wire struct {
		ID   looseText       `json:"id"`
		Name looseText       `json:"name"`
		Args json.RawMessage `json:"args"`
	}
	if json.Unmarshal(raw, &wire) != nil || wire.Name == "" {
		return Call{}, false
	}
	call := Call{ID: string(wire.ID), Name: string(wire.Name)}
	if !present(wire.Args) {
		return call, true
	}
	dec := json.NewDecoder(bytes.NewReader(wire.Args))
	dec.UseNumber()
	if dec.Decode(&call.Args) != nil {
		return Call{}, false
	}
	floats(call.Args)
	return call, true
}

// floats makes numbers float64, as Go's decoder does, but for those that would not be the same any more.
func floats(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && exact(string(v)) {
			return f
		}
	case map[string]any:
		for key, e := range v {
			v[key] = floats(e)
		}
	case []any:
		for i, e := range v {
			v[i] = floats(e)
		}
	}
	return v
}

// usage counts tokens the way the GenAI conventions do.
func (resp *geminiResponse) usage() agenttrace.Usage {
	u := resp.Usage
	return agenttrace.Usage{
		InputTokens:       int(u.Prompt + u.ToolUse),
		OutputTokens:      int(u.Candidates + u.Thoughts),
		CachedInputTokens: int(u.Cached),
		ReasoningTokens:   int(u.Thoughts),
		ToolUseTokens:     int(u.ToolUse),
	}
}
