package geminisim

import (
	"regexp"
	"slices"
	"strings"
)

// liveModels are the models the API serves (November 2026), retiredModels those it used to.
// https://ai.google.dev/gemini-api/docs/models and /deprecations
var (
	liveModels = []string{
		"gemini-4-argon", "gemini-3.8-flash", "gemini-3.7-flash", "gemini-3.6-flash", "gemini-3.5-flash", "gemini-3.5-flash-lite",
		"gemini-3.1-flash-lite", "gemini-3.1-pro-preview", "gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro",
		"gemini-flash-latest", "gemini-flash-lite-latest", "gemini-pro-latest",
	}
	retiredModels = []string{
		"gemini-3-pro-preview", "gemini-3.1-flash-lite-preview", "gemini-2.0-flash", "gemini-2.0-flash-001",
		"gemini-2.0-flash-lite", "gemini-2.0-flash-lite-001",
	}
	aliases = map[string]string{
		"gemini-flash-latest":      "gemini-3.8-flash",
		"gemini-flash-lite-latest": "gemini-3.5-flash-lite",
		"gemini-pro-latest":        "gemini-3.1-pro-preview",
	}
)

// servedAs is the model an alias stands for; the answer's modelVersion names it.
func servedAs(model string) string {
	if m, ok := aliases[model]; ok {
		return m
	}
	return model
}

// isGemini2 says whether model is of the generation that needs no signatures returned and gives its calls no ids.
func isGemini2(model string) bool { return strings.HasPrefix(model, "gemini-2.") }

// plausible is what a model newer than this simulator may be called: gemini-4-argon, gemini-3.9-flash-lite.
var plausible = regexp.MustCompile(`^gemini-[3-9](\.[0-9]{1,2})?(-[a-z][a-z0-9]*)(-[a-z0-9]+)*$`)

func (s *Server) serves(model string) bool {
	if len(s.cfg.Models) > 0 {
		return slices.Contains(s.cfg.Models, model)
	}
	return slices.Contains(liveModels, model) || plausible.MatchString(model) && !slices.Contains(retiredModels, model)
}

func (s *Server) checkModel(r route) *apiError {
	switch {
	case s.serves(r.model):
		return nil
	case r.vertex:
		return errorf(404, "Publisher Model `%s` was not found or your project does not have access to it. "+
			"Please ensure you are using a valid model version. For more information, see: "+
			"https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions", r.resource)
	case slices.Contains(retiredModels, r.model):
		return errorf(404, "This model models/%s is no longer available. Please update your code to use a newer model "+
			"for the latest features and improvements.", r.model)
	default:
		return errorf(404, "models/%s is not found for API version %s, or is not supported for %s. "+
			"Call ListModels to see the list of available models and their supported methods.", r.model, r.version, r.method)
	}
}
