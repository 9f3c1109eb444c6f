package mcptools

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strings"
	"sync/atomic"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/redact"
)

// sent is one request of ours and what became of it.
type sent struct {
	id      json.RawMessage // of the JSON-RPC request
	outcome atomic.Pointer[sentOutcome]
	result  atomic.Pointer[json.RawMessage] // as it came
	fault   atomic.Pointer[string]          // why there is no result although the service answered
}

type sentKey struct{}

const (
	faultTooLarge   = "too_large"
	faultUnreadable = "unreadable"
)

// answer is the body of an answer to a request of ours, as the SDK shall see it. The SDK takes one odd part for the end
// of the session and of every other request on it, and turns long numbers into short ones. So the result is kept here as
// it came, and the SDK gets a bare one; what cannot be read becomes an error of that one request.
type answer struct {
	source io.ReadCloser
	in     *bufio.Reader
	stream bool // text/event-stream
	of     *sent
	out    bytes.Buffer
	err    error // once out is empty
}

func newAnswer(body io.ReadCloser, contentType string, of *sent) io.ReadCloser {
	body = remote.Body(body, maxBody)
	media, _, _ := mime.ParseMediaType(contentType)
	return &answer{source: body, in: bufio.NewReader(body), stream: media == "text/event-stream", of: of}
}

func (a *answer) Close() error { return a.source.Close() }

func (a *answer) Read(p []byte) (int, error) {
	for a.out.Len() == 0 && a.err == nil {
		if a.stream {
			a.err = a.event()
		} else {
			a.err = a.whole()
		}
		if errors.Is(a.err, remote.ErrTooLarge) {
			a.write(a.failed(faultTooLarge))
			a.err = io.EOF
		}
	}
	if a.out.Len() > 0 {
		return a.out.Read(p)
	}
	return 0, a.err
}

func (a *answer) whole() error {
	raw, err := io.ReadAll(a.in)
	if err != nil {
		return err
	}
	// The SDK takes one message from such a body, and waits for ever if it is not the answer.
	if _, ours := a.messages(raw); ours != nil {
		a.write(ours)
	} else {
		a.write(a.failed(faultUnreadable))
	}
	return io.EOF
}

// event takes one event of a stream: its fields as they came, its data as the SDK shall see it.
func (a *answer) event() error {
	var data []byte
	var other bytes.Buffer
	for {
		line, err := a.in.ReadBytes('\n')
		if err != nil && (err != io.EOF || len(line) == 0) {
			return err // what is not ended does not count
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		field, value, ok := bytes.Cut(line, []byte(":"))
		switch {
		case !ok || len(field) == 0: // neither means anything to us, and the first ends the SDK's session
		case string(field) == "data":
			data = append(append(data, bytes.TrimPrefix(value, []byte(" "))...), '\n')
		default:
			other.Write(line)
			other.WriteByte('\n')
		}
	}
	messages, _ := a.messages(data)
	if len(messages) == 0 { // such as an event that only has an id
		if other.Len() > 0 {
			a.out.Write(append(other.Bytes(), '\n'))
		}
		return nil
	}
	for _, message := range messages {
		a.out.Write(other.Bytes())
		a.write(message)
	}
	return nil
}

func (a *answer) write(message []byte) {
	if a.stream {
		a.out.WriteString("data: ")
		a.out.Write(message)
		a.out.WriteString("\n\n")
		return
	}
	a.out.Write(message)
}

// rpcMessage is a JSON-RPC message as far as it matters here.
type rpcMessage struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// messages returns what the SDK shall see of one message or a batch of them, each on one line, and which of them answers
// our request.
func (a *answer) messages(raw []byte) (out [][]byte, ours []byte) {
	raw = bytes.TrimSpace(raw)
	list := []json.RawMessage{raw}
	if len(raw) > 0 && raw[0] == '[' && json.Unmarshal(raw, &list) != nil {
		return nil, nil
	}
	for _, one := range list {
		var m rpcMessage
		if json.Unmarshal(one, &m) != nil {
			continue
		}
		var line bytes.Buffer
		switch {
		case m.Method != "":
			if json.Compact(&line, one) == nil {
				out = append(out, line.Bytes())
			}
			continue
		case !a.isOurs(m.ID):
			continue
		case len(m.Error) > 0 && string(m.Error) != "null":
			line.Write(a.respond("error", readableError(m.Error)))
		case len(m.Result) > 0 && m.Result[0] == '{':
			result := bytes.Clone(m.Result)
			a.of.result.Store((*json.RawMessage)(&result))
			line.Write(a.respond("result", bareResult(result)))
		default:
			line.Write(a.failed(faultUnreadable))
		}
		ours = line.Bytes()
		out = append(out, ours)
	}
	return out, ours
}

// isOurs takes an id that came back as a text, or not at all, for ours: the answer stands in the body of our request.
func (a *answer) isOurs(id json.RawMessage) bool {
	return len(id) == 0 || string(id) == "null" || strings.Trim(string(id), `"`) == strings.Trim(string(a.of.id), `"`)
}

func (a *answer) failed(fault string) []byte {
	a.of.fault.Store(&fault)
	return a.respond("error", []byte(`{"code":-32603,"message":"`+fault+`"}`))
}

func (a *answer) respond(member string, value []byte) []byte {
	return []byte(`{"jsonrpc":"2.0","id":` + string(a.of.id) + `,"` + member + `":` + string(value) + `}`)
}

// readableError is a JSON-RPC error whose members have the types they should have.
func readableError(raw json.RawMessage) []byte {
	var e struct {
		Code    any `json:"code"`
		Message any `json:"message"`
	}
	_ = json.Unmarshal(raw, &e) // what cannot be read says nothing
	code := int64(-32603)
	if f, ok := e.Code.(float64); ok && f == float64(int64(f)) && f != codeRejected {
		code = int64(f)
	}
	message, ok := e.Message.(string)
	if !ok {
		message = redact.Bytes(string(raw), 1000)
	}
	data, _ := json.Marshal(map[string]any{"code": code, "message": message}) // cannot fail
	return data
}

// bareResult is what the SDK needs to know of a result: whether it is one, and of a list its next page.
func bareResult(raw json.RawMessage) []byte {
	var r map[string]json.RawMessage
	_ = json.Unmarshal(raw, &r) // an object, as was seen
	bare := map[string]any{"content": []any{}}
	if tools, isList := r["tools"]; isList {
		bare = map[string]any{"tools": plainTools(tools)}
		if cursor := ""; json.Unmarshal(r["nextCursor"], &cursor) == nil {
			bare["nextCursor"] = cursor
		}
	}
	if kind := ""; json.Unmarshal(r["resultType"], &kind) == nil {
		bare["resultType"] = "complete"
	}
	data, _ := json.Marshal(bare) // cannot fail
	return data
}

// plainTools are the tools of a list whose name and schema the SDK can read; it needs no more of them.
func plainTools(raw json.RawMessage) []any {
	plain := []any{}
	for _, t := range toolsOf(raw) {
		if _, ok := t.schema.(map[string]any); ok {
			plain = append(plain, map[string]any{"name": t.name, "inputSchema": t.schema})
		}
	}
	return plain
}
