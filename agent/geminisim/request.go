package geminisim

import "encoding/json"

// GenerateContentRequest is the body of a call, as far as the simulator reads it. Raw messages alias the recorded
// body; treat all of it as read-only.
type GenerateContentRequest struct {
	Contents          []Content
	SystemInstruction *Content
	Functions         []FunctionDeclaration // of all tools, in order
	Mode              string                // toolConfig.functionCallingConfig.mode: "", AUTO, ANY, NONE, VALIDATED
	AllowedFunctions  []string
	Generation        GenerationConfig

	toolBytes int // size of the tools on the wire, for the token count
}

// Content is one message of the conversation.
type Content struct {
	Role  string
	Parts []Part
}

// Part is one part of a message.
type Part struct {
	Kind             string // the field that is set: text, functionCall, inlineData, …; "" when none is
	Text             string
	Thought          bool
	ThoughtSignature string // base64, as sent
	FunctionCall     *FunctionCall
	FunctionResponse *FunctionResponse
}

// FunctionCall is a call the model made.
type FunctionCall struct {
	ID, Name string
	Args     json.RawMessage // an object; nil when unset
}

// FunctionResponse is the caller's answer to a call.
type FunctionResponse struct {
	ID, Name string
	Response json.RawMessage // an object; nil when unset
}

// FunctionDeclaration is a tool's function.
type FunctionDeclaration struct {
	Name        string
	Description string
	Parameters  *Schema // from parameters or parametersJsonSchema; nil when neither is set
	JSONSchema  bool    // Parameters came from parametersJsonSchema

	tool, index int // where it stood: tools[tool].function_declarations[index]
	both        bool
}

// GenerationConfig holds the generation settings the simulator checks or obeys; nil when unset.
type GenerationConfig struct {
	Temperature, TopP, TopK, CandidateCount, MaxOutputTokens, ThinkingBudget *float64

	StopSequences   []string
	ThinkingLevel   string
	IncludeThoughts bool
}

func decodeRequest(body []byte, vertex bool) (*GenerateContentRequest, *apiError) {
	req := &GenerateContentRequest{}
	if len(body) == 0 {
		return req, nil
	}
	if err := checkSyntax(body); err != nil {
		return nil, err
	}
	d := &decoder{cursor: cursor{b: body}, vertex: vertex}
	d.message("GenerateContentRequest", func(field string) bool {
		switch field {
		case "contents":
			d.each(func() { req.Contents = append(req.Contents, d.content()) })
		case "systemInstruction":
			if d.next() == 'n' {
				d.raw()
				return true
			}
			c := d.content()
			req.SystemInstruction = &c
		case "tools":
			from := d.i
			n := 0
			d.each(func() { d.tool(req, n); n++ })
			req.toolBytes += d.i - from
		case "toolConfig":
			d.toolConfig(req)
		case "generationConfig":
			d.generationConfig(&req.Generation)
		case "safetySettings", "cachedContent", "model":
			d.raw()
		case "labels", "modelArmorConfig":
			return d.skipIf(vertex)
		case "store", "serviceTier":
			return d.skipIf(!vertex)
		default:
			return false
		}
		return true
	})
	return req, d.err()
}

// skipIf takes a field that only one of the two APIs has.
func (d *decoder) skipIf(known bool) bool {
	if known {
		d.raw()
	}
	return known
}

func (d *decoder) content() (c Content) {
	d.message("Content", func(field string) bool {
		switch field {
		case "role":
			c.Role = d.string()
		case "parts":
			d.each(func() { c.Parts = append(c.Parts, d.part()) })
		default:
			return false
		}
		return true
	})
	return c
}

