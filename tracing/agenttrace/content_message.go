package agenttrace

import (
	"example.com/gemini-agent/tracing/redact"
)

// contentJSON writes messages in the conventions' shape, masked and cut like everything that is recorded.
type contentJSON struct{ redact.JSON }

// list writes n items.
func (j *contentJSON) list(n int, item func(i int)) {
	j.Buf = append(j.Buf, '[')
	for i := range n {
		if i > 0 {
			j.Buf = append(j.Buf, ',')
		}
		if item(i); j.OverLimit() {
			return
		}
	}
	j.Buf = append(j.Buf, ']')
}

// field writes a member of an object whose first member is type or role.
func (j *contentJSON) field(name, value string) {
	if value != "" {
		j.raw(`,"` + name + `":`)
		j.Text(value)
	}
}

func (j *contentJSON) raw(s string) { j.Buf = append(j.Buf, s...) }

func (j *contentJSON) message(m Message) {
	j.raw(`{"role":`)
	j.Text(conventionRole(m.Role))
	j.raw(`,"parts":`)
	j.list(len(m.Parts), func(i int) { j.part(m.Parts[i]) })
	j.field("finish_reason", m.FinishReason)
	j.raw("}")
}

// conventionRole gives Gemini's own role names the conventions' ones.
func conventionRole(role string) string {
	switch role {
	case "model":
		return "assistant"
	case "function":
		return "tool"
	case "":
		return "user"
	}
	return role
}

// part writes one part with the members its type has and no others.
func (j *contentJSON) part(p Part) {
	j.raw(`{"type":`)
	j.Text(p.Type)
	switch p.Type {
	case "tool_call":
		j.raw(`,"name":`)
		j.Text(p.Name)
		j.field("id", p.ID)
		j.raw(`,"arguments":`)
		j.Object(asObject(p.Arguments), 0)
	case "tool_call_response":
		j.field("id", p.ID)
		j.raw(`,"response":`)
		j.Value(asPlain(p.Response), 0)
	case "blob":
		j.raw(`,"modality":`)
		j.Text(p.Modality)
		j.field("mime_type", p.MIMEType)
		j.raw(`,"content":`)
		j.base64(p.Content)
	case "uri":
		j.raw(`,"modality":`)
		j.Text(p.Modality)
		j.field("mime_type", p.MIMEType)
		j.raw(`,"uri":`)
		j.Text(p.URI)
	case "file":
		j.raw(`,"modality":`)
		j.Text(p.Modality)
		j.field("mime_type", p.MIMEType)
		j.raw(`,"file_id":`)
		j.Text(p.ID)
	default:
		j.raw(`,"content":`)
		j.Text(p.Content)
	}
	j.raw("}")
}

// base64 writes data whole or not at all: a piece of a picture shows nothing.
func (j *contentJSON) base64(data string) {
	if len(data) > j.Runes {
		j.Shortened = true
		data = ""
	}
	j.Text(data)
}

func (j *contentJSON) tool(t ToolDefinition) {
	j.raw(`{"type":"function","name":`)
	j.Text(t.Name)
	j.raw("}")
}
