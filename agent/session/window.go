package session

import (
	"encoding/json"
	"unicode/utf8"

	"example.com/gemini-agent/agent"
)

// window takes turns, newest first, as long as there is room for a whole one.
type window struct {
	turns, tokens int // room that is left
	kept          []*Turn
}

// add takes a turn, or reports that there is no room for it.
func (w *window) add(t *Turn) bool {
	if t.FinishReason == agent.ReasonBlocked {
		return true // what was held back once would be each time, so it is left out and takes no room
	}
	n := t.tokens()
	if w.turns < 1 || w.tokens < n {
		return false
	}
	w.turns--
	w.tokens -= n
	w.kept = append(w.kept, t)
	return true
}

// tokens estimates what the turn adds to a prompt.
func (t *Turn) tokens() int {
	if t.Contents == nil {
		return estimate(t.Task) + estimate(t.Response)
	}
	n := 0
	for _, c := range t.Contents {
		var content struct {
			Parts []struct {
				Signature string `json:"thoughtSignature"`
			} `json:"parts"`
		}
		n += estimate(c)
		if json.Unmarshal(c, &content) != nil {
			continue
		}
		for _, p := range content.Parts { // a signature is no text of the prompt
			n -= len(p.Signature) / bytesPerToken
		}
	}
	return max(n, 0)
}

// bytesPerToken is Google's rule of thumb for text in Latin letters; of other scripts a letter is taken for a token.
const bytesPerToken = 4

// perMessage is what a message costs beside its text.
const perMessage = 4

func estimate[T string | json.RawMessage](text T) int {
	ascii, other := 0, 0
	for i := range len(text) {
		switch b := text[i]; {
		case b < utf8.RuneSelf:
			ascii++
		case utf8.RuneStart(b):
			other++
		}
	}
	return perMessage + ascii/bytesPerToken + other
}
