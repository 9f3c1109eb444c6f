package agent

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/env"
)

// Parameters are what a model is asked with beside the conversation. What has its zero value is left to the model.
type Parameters struct {
	ThinkingLevel   string   // minimal, low, medium or high
	MaxOutputTokens int      // of one reply, thoughts included
	Temperature     *float64 // 0 to 2
	TopP            *float64 // 0 to 1
	Seed            *int     // of 32 bits; the same seed makes the same answer likely, not certain
	Safety          []Safety // what the service holds back
	ServerTools     []string // that the service runs itself, beside ours: google_search, url_context, code_execution
}

// Safety says from which likelihood of harm on an answer is held back.
type Safety struct {
	Category  string // such as HARM_CATEGORY_HARASSMENT
	Threshold string // such as BLOCK_ONLY_HIGH
}

func (s Safety) String() string { return s.Category + "=" + s.Threshold }

// onSpan adds the parameters to what a model call's span says.
func (p *Parameters) onSpan(in agenttrace.ModelCallStart) agenttrace.ModelCallStart {
	in.ReasoningLevel, in.MaxOutputTokens, in.Seed = p.ThinkingLevel, p.MaxOutputTokens, p.Seed
	in.Temperature, in.TopP, in.ServerTools = p.Temperature, p.TopP, p.ServerTools
	for _, s := range p.Safety {
		in.Safety = append(in.Safety, s.String())
	}
	return in
}

var (
	thinkingLevels = []string{"minimal", "low", "medium", "high"}
	serverTools    = []string{"google_search", "url_context", "code_execution"}
	thresholds     = []string{"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}
	categories     = []string{
		categoryPrefix + "HARASSMENT", categoryPrefix + "HATE_SPEECH", categoryPrefix + "SEXUALLY_EXPLICIT",
		categoryPrefix + "DANGEROUS_CONTENT",
	}

	// withoutMinimal are the models that refuse every request with this level:
	// https://ai.google.dev/gemini-api/docs/generate-content/thinking
	withoutMinimal = []string{"gemini-3.1-pro", "gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-"}
)

const (
	categoryPrefix  = "HARM_CATEGORY_"
	maxOutputTokens = 65_536 // of today's models
	modelsOwn       = "the model's default"
)

// ParametersFromEnv reads GEMINI_THINKING_LEVEL, GEMINI_MAX_OUTPUT_TOKENS, GEMINI_TEMPERATURE, GEMINI_TOP_P, GEMINI_SEED,
// GEMINI_SAFETY (one threshold for all categories, or a list of CATEGORY=THRESHOLD) and GEMINI_TOOLS (a list). The error
// joins one complaint for each value that cannot be used, or that the model is known to refuse; its default is taken.
func ParametersFromEnv(getenv func(string) string, model string) (Parameters, error) {
	r := env.NewReader(getenv)
	p := Parameters{
		ThinkingLevel: thinkingLevel(r, model),
		Temperature:   decimal(r, "GEMINI_TEMPERATURE", 0, 2),
		TopP:          decimal(r, "GEMINI_TOP_P", 0, 1),
		Seed:          whole(r, "GEMINI_SEED", math.MinInt32, math.MaxInt32),
		Safety:        safety(r),
		ServerTools:   toolsOfService(r, model),
	}
	if n := whole(r, "GEMINI_MAX_OUTPUT_TOKENS", 1, maxOutputTokens); n != nil {
		p.MaxOutputTokens = *n
	}
	return p, r.Err()
}

func thinkingLevel(r *env.Reader, model string) string {
	const name = "GEMINI_THINKING_LEVEL"
	level := strings.ToLower(r.String(name))
	refuses := func(family string) bool { return strings.HasPrefix(modelName(model), family) }
	switch {
	case level == "":
		return ""
	case !slices.Contains(thinkingLevels, level):
		r.Reject(name, "one of "+strings.Join(thinkingLevels, ", "), modelsOwn)
	case isGemini2(model):
		r.Reject(name, "a level for "+model+", which takes none", modelsOwn)
	case level == "minimal" && slices.ContainsFunc(withoutMinimal, refuses):
		r.Reject(name, "one of low, medium, high, which "+model+" takes", modelsOwn)
	default:
		return level
	}
	return ""
}

func decimal(r *env.Reader, name string, low, high float64) *float64 {
	text := r.String(name)
	if text == "" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= low && f <= high) {
		r.Reject(name, fmt.Sprintf("a number from %v to %v", low, high), modelsOwn)
		return nil
	}
	return &f
}

func whole(r *env.Reader, name string, low, high int) *int {
	text := r.String(name)
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		r.Reject(name, fmt.Sprintf("a whole number from %d to %d", low, high), modelsOwn)
		return nil
	}
	return &n
}

// safety reads thresholds; of a list with a mistake in it nothing is taken.
func safety(r *env.Reader) []Safety {
	const name = "GEMINI_SAFETY"
	var list []Safety
	items := r.List(name)
	if len(items) == 1 && !strings.Contains(items[0], "=") {
		for _, category := range categories {
			list = append(list, Safety{category, items[0]})
		}
	} else {
		for _, item := range items {
			category, threshold, _ := strings.Cut(item, "=")
			list = append(list, Safety{strings.TrimSpace(category), strings.TrimSpace(threshold)})
		}
	}
	seen := map[string]bool{}
	for i, s := range list {
		s = Safety{categoryPrefix + strings.TrimPrefix(strings.ToUpper(s.Category), categoryPrefix), strings.ToUpper(s.Threshold)}
		if !slices.Contains(categories, s.Category) || !slices.Contains(thresholds, s.Threshold) || seen[s.Category] {
			r.Reject(name, "one of "+strings.Join(thresholds, ", ")+", or a list such as HARASSMENT=OFF,HATE_SPEECH=BLOCK_ONLY_HIGH of "+
				strings.ReplaceAll(strings.Join(categories, ", "), categoryPrefix, ""), "the service's default")
			return nil
		}
		seen[s.Category], list[i] = true, s
	}
	return list
}

func toolsOfService(r *env.Reader, model string) []string {
	const name = "GEMINI_TOOLS"
	var list []string
	for _, tool := range r.List(name) {
		switch tool = strings.ToLower(tool); {
		case !slices.Contains(serverTools, tool):
			r.Reject(name, "a list of "+strings.Join(serverTools, ", "), "none")
			return nil
		case !slices.Contains(list, tool):
			list = append(list, tool)
		}
	}
	if len(list) > 0 && isGemini2(model) {
		r.Reject(name, "for "+model+", which takes no tools of the service together with functions", "none")
		return nil
	}
	return list
}

// modelName is a model without the path that may stand before it.
func modelName(model string) string {
	return strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
}

// isGemini2 reports whether a model is of the generation before thinking levels, and before functions could stand beside
// tools of the service or a schema of the answer.
func isGemini2(model string) bool { return strings.HasPrefix(modelName(model), "gemini-2.") }
