package geminisim

import (
	"fmt"
	"slices"
	"strings"
)

// GenerationConfig holds the generation settings the simulator checks or obeys; nil when unset.
type GenerationConfig struct {
	Temperature, TopP, TopK, CandidateCount, MaxOutputTokens, ThinkingBudget *float64

	Seed            *float64
	StopSequences   []string
	ThinkingLevel   string
	IncludeThoughts bool

	ResponseMIMEType   string
	ResponseSchema     *Schema // from responseSchema or responseJsonSchema; nil when neither is set
	ResponseJSONSchema bool    // ResponseSchema came from responseJsonSchema

	response declaredSchemas
}

// SafetySetting is from which likelihood of harm on an answer is held back.
type SafetySetting struct{ Category, Threshold string }

func (d *decoder) generationConfig(g *GenerationConfig) {
	d.message("GenerationConfig", func(field string) bool {
		switch field {
		case "temperature":
			g.Temperature = d.number("TYPE_FLOAT")
		case "topP":
			g.TopP = d.number("TYPE_FLOAT")
		case "topK":
			g.TopK = d.number("TYPE_FLOAT")
		case "candidateCount":
			g.CandidateCount = d.number("TYPE_INT32")
		case "maxOutputTokens":
			g.MaxOutputTokens = d.number("TYPE_INT32")
		case "stopSequences":
			d.each(func() { g.StopSequences = append(g.StopSequences, d.string()) })
		case "thinkingConfig":
			d.thinkingConfig(g)
		case "responseMimeType":
			g.ResponseMIMEType = d.string()
		case "responseSchema":
			g.response.plain(d)
		case "responseJsonSchema":
			g.response.json(d)
		case "seed":
			g.Seed = d.number("TYPE_INT32")
		case "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "responseModalities",
			"responseFormat", "mediaResolution", "speechConfig", "imageConfig", "audioTranscriptionConfig",
			"translationConfig":
			d.raw()
		case "audioTimestamp", "routingConfig", "modelSelectionConfig", "modelConfig":
			return d.skipIf(d.vertex)
		case "enableEnhancedCivicAnswers":
			return d.skipIf(!d.vertex)
		default:
			return false
		}
		return true
	})
	g.ResponseSchema, g.ResponseJSONSchema = g.response.schema()
}

func (d *decoder) thinkingConfig(g *GenerationConfig) {
	d.message("ThinkingConfig", func(field string) bool {
		switch field {
		case "includeThoughts":
			g.IncludeThoughts = d.bool()
		case "thinkingBudget":
			g.ThinkingBudget = d.number("TYPE_INT32")
		case "thinkingLevel":
			g.ThinkingLevel = d.enum("ThinkingConfig.ThinkingLevel",
				"THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH")
		default:
			return false
		}
		return true
	})
}

func (d *decoder) safetySetting() (s SafetySetting) {
	d.message("SafetySetting", func(field string) bool {
		switch field {
		case "category":
			s.Category = d.enum("HarmCategory", harmCategories...)
		case "threshold":
			s.Threshold = d.enum("SafetySetting.HarmBlockThreshold", "HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE",
				"BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF")
		case "method":
			return d.skipIf(d.vertex)
		default:
			return false
		}
		return true
	})
	return s
}

// serverTool notes a tool that the service runs itself; null is none.
func (d *decoder) serverTool(req *GenerateContentRequest, field string) {
	if string(d.raw()) != "null" {
		req.ServerTools = append(req.ServerTools, field)
	}
}

const maxOutputTokens = 65_536

var (
	// withoutMinimal are the models that know no thinking level below low.
	withoutMinimal = []string{"gemini-3.1-pro", "gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-"}

	harmCategories = []string{
		"HARM_CATEGORY_UNSPECIFIED", "HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
		"HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_CIVIC_INTEGRITY",
	}
)

func (req *GenerateContentRequest) checkGeneration(r route) *apiError {
	g := &req.Generation
	for _, lim := range []struct {
		field    string
		v        *float64
		min, max float64
	}{
		{"temperature", g.Temperature, 0, 2},
		{"top_p", g.TopP, 0, 1},
		{"top_k", g.TopK, 1, 1 << 20},
		{"max_output_tokens", g.MaxOutputTokens, 1, 1 << 31},
		{"candidate_count", g.CandidateCount, 1, 8},
	} {
		if lim.v != nil && !(lim.min <= *lim.v && *lim.v <= lim.max) {
			return fieldf("generation_config."+lim.field, "%s must be in the range [%g, %g].", lim.field, lim.min, lim.max)
		}
	}
	switch {
	case g.CandidateCount != nil && *g.CandidateCount > 1 && !isGemini2(r.model):
		return invalidf("Multiple candidates is not enabled for this model")
	case len(g.StopSequences) > 5:
		return fieldf("generation_config.stop_sequences", "at most 5 stop sequences are supported.")
	case g.ThinkingLevel != "" && g.ThinkingBudget != nil:
		return invalidf("You can only set only one of thinking budget and thinking level.")
	case g.ThinkingLevel != "" && isGemini2(r.model):
		return invalidf("Thinking level is not supported for this model.")
	case g.ThinkingLevel == "MINIMAL" && slices.ContainsFunc(withoutMinimal, func(m string) bool { return strings.HasPrefix(r.model, m) }):
		return invalidf("Thinking level MINIMAL is not supported for this model. Please retry with other thinking level.")
	case r.vertex && g.MaxOutputTokens != nil && *g.MaxOutputTokens > maxOutputTokens:
		return invalidf("Unable to submit request because it has a maxOutputTokens value of %.0f but the supported range is from "+
			"1 (inclusive) to %d (exclusive). Update the value and try again.", *g.MaxOutputTokens, maxOutputTokens+1)
	}
	return nil
}

// checkServerTools holds the rules for the service's own tools beside functions.
func (req *GenerateContentRequest) checkServerTools(r route) *apiError {
	switch {
	case len(req.ServerTools) == 0 || len(req.Functions) == 0:
		return nil
	case isGemini2(r.model) && r.vertex:
		return invalidf("Multiple tools are supported only when they are all search tools.")
	case isGemini2(r.model):
		return invalidf("Tool use with function calling is unsupported")
	case !r.vertex && !req.ServerToolParts:
		return invalidf("Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.")
	}
	return nil
}

func (req *GenerateContentRequest) checkSafety(route) *apiError {
	seen := map[string]bool{}
	for i, s := range req.Safety {
		field := fmt.Sprintf("safety_settings[%d]", i)
		switch {
		case s.Category == "" || s.Category == harmCategories[0]:
			return fieldf(field, "element predicate failed: $.category in (%s)", strings.Join(harmCategories[1:], ", "))
		case seen[s.Category]:
			return fieldf(field, "there is already a setting for %s.", s.Category)
		}
		seen[s.Category] = true
	}
	return nil
}
