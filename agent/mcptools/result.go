package mcptools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/redact"
)

const (
	maxResult = 256 << 10 // bytes of a result
	maxError  = 4 << 10   // bytes of an error text
)

// result turns the result of a tool into what the model gets, byte for byte: the text of its parts, with a note in place
// of a part that is no text, and the structured content as JSON. Where there are both, both are given, unless one is the
// other written out. More than 256 KiB is cut, and says so. A result marked isError becomes an error with all of it and
// the error.type tool_error.
func result(raw json.RawMessage) (any, error) {
	var r struct {
		Content    json.RawMessage `json:"content"`
		Structured json.RawMessage `json:"structuredContent"`
		IsError    any             `json:"isError"`
		Type       any             `json:"resultType"`
	}
	_ = json.Unmarshal(raw, &r) // an object, as was seen; its members may be anything
	if r.Type == "input_required" {
		return nil, &agent.ToolError{Reason: "input_required", Text: "the tool asks for input that this agent cannot give"}
	}
	said, structured := contentText(r.Content), bytes.TrimSpace(r.Structured)
	if string(structured) == "null" {
		structured = nil
	}
	if r.IsError == true || r.IsError == "true" {
		return nil, &agent.ToolError{Reason: "tool_error", Text: failureText(said, structured)}
	}
	switch {
	case len(structured) == 0:
		return cut(said), nil
	case len(structured) > maxResult:
		return cut(said + "\n\n" + string(structured)), nil
	case strings.TrimSpace(said) == "" || writtenOut(said, structured):
		return json.RawMessage(structured), nil
	}
	return map[string]any{"text": cut(said), "structured": json.RawMessage(structured)}, nil
}

func failureText(said string, structured []byte) string {
	if len(structured) > 0 && !writtenOut(said, structured) {
		said = strings.TrimSpace(said + "\n" + string(structured))
	}
	if strings.TrimSpace(said) == "" {
		return "the tool failed and gave no reason"
	}
	return redact.Bytes(said, maxError)
}

func cut(s string) string {
	if len(s) <= maxResult {
		return s
	}
	return fmt.Sprintf("%s\n[cut: %d bytes of %d are shown]", redact.Bytes(s, maxResult), maxResult, len(s))
}

// writtenOut reports whether the text is the structure as JSON, or what a structure that has nothing else holds under
// "result", as many servers wrap what is no object.
func writtenOut(said string, structured []byte) bool {
	value, ok := decode(structured)
	if !ok {
		return false
	}
	spoken, isJSON := decode([]byte(said))
	if wrapped, ok := value.(map[string]any); ok && len(wrapped) == 1 {
		if inner, ok := wrapped["result"]; ok && (inner == any(said) || isJSON && reflect.DeepEqual(inner, spoken)) {
			return true
		}
	}
	return isJSON && reflect.DeepEqual(value, spoken)
}

// decode reads one JSON value, numbers as they are written.
func decode(raw []byte) (v any, ok bool) {
	if !json.Valid(raw) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return v, dec.Decode(&v) == nil
}

// contentText joins the readable parts of a result.
func contentText(raw json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw} // one part where a list should be, or a mere text
	}
	var parts []string
	for _, one := range list {
		if text, ok := partText(one); ok {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// partText is the text of one part, or what stands for it.
func partText(raw json.RawMessage) (string, bool) {
	var p map[string]json.RawMessage
	if json.Unmarshal(raw, &p) != nil || p == nil {
		s := text(raw)
		return s, s != ""
	}
	kind := redact.Bytes(text(p["type"]), 40)
	switch kind {
	case "image", "audio":
		return fmt.Sprintf("[%s, %s, %d bytes, not shown]", kind, text(p["mimeType"]), dataBytes(p["data"])), true
	case "resource_link":
		return fmt.Sprintf("[link to %s: %s]", text(p["name"]), text(p["uri"])), true
	case "resource":
		var r map[string]json.RawMessage
		if json.Unmarshal(p["resource"], &r) != nil || r == nil {
			return "", false
		}
		if r["text"] != nil {
			return text(r["text"]), true
		}
		return fmt.Sprintf("[resource %s, %s, %d bytes, not shown]", text(r["uri"]), text(r["mimeType"]), dataBytes(r["blob"])), true
	}
	if s := text(p["text"]); s != "" || kind == "text" {
		return s, true
	}
	return fmt.Sprintf("[a part of the type %q, not shown]", kind), true
}

// dataBytes is how many bytes base64 data hold, in any of its spellings.
func dataBytes(raw json.RawMessage) int { return len(strings.TrimRight(text(raw), "=")) * 3 / 4 }