func (d *decoder) part() (p Part) {
	d.message("Part", func(field string) bool {
		switch field {
		case "thought":
			p.Thought = d.bool()
			return true
		case "thoughtSignature":
			p.ThoughtSignature = d.string()
			return true
		case "videoMetadata", "mediaResolution":
			d.raw()
			return true
		case "partMetadata":
			return d.skipIf(!d.vertex)
		}
		if d.next() == 'n' {
			d.raw()
			return true
		}
		before := p.Kind
		switch field {
		case "text":
			p.Text = d.string()
		case "functionCall":
			p.FunctionCall = d.functionCall()
		case "functionResponse":
			p.FunctionResponse = d.functionResponse()
		case "inlineData", "fileData", "executableCode", "codeExecutionResult":
			d.raw()
		case "toolCall", "toolResponse":
			if !d.skipIf(!d.vertex) {
				return false
			}
		default:
			return false
		}
		p.Kind = field
		if before != "" {
			d.violate("Invalid value at '%s' (oneof), oneof field 'data' is already set. Cannot set '%s'", d.where(), field)
		}
		return true
	})
	return p
}

func (d *decoder) functionCall() *FunctionCall {
	c := &FunctionCall{}
	d.message("FunctionCall", func(field string) bool {
		switch field {
		case "id":
			c.ID = d.string()
		case "name":
			c.Name = d.string()
		case "args":
			c.Args = d.structure()
		case "partialArgs", "willContinue":
			return d.skipIf(d.vertex)
		default:
			return false
		}
		return true
	})
	return c
}

func (d *decoder) functionResponse() *FunctionResponse {
	r := &FunctionResponse{}
	d.message("FunctionResponse", func(field string) bool {
		switch field {
		case "id":
			r.ID = d.string()
		case "name":
			r.Name = d.string()
		case "response":
			r.Response = d.structure()
		case "parts", "scheduling":
			d.raw()
		case "willContinue":
			return d.skipIf(!d.vertex)
		default:
			return false
		}
		return true
	})
	return r
}

func (d *decoder) tool(req *GenerateContentRequest, tool int) {
	d.message("Tool", func(field string) bool {
		switch field {
		case "functionDeclarations":
			n := 0
			d.each(func() {
				f := d.functionDeclaration()
				f.tool, f.index = tool, n
				req.Functions = append(req.Functions, f)
				n++
			})
		case "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps", "computerUse":
			d.raw()
		case "fileSearch", "mcpServers":
			return d.skipIf(!d.vertex)
		case "retrieval", "enterpriseWebSearch", "parallelAiSearch", "exaAiSearch":
			return d.skipIf(d.vertex)
		default:
			return false
		}
		return true
	})
}

func (d *decoder) functionDeclaration() (f FunctionDeclaration) {
	var plain, json *Schema
	d.message("FunctionDeclaration", func(field string) bool {
		switch field {
		case "name":
			f.Name = d.string()
		case "description":
			f.Description = d.string()
		case "parameters":
			plain = d.schema(0)
		case "parametersJsonSchema":
			json = d.jsonSchema(0)
		case "response", "responseJsonSchema", "behavior":
			d.raw()
		default:
			return false
		}
		return true
	})
	f.Parameters, f.both = plain, plain != nil && json != nil
	if json != nil {
		f.Parameters, f.JSONSchema = json, true
	}
	return f
}

func (d *decoder) toolConfig(req *GenerateContentRequest) {
	d.message("ToolConfig", func(field string) bool {
		switch field {
		case "functionCallingConfig":
			d.message("FunctionCallingConfig", func(field string) bool {
				switch field {
				case "mode":
					req.Mode = d.enum("FunctionCallingConfig.Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
				case "allowedFunctionNames":
					d.each(func() { req.AllowedFunctions = append(req.AllowedFunctions, d.string()) })
				case "streamFunctionCallArguments":
					return d.skipIf(d.vertex)
				default:
					return false
				}
				return true
			})
		case "retrievalConfig":
			d.raw()
		case "includeServerSideToolInvocations":
			return d.skipIf(!d.vertex)
		default:
			return false
		}
		return true
	})
}

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
		case "seed", "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType",
			"responseSchema", "responseJsonSchema", "responseModalities", "responseFormat", "mediaResolution",
			"speechConfig", "imageConfig", "audioTranscriptionConfig", "translationConfig":
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
