package agent

import (
	"strings"

	"example.com/gemini-agent/tracing/redact"
)

// MaxToolName is the longest name of a function that Gemini takes.
const MaxToolName = 128

// ToolName makes s the name of a function that Gemini takes: 1 to 128 of [a-zA-Z0-9_.:-], a letter or _ first. What
// does not belong becomes _. A name that is one already stays as it is.
func ToolName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_.:-", r):
			return r
		}
		return '_'
	}, s)
	if s == "" || strings.ContainsRune("0123456789.:-", rune(s[0])) {
		s = "_" + s
	}
	return redact.Bytes(s, MaxToolName)
}

// validToolName reports whether Gemini takes name for a function.
func validToolName(name string) bool { return ToolName(name) == name }

// spanName makes a span name of what the model called a tool. Names of real tools stay as they are; made-up ones are
// kept readable and short.
func spanName(name string) string {
	switch {
	case name == "":
		return "unnamed"
	case validToolName(name):
		return name
	}
	return ToolName(redact.Bytes(name, 64))
}
