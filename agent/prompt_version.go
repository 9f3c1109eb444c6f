package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
)

// promptVersion names what the model is told of its task beside the conversation: a short hash of the instructions and of
// the tools, their names, descriptions and schemas, in their order. Two runs with the same one can be compared.
func promptVersion(instructions string, tools []Declaration) string {
	h := sha256.New()
	add := func(text string) { // each with its length: nothing runs into the next
		_, _ = io.WriteString(h, strconv.Itoa(len(text))+":")
		_, _ = io.WriteString(h, text) // a hash takes all
	}
	add(instructions)
	for _, t := range tools {
		add(t.Name)
		add(t.Description)
		add(string(t.Parameters))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
