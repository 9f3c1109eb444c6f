package geminisim

import (
	"fmt"
	"slices"
	"strings"
)

// check refuses a request that decodes but that the API would not take.
func (req *GenerateContentRequest) check(r route) *apiError {
	for _, check := range []func(route) *apiError{
		req.checkParts, req.checkTools, req.checkToolConfig, req.checkServerTools, req.checkGeneration, req.checkSafety,
		req.checkResponseFormat, req.checkTurns,
		req.checkMedia, req.checkResponseReferences, req.checkSignatures,
	} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

func (req *GenerateContentRequest) checkParts(r route) *apiError {
	if len(req.Contents) == 0 {
		return fieldf("contents", "contents is not specified")
	}
	for i := range req.Contents {
		if at, problem := checkContent(&req.Contents[i]); problem != "" {
			return fieldf(fmt.Sprintf("contents[%d]%s", i, at), "%s", problem)
		}
		role := req.Contents[i].Role
		if !slices.Contains([]string{"user", "model", "function"}, role) && (role != "" || r.vertex) {
			return invalidf("Please use a valid role: user, model.")
		}
	}
	if req.SystemInstruction != nil {
		if at, problem := checkContent(req.SystemInstruction); problem != "" {
			return fieldf("system_instruction"+at, "%s", problem)
		}
	}
	return nil
}

// checkContent finds a part that says nothing; it answers like checkSchema.
func checkContent(c *Content) (at, problem string) {
	if len(c.Parts) == 0 {
		return ".parts", "contents.parts must not be empty."
	}
	for j := range c.Parts {
		switch p := &c.Parts[j]; {
		case p.ThoughtSignature != "" && (p.Kind == "" || p.Kind == "text"):
			// The end of a streamed answer: a signature with no text. SDKs return it without the empty text.
		case p.Kind == "", p.Kind == "text" && p.Text == "":
			at, problem = ".data", "required oneof field 'data' must have one initialized field"
		case p.FunctionCall != nil && p.FunctionCall.Name == "":
			at, problem = ".function_call.name", "Name cannot be empty."
		case p.FunctionResponse != nil && p.FunctionResponse.Name == "":
			at, problem = ".function_response.name", "Name cannot be empty."
		case p.FunctionResponse != nil && p.FunctionResponse.Response == nil:
			at, problem = ".function_response.response", "Struct must be set."
		}
		if problem != "" {
			return fmt.Sprintf(".parts[%d]%s", j, at), problem
		}
	}
	return "", ""
}

// turn says what a content is in the order of turns.
type turn struct {
	model            bool
	calls, responses int
	other            int // parts that are neither
}

func turnOf(c *Content) (t turn) {
	t.model = c.Role == "model"
	for i := range c.Parts {
		switch {
		case c.Parts[i].FunctionCall != nil:
			t.calls++
		case c.Parts[i].FunctionResponse != nil:
			t.responses++
		default:
			t.other++
		}
	}
	return t
}

func (req *GenerateContentRequest) checkTurns(route) *apiError {
	last := len(req.Contents) - 1
	var before turn
	for i := range req.Contents {
		t := turnOf(&req.Contents[i])
		switch {
		case t.calls > 0 && (t.responses > 0 || !t.model):
			return invalidf("Please ensure that function call turn contains at least one function_call part which can not " +
				"be mixed with function_response parts.")
		case t.responses > 0 && (t.model || i == 0 || before.calls == 0):
			return invalidf("Please ensure that function response turn comes immediately after a function call turn.")
		case t.calls > 0 && (i == 0 || before.model):
			return invalidf("Please ensure that function call turn comes immediately after a user turn or after a " +
				"function response turn.")
		case t.model && last == 0:
			return invalidf("Please ensure that single turn requests end with a user role or the role field is empty.")
		case t.model && i == 0:
			return invalidf("Please ensure that multiturn requests start with a user turn.")
		case before.calls != t.responses:
			return invalidf("Please ensure that the number of function response parts is equal to the number of function " +
				"call parts of the function call turn.")
		case t.responses > 0:
			if err := checkResponses(req.Contents[i-1].Parts, req.Contents[i].Parts); err != nil {
				return err
			}
		}
		before = t
	}
	switch {
	case before.calls > 0:
		return invalidf("Please ensure that the number of function response parts is equal to the number of function " +
			"call parts of the function call turn.")
	case before.model:
		return invalidf("Please ensure that multiturn requests end with a user turn or a function response turn.")
	}
	return nil
}

// checkResponses finds for each response the call it answers: by id where it has one, else by name. There are as many
// responses as calls: checkTurns has seen to that.
func checkResponses(calls, responses []Part) *apiError {
	answered := make([]bool, len(calls))
	for i := range responses {
		r := responses[i].FunctionResponse
		if r == nil {
			continue
		}
		found := false
		for j := range calls {
			c := calls[j].FunctionCall
			if c != nil && c.Name == r.Name && (r.ID == "" || c.ID == r.ID) && !answered[j] {
				answered[j], found = true, true
				break
			}
		}
		if !found {
			return invalidf("Please ensure that function response parts match the function call parts of the function call "+
				"turn: no open function call has the name %q and the id %q.", r.Name, r.ID)
		}
	}
	return nil
}

// checkSignatures holds the rule of Gemini 3: in the current turn, which begins after the last content of the user
// that is no function response, the first call of every content of the model carries its signature. Signatures that
// are sent must be genuine, for every model and in every turn.
func (req *GenerateContentRequest) checkSignatures(r route) *apiError {
	current := req.currentTurn()
	for i := range req.Contents {
		c := &req.Contents[i]
		first := true
		for j := range c.Parts {
			p := &c.Parts[j]
			if p.ThoughtSignature != "" && !genuine(p) {
				if r.vertex {
					return invalidf("Unable to submit request because Thought signature is not valid.. Learn more: " +
						"https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini")
				}
				return invalidf("Corrupted thought signature.")
			}
			if p.FunctionCall == nil {
				continue
			}
			if first && p.ThoughtSignature == "" && i > current && !isGemini2(r.model) {
				return missingSignature(r, p.FunctionCall.Name, i+1)
			}
			first = false
		}
	}
	return nil
}

func missingSignature(r route, name string, position int) *apiError {
	const more = "docs/thought-signatures"
	if r.vertex {
		return invalidf("Unable to submit request because function call `default_api:%s` in the %d. content block is "+
			"missing a `thought_signature`. Learn more: https://docs.cloud.google.com/vertex-ai/generative-ai/%s",
			name, position, more)
	}
	return invalidf("Function call is missing a thought_signature in functionCall parts. This is required for tools to "+
		"work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "+
		"call `default_api:%s` , position %d. Please refer to https://ai.google.dev/gemini-api/%s for more details.",
		name, position, more)
}

// currentTurn is the index of the content that began the current turn.
func (req *GenerateContentRequest) currentTurn() int {
	for i := len(req.Contents) - 1; i > 0; i-- {
		if t := turnOf(&req.Contents[i]); !t.model && t.responses == 0 {
			return i
		}
	}
	return 0
}

// userText is the text of the content with the task.
func (req *GenerateContentRequest) userText() string {
	var b strings.Builder
	for _, p := range req.Contents[req.taskTurn()].Parts {
		if p.Text != "" && !p.Thought {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(p.Text)
		}
	}
	return b.String()
}
