package tracingtest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
)

//go:embed content.schema.json
var contentSchema []byte

// contentShapes are the attributes that hold JSON, with the definition of content.schema.json they follow.
var contentShapes = map[string]string{
	"gen_ai.system_instructions": "systemInstructions",
	"gen_ai.input.messages":      "inputMessages",
	"gen_ai.output.messages":     "outputMessages",
	"gen_ai.tool.definitions":    "toolDefinitions",
	"gen_ai.tool.call.arguments": "toolCall",
	"gen_ai.tool.call.result":    "toolCall",
	"gen_ai.memory.records":      "memoryRecords",
}

// contentSchemas compiles the schemas once.
var contentSchemas = sync.OnceValue(func() map[string]*jsonschema.Resolved {
	schemas := make(map[string]*jsonschema.Resolved)
	for key, shape := range contentShapes {
		var s jsonschema.Schema
		if err := json.Unmarshal(contentSchema, &s); err != nil {
			panic(fmt.Sprintf("reading content.schema.json: %v", err))
		}
		s.Ref = "#/$defs/" + shape
		resolved, err := s.Resolve(nil)
		if err != nil {
			panic(fmt.Sprintf("resolving %s of content.schema.json: %v", shape, err))
		}
		schemas[key] = resolved
	}
	return schemas
})

// CheckContent checks the value of one of the GenAI content attributes (gen_ai.input.messages, gen_ai.output.messages,
// gen_ai.system_instructions, gen_ai.tool.definitions, gen_ai.tool.call.arguments and .result, gen_ai.memory.records)
// against the shape the conventions give it. It is an error to ask for another key.
func CheckContent(key, value string) error {
	schema := contentSchemas()[key]
	if schema == nil {
		return fmt.Errorf("%s holds no content", key)
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return fmt.Errorf("%s is not JSON: %w", key, err)
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%s has not the shape of the conventions: %w", key, err)
	}
	return nil
}
