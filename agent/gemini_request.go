package agent

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The request on the wire: https://ai.google.dev/api/generate-content. It is written here and not by Google's SDK, which
// decodes and encodes again what it passes on: numbers lose digits, parts it does not know lose their content.
type geminiRequest struct {
	Contents          []json.RawMessage      `json:"contents"`
	GenerationConfig  geminiGenerationConfig `json:"generationConfig"`
	SafetySettings    []geminiSafety         `json:"safetySettings,omitempty"`
	SystemInstruction *geminiContent         `json:"systemInstruction,omitempty"`
	ToolConfig        *geminiToolConfig      `json:"toolConfig,omitempty"`
	Tools             []any                  `json:"tools,omitempty"`
}

type geminiGenerationConfig struct {
	MaxOutputTokens    int                   `json:"maxOutputTokens,omitempty"`
	ResponseJSONSchema json.RawMessage       `json:"responseJsonSchema,omitempty"`
	ResponseMIMEType   string                `json:"responseMimeType,omitempty"`
	Seed               *int                  `json:"seed,omitempty"`
	Temperature        *float64              `json:"temperature,omitempty"`
	ThinkingConfig     *geminiThinkingConfig `json:"thinkingConfig,omitempty"`
	TopP               *float64              `json:"topP,omitempty"`
}

type geminiThinkingConfig struct {
	ThinkingLevel string `json:"thinkingLevel"`
}

type geminiSafety struct {
	Category  string `json:"category"`
	Threshold string `json:"threshold"`
}

type geminiToolConfig struct {
	FunctionCalling *geminiCalling `json:"functionCallingConfig,omitempty"`
	// What the service's own tools did comes as parts, which go back with the rest. The service wants it where they stand
	// beside functions.
	IncludeServerSideToolInvocations bool `json:"includeServerSideToolInvocations,omitempty"`
}

type geminiCalling struct {
	Mode string `json:"mode"`
}

type geminiContent struct {
	Parts []any  `json:"parts"`
	Role  string `json:"role"`
}

type geminiText struct {
	Text string `json:"text"`
}

type geminiTool struct {
	Functions []geminiFunction `json:"functionDeclarations"`
}

type geminiFunction struct {
	Description string          `json:"description,omitempty"`
	Name        string          `json:"name"`
	Parameters  json.RawMessage `json:"parametersJsonSchema,omitempty"`
}

type geminiFunctionResponse struct {
	FunctionResponse geminiResult `json:"functionResponse"`
}

type geminiResult struct {
	ID       string         `json:"id,omitempty"`
	Name     string         `json:"name"`
	Response map[string]any `json:"response"`
}

// encode returns the body of a request.
func (g *Gemini) encode(req *Request) ([]byte, error) {
	wire := geminiRequest{Contents: make([]json.RawMessage, 0, len(req.Turns)), GenerationConfig: g.generation(req)}
	for _, s := range g.cfg.Parameters.Safety {
		wire.SafetySettings = append(wire.SafetySettings, geminiSafety(s))
	}
	for _, t := range req.Turns {
		content, err := encodeTurn(t)
		if err != nil {
			return nil, err
		}
		wire.Contents = append(wire.Contents, content)
	}
	if req.Instructions != "" {
		wire.SystemInstruction = userContent(geminiText{req.Instructions})
	}
	if len(req.Tools) > 0 {
		functions := make([]geminiFunction, len(req.Tools))
		for i, d := range req.Tools {
			functions[i] = geminiFunction{Name: d.Name, Description: d.Description, Parameters: d.Parameters}
		}
		wire.Tools = []any{geminiTool{functions}}
		if req.NoTools { // declared all the same: the beginning of the request stays as the service has it in its cache
			wire.ToolConfig = &geminiToolConfig{FunctionCalling: &geminiCalling{Mode: "NONE"}}
		}
	}
	for _, name := range g.cfg.Parameters.ServerTools {
		wire.Tools = append(wire.Tools, map[string]struct{}{serverToolFields[name]: {}})
		if len(req.Tools) > 0 && !g.vertex { // Vertex AI does not know the field
			if wire.ToolConfig == nil {
				wire.ToolConfig = new(geminiToolConfig)
			}
			wire.ToolConfig.IncludeServerSideToolInvocations = true
		}
	}
	return marshal(wire)
}

