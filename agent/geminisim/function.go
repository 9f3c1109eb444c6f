package geminisim

import (
	"encoding/json"
	"fmt"
)

// FunctionCall is a call the model made.
type FunctionCall struct {
	ID, Name string
	Args     json.RawMessage // an object; nil when unset
}

// FunctionResponse is the caller's answer to a call.
type FunctionResponse struct {
	ID, Name string
	Response json.RawMessage // an object; nil when unset
	Media    []*Blob         // what stands in parts, and what $ref in Response can mean
}

// FunctionDeclaration is a tool's function.
type FunctionDeclaration struct {
	Name        string
	Description string
	Parameters  *Schema // from parameters or parametersJsonSchema; nil when neither is set
	JSONSchema  bool    // Parameters came from parametersJsonSchema

	tool, index int // where it stood: tools[tool].function_declarations[index]
	schemas     declaredSchemas
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
		case "parts":
			d.each(func() {
				if b := d.mediaPart(); b != nil {
					r.Media = append(r.Media, b)
				}
			})
		case "scheduling":
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
			d.serverTool(req, field)
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
	d.message("FunctionDeclaration", func(field string) bool {
		switch field {
		case "name":
			f.Name = d.string()
		case "description":
			f.Description = d.string()
		case "parameters":
			f.schemas.plain(d)
		case "parametersJsonSchema":
			f.schemas.json(d)
		case "response", "responseJsonSchema", "behavior":
			d.raw()
		default:
			return false
		}
		return true
	})
	f.Parameters, f.JSONSchema = f.schemas.schema()
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
			if d.vertex {
				return false
			}
			req.ServerToolParts = d.bool()
		default:
			return false
		}
		return true
	})
}

const maxFunctionName = 128

func validFunctionName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '.' || c == ':' || c == '-')) {
			return false
		}
	}
	return name != "" && len(name) <= maxFunctionName
}

func (req *GenerateContentRequest) checkTools(route) *apiError {
	for i := range req.Functions {
		f := &req.Functions[i]
		path := func() string { return fmt.Sprintf("tools[%d].function_declarations[%d]", f.tool, f.index) }
		switch {
		case !validFunctionName(f.Name):
			return fieldf(path()+".name", "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. "+
				"Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), "+
				"with a maximum length of %d.", maxFunctionName)
		case req.function(f.Name) != f:
			return invalidf("Duplicate function declaration found: %s", f.Name)
		case f.schemas.both():
			return fieldf(path(), "parameters and parameters_json_schema are mutually exclusive.")
		case f.schemas.tooDeep:
			return invalidf("FunctionDeclaration '%s' in the request exceeds the maximum allowed nesting depth.", f.Name)
		case f.Parameters == nil:
			continue
		case f.JSONSchema && f.Parameters.Type != "object" && (f.Parameters.Type != "" || f.Parameters.Ref == ""),
			!f.JSONSchema && f.Parameters.Type != "object":
			return invalidf("Unable to submit request because `%s` functionDeclaration `parameters` schema should be of "+
				"type OBJECT. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/function-calling",
				f.Name)
		}
		if err := f.schemas.check(path() + ".parameters"); err != nil {
			return err
		}
	}
	return nil
}

// function returns the first declaration of name; nil when there is none.
func (req *GenerateContentRequest) function(name string) *FunctionDeclaration {
	for i := range req.Functions {
		if req.Functions[i].Name == name {
			return &req.Functions[i]
		}
	}
	return nil
}

func (req *GenerateContentRequest) checkToolConfig(route) *apiError {
	if len(req.AllowedFunctions) > 0 && req.Mode != "ANY" && req.Mode != "VALIDATED" {
		return fieldf("tool_config.function_calling_config.allowed_function_names",
			"allowed_function_names should only be set when mode is ANY or VALIDATED.")
	}
	for i, name := range req.AllowedFunctions {
		if req.function(name) == nil {
			return fieldf(fmt.Sprintf("tool_config.function_calling_config.allowed_function_names[%d]", i),
				"function %q is not declared.", name)
		}
	}
	if req.Mode == "ANY" && len(req.Functions) == 0 {
		return invalidf("Function calling config is set without function_declarations.")
	}
	return nil
}
