package geminisim

// Usage is the number of tokens of an answer. Prompt includes Cached; Candidates excludes Thoughts.
type Usage struct {
	Prompt, Candidates, Thoughts, Cached, ToolUsePrompt int
}

type wireUsage struct {
	PromptTokenCount        int             `json:"promptTokenCount"`
	CandidatesTokenCount    int             `json:"candidatesTokenCount,omitempty"`
	TotalTokenCount         int             `json:"totalTokenCount"`
	CachedContentTokenCount int             `json:"cachedContentTokenCount,omitempty"`
	PromptTokensDetails     []modalityCount `json:"promptTokensDetails"`
	ToolUsePromptTokenCount int             `json:"toolUsePromptTokenCount,omitempty"`
	ThoughtsTokenCount      int             `json:"thoughtsTokenCount,omitempty"`
}

type modalityCount struct {
	Modality   string `json:"modality"`
	TokenCount int    `json:"tokenCount"`
}

func (u Usage) wire() wireUsage {
	return wireUsage{
		PromptTokenCount: u.Prompt, CandidatesTokenCount: u.Candidates, ThoughtsTokenCount: u.Thoughts,
		CachedContentTokenCount: u.Cached, ToolUsePromptTokenCount: u.ToolUsePrompt,
		TotalTokenCount:     u.Prompt + u.Candidates + u.Thoughts + u.ToolUsePrompt,
		PromptTokensDetails: []modalityCount{{"TEXT", u.Prompt}},
	}
}

// tokens estimates as one does by hand: four bytes are a token.
func tokens(s string) int { return (len(s) + 3) / 4 }

func (req *GenerateContentRequest) promptTokens() int {
	n := req.toolBytes / 4
	if req.SystemInstruction != nil {
		n += contentTokens(req.SystemInstruction)
	}
	for i := range req.Contents {
		n += contentTokens(&req.Contents[i])
	}
	return n
}

func contentTokens(c *Content) int {
	n := 1
	for i := range c.Parts {
		p := &c.Parts[i]
		n += tokens(p.Text)
		switch {
		case p.FunctionCall != nil:
			n += 4 + (len(p.FunctionCall.Name)+len(p.FunctionCall.Args))/4
		case p.FunctionResponse != nil:
			n += 4 + (len(p.FunctionResponse.Name)+len(p.FunctionResponse.Response))/4
		case p.Kind != "" && p.Kind != "text":
			n += 258 // what the API charges for an image
		}
	}
	return n
}
