package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxDocument is a little below Firestore's limit for a document, 1 MiB:
// https://docs.cloud.google.com/firestore/quotas#limits
const maxDocument = 1<<20 - 16<<10

// The results of tools are shortened to the longest of firstCut and its halves with which the turn fits, but not below
// lastCut.
const firstCut, lastCut = 256 << 10, 1 << 10

// fit makes a turn fit into limit bytes. Task and answer stay whole as long as they alone fit: first the results of tools
// are shortened, then all contents are left out.
func (t *Turn) fit(limit int) {
	over := t.size() - limit
	if over <= 0 {
		return
	}
	t.Shortened = true
	messages := make([]toolMessage, len(t.Contents))
	for i, c := range t.Contents {
		messages[i] = readToolMessage(c)
	}
	for most := firstCut; most >= lastCut; most /= 2 {
		saved := 0
		for _, m := range messages {
			saved += m.saved(most)
		}
		if saved < over {
			continue
		}
		contents := make([]json.RawMessage, len(messages))
		for i, m := range messages {
			contents[i] = m.cut(most)
		}
		t.Contents = contents
		return
	}
	t.Contents = nil
	if over := t.size() - limit; over > 0 {
		t.Response = cutText(t.Response, max(len(t.Response)-over-2*len(cutMark), 0))
	}
}

const cutMark = "… [cut: the first %d of %d bytes were kept]"

// cutText returns at most the first most bytes of s, marked.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	kept := strings.ToValidUTF8(s[:most], "")
	return kept + fmt.Sprintf(cutMark, len(kept), len(s))
}

// toolMessage is a message and the results of tools in it. What is no result, the model's own words and signatures above
// all, is kept as it is, byte for byte; so is a message that cannot be read.
type toolMessage struct {
	raw     json.RawMessage
	members map[string]json.RawMessage
	parts   []json.RawMessage
	results map[int]toolResult // by their place in parts
}

type toolResult struct {
	ID       string          `json:"id,omitempty"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"`
}

func readToolMessage(raw json.RawMessage) toolMessage {
	m := toolMessage{raw: raw}
	if json.Unmarshal(raw, &m.members) != nil || json.Unmarshal(m.members["parts"], &m.parts) != nil {
		return m
	}
	for i, raw := range m.parts {
		var part struct {
			Result *toolResult `json:"functionResponse"`
		}
		if json.Unmarshal(raw, &part) != nil || part.Result == nil || len(part.Result.Response) == 0 {
			continue
		}
		if m.results == nil {
			m.results = map[int]toolResult{}
		}
		m.results[i] = *part.Result
	}
	return m
}

// saved says at least how much shorter the message is with results of most bytes. A cut result is text, in which each
// byte of the JSON may have to be escaped by another; what needs more stands in no JSON.
func (m toolMessage) saved(most int) int {
	n := 0
	for _, result := range m.results {
		n += max(len(result.Response)-2*most-300, 0)
	}
	return n
}

// cut returns the message with results of at most most bytes.
func (m toolMessage) cut(most int) json.RawMessage {
	if m.saved(most) == 0 {
		return m.raw
	}
	parts := slices.Clone(m.parts)
	for i, result := range m.results {
		if len(result.Response) <= most {
			continue
		}
		result.Response = encode(map[string]string{"output": cutText(string(result.Response), most)})
		parts[i] = encode(map[string]toolResult{"functionResponse": result})
	}
	whole := map[string]json.RawMessage{}
	for name, value := range m.members {
		whole[name] = value
	}
	whole["parts"] = encode(parts)
	return encode(whole)
}

// encode writes what was read from JSON, without escapes for HTML, which would make it longer.
func encode(v any) json.RawMessage {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}
