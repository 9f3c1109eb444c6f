package agent

import "strings"

// geminiFinish sorts Gemini's finish reasons. A reply without one, which only stand-ins of the service send, counts as
// whole. Filters get new names now and then: what is named after one is blocked, whatever else is new ended early.
func geminiFinish(reason string) Finish {
	switch reason {
	case "STOP", "FINISH_REASON_UNSPECIFIED", "":
		return FinishStop
	case "MAX_TOKENS", "CONTINUATION":
		return FinishMaxTokens
	case "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE":
		return FinishMalformedCall
	case "UNEXPECTED_TOOL_CALL":
		return FinishUnexpectedCall
	case "TOO_MANY_TOOL_CALLS":
		return FinishTooManyCalls
	}
	for _, filter := range []string{"SAFETY", "RECITATION", "LANGUAGE", "BLOCK", "PROHIBITED", "SPII", "ARMOR", "FILTER", "JAILBREAK"} {
		if strings.Contains(reason, filter) {
			return FinishBlocked
		}
	}
	return FinishOther
}

// conventionalFinish is the name of a finish reason in the GenAI conventions; reasons they have no name for keep
// Gemini's.
func conventionalFinish(reason string) string {
	switch reason {
	case "STOP":
		return "stop"
	case "MAX_TOKENS":
		return "length"
	case "FINISH_REASON_UNSPECIFIED", "OTHER", "":
		return "error"
	}
	if geminiFinish(reason) == FinishBlocked {
		return "content_filter"
	}
	if name := statusName(reason); name != "" {
		return name
	}
	return "error"
}
