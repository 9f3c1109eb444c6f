package geminisim

import "slices"

// responseTypes are the types a text answer may have.
var responseTypes = []string{"", "text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum"}

func (req *GenerateContentRequest) checkResponseFormat(r route) *apiError {
	g := &req.Generation
	const field = "generation_config.response_mime_type"
	switch {
	case !slices.Contains(responseTypes, g.ResponseMIMEType):
		return fieldf(field, "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, "+
			"`application/yaml` and `text/x.enum`.")
	case g.response.both():
		return invalidf("response_schema must not be set when response_json_schema is set.")
	case g.response.tooDeep:
		return invalidf("A schema in GenerationConfig in the request exceeds the maximum allowed nesting depth.")
	case g.ResponseSchema != nil && (g.ResponseMIMEType == "" || g.ResponseMIMEType == "text/plain"):
		return fieldf(field, "must be set to application/json when a response schema is set.")
	case g.ResponseMIMEType == "application/json" && len(req.Functions) > 0 && isGemini2(r.model):
		return invalidf("Function calling with a response mime type: 'application/json' is unsupported")
	case g.ResponseMIMEType == "application/json" && len(req.ServerTools) > 0 && isGemini2(r.model):
		return invalidf("Tool use with a response mime type: 'application/json' is unsupported")
	}
	return g.response.check("generation_config.response_schema")
}