var serverToolFields = map[string]string{
	"google_search": "googleSearch", "url_context": "urlContext", "code_execution": "codeExecution",
}

func (g *Gemini) generation(req *Request) geminiGenerationConfig {
	p := g.cfg.Parameters
	c := geminiGenerationConfig{MaxOutputTokens: p.MaxOutputTokens, Seed: p.Seed, Temperature: p.Temperature, TopP: p.TopP}
	if p.ThinkingLevel != "" {
		c.ThinkingConfig = &geminiThinkingConfig{strings.ToUpper(p.ThinkingLevel)}
	}
	if req.JSON {
		c.ResponseMIMEType, c.ResponseJSONSchema = "application/json", req.Schema
	}
	return c
}

// encodeTurn returns a turn in Gemini's form. What the model said goes back as it came, byte for byte: thought signatures
// stand in place, and parts are neither merged nor moved.
func encodeTurn(t Turn) (json.RawMessage, error) {
	switch native, _ := t.Native.(json.RawMessage); {
	case native != nil:
		return native, nil
	case t.Results != nil: // all calls of one turn are answered in one content, as Gemini demands
		content := geminiContent{Role: "user"}
		for _, res := range t.Results {
			content.Parts = append(content.Parts, geminiFunctionResponse{geminiResult{res.ID, res.Name, res.response()}})
		}
		return marshal(content)
	}
	return marshal(userContent(geminiText{t.Text}))
}

func userContent(part any) *geminiContent { return &geminiContent{Role: "user", Parts: []any{part}} }

// response is the result of a tool as the model's service takes it. A structure that the service would change, or take
// for more than data, goes as the text of it.
func (res ToolResult) response() map[string]any {
	switch {
	case res.Error != "":
		return map[string]any{"error": res.Error}
	case plainJSON(res.Output):
		return map[string]any{"output": res.Output}
	}
	return map[string]any{"output": strings.ToValidUTF8(string(res.Output), string(utf8.RuneError))}
}

// maxStructDepth is well below where the readers of protocol buffers stop.
const maxStructDepth = 50

// plainJSON reports whether raw can be read as a google.protobuf.Struct and means the same there: numbers are float64, a
// key that begins with $ may be a reference to a part, keys are there once.
func plainJSON(raw json.RawMessage) bool {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return plainValue(dec, 0)
}

func plainValue(dec *json.Decoder, depth int) bool {
	token, err := dec.Token()
	if err != nil || depth > maxStructDepth {
		return false
	}
	switch t := token.(type) {
	case json.Number:
		return exact(string(t))
	case string:
		return !strings.ContainsRune(t, utf8.RuneError) // half a surrogate pair
	case json.Delim:
		keys := map[string]bool{}
		for dec.More() {
			if t == '{' {
				key, _ := dec.Token()
				name, _ := key.(string)
				if keys[name] || strings.HasPrefix(name, "$") || strings.ContainsRune(name, utf8.RuneError) {
					return false
				}
				keys[name] = true
			}
			if !plainValue(dec, depth+1) {
				return false
			}
		}
		_, err = dec.Token()
		return err == nil
	}
	return true
}

// exact reports whether a number keeps its value as a float64: at most 15 significant digits always do.
func exact(number string) bool {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	digits := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(mantissa, "-"), ".", ""), "0")
	f, err := strconv.ParseFloat(number, 64)
	return err == nil && len(digits) <= 15 && (f != 0) == (digits != "")
}
