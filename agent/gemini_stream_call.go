package agent

import (
	"encoding/json"
	"strconv"
	"strings"
)

// callPiece is a call, or a piece of one: Vertex AI can send the arguments as they are made.
type callPiece struct {
	members map[string]json.RawMessage // of the part, beside the call

	ID           looseText   `json:"id"`
	Name         looseText   `json:"name"`
	Pieces       []argsPiece `json:"partialArgs"`
	WillContinue bool        `json:"willContinue"`
}

// argsPiece is a value in the arguments, or a piece of a text.
type argsPiece struct {
	Path   string          `json:"jsonPath"`
	Text   *string         `json:"stringValue"`
	Number json.RawMessage `json:"numberValue"`
	Bool   json.RawMessage `json:"boolValue"`
	Null   json.RawMessage `json:"nullValue"`
}

func decodeCallPiece(part geminiPart) (callPiece, bool) {
	var p callPiece
	ok := json.Unmarshal(part.raw, &p.members) == nil && json.Unmarshal(part.FunctionCall, &p) == nil
	delete(p.members, "functionCall")
	return p, ok
}

// partial reports whether the piece is not a whole call.
func (p *callPiece) partial() bool { return p.WillContinue || len(p.Pieces) > 0 }

// partialCall is a call whose pieces are coming.
type partialCall struct {
	members  map[string]json.RawMessage
	id, name looseText
	args     map[string]any
}

// add takes a piece, and reports whether it fits.
func (c *partialCall) add(p callPiece) bool {
	if c.members == nil {
		c.members = map[string]json.RawMessage{}
	}
	for name, value := range p.members {
		c.members[name] = value
	}
	c.id, c.name = orNew(c.id, p.ID), orNew(c.name, p.Name)
	for _, piece := range p.Pieces {
		path, ok := jsonPath(piece.Path)
		if !ok {
			return false
		}
		var value any
		switch {
		case piece.Text != nil:
			value = text(*piece.Text)
		case present(piece.Number):
			value = piece.Number
		case present(piece.Bool):
			value = piece.Bool
		case piece.Null != nil:
			value = json.RawMessage("null")
		default: // says only that a value has ended
			continue
		}
		root, ok := put(c.args, path, value)
		if !ok {
			return false
		}
		c.args, _ = root.(map[string]any)
	}
	return true
}

// part is the whole call as one part, in the form of one that came whole.
func (c *partialCall) part() json.RawMessage {
	args := c.args
	if args == nil {
		args = map[string]any{}
	}
	call, _ := marshal(struct { // of JSON that was read
		Name string         `json:"name"`
		Args map[string]any `json:"args"`
		ID   string         `json:"id,omitempty"`
	}{string(c.name), args, string(c.id)})
	c.members["functionCall"] = call
	raw, _ := marshal(c.members)
	return raw
}

// maxPath is how deep a path may lead.
const maxPath = 32

// jsonPath reads the paths of RFC 9535 that lead to one value: $.a.b[0]['c']. The steps are names and indexes.
func jsonPath(path string) (steps []any, ok bool) {
	rest, ok := strings.CutPrefix(path, "$")
	for ok && rest != "" {
		var step any
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			step, rest = rest[1:end], rest[end:]
			ok = step != ""
		case '[':
			step, rest, ok = bracket(rest[1:])
		default:
			return nil, false
		}
		steps = append(steps, step)
	}
	return steps, ok && len(steps) > 0 && len(steps) <= maxPath
}

// bracket reads a step in brackets, the first of which has been read.
func bracket(s string) (step any, rest string, ok bool) {
	if s == "" {
		return nil, "", false
	}
	if quote := s[0]; quote == '\'' || quote == '"' {
		var name strings.Builder
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				name.WriteByte(s[i])
			case s[i] == quote:
				return name.String(), strings.TrimPrefix(s[i+1:], "]"), strings.HasPrefix(s[i+1:], "]")
			default:
				name.WriteByte(s[i])
			}
		}
		return nil, "", false
	}
	digits, rest, ok := strings.Cut(s, "]")
	index, err := strconv.ParseUint(digits, 10, 16)
	return int(index), rest, ok && err == nil
}

// text is a piece of a text, and growingText what there is of it.
type (
	text        string
	growingText struct{ strings.Builder }
)

// MarshalJSON writes the text.
func (t *growingText) MarshalJSON() ([]byte, error) { return marshal(t.String()) }

// put sets the value at the end of a path below node, which it returns, and reports whether the path can be gone. A text
// follows a text that is there; lists grow by one value at a time.
func put(node any, path []any, value any) (any, bool) {
	if len(path) == 0 {
		before, isText := node.(*growingText)
		if more, ok := value.(text); ok && (isText || node == nil) {
			if before == nil {
				before = new(growingText)
			}
			before.WriteString(string(more))
			return before, true
		}
		return value, node == nil
	}
	var ok bool
	switch step := path[0].(type) {
	case string:
		object, isObject := node.(map[string]any)
		if !isObject && node != nil {
			return nil, false
		}
		if object == nil {
			object = map[string]any{}
		}
		object[step], ok = put(object[step], path[1:], value)
		return object, ok
	case int:
		list, isList := node.([]any)
		if !isList && node != nil || step > len(list) {
			return nil, false
		}
		if step == len(list) {
			list = append(list, nil)
		}
		list[step], ok = put(list[step], path[1:], value)
		return list, ok
	}
	return nil, false
}
