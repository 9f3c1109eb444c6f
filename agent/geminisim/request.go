package geminisim

// GenerateContentRequest is the body of a call, as far as the simulator reads it. Raw messages alias the recorded
// body; treat all of it as read-only.
type GenerateContentRequest struct {
	Contents          []Content
	SystemInstruction *Content
	Functions         []FunctionDeclaration // of all tools, in order
	Mode              string                // toolConfig.functionCallingConfig.mode: "", AUTO, ANY, NONE, VALIDATED
	AllowedFunctions  []string
	Generation        GenerationConfig
	Safety            []SafetySetting
	ServerTools       []string // tools the service runs itself, by field: googleSearch, urlContext, …
	ServerToolParts   bool     // toolConfig.includeServerSideToolInvocations

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
	InlineData       *Blob
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
		case "safetySettings":
			d.each(func() { req.Safety = append(req.Safety, d.safetySetting()) })
		case "cachedContent", "model":
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
			p.ThoughtSignature = d.bytes()
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
		case "inlineData":
			p.InlineData = d.blob()
		case "fileData", "executableCode", "codeExecutionResult":
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
