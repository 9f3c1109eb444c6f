package toolschema

import (
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// Whatever is wrong with arguments is named, with the argument's name, and without its value.
func TestArgumentErrorsNameTheArgumentAndNotItsValue(t *testing.T) {
	const secret = "hunter2-hunter2"
	minimum, maxLength := 1.0, 3
	schema, err := Of(&jsonschema.Schema{
		Type:     "object",
		Required: []string{"query"},
		Properties: map[string]*jsonschema.Schema{
			"query": {Type: "string"},
			"kind":  {Type: "string", Enum: []any{"web", "news"}},
			"limit": {Type: "integer", Minimum: &minimum},
			"code":  {Type: "string", MaxLength: &maxLength},
			"what":  {Type: "string", Pattern: "^[a-z]*$"},
			"tags":  {Type: "array", Items: &jsonschema.Schema{Type: "string"}},
			"both":  {AnyOf: []*jsonschema.Schema{{Type: "number"}, {Type: "boolean"}}},
			"user": {Type: "object", Properties: map[string]*jsonschema.Schema{
				"name": {Type: "string"},
			}},
		},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{}, `missing properties: ["query"]`},
		{map[string]any{"query": 7.0}, `query: must be "string"`},
		{map[string]any{"query": []any{secret}}, `query: must be "string"`},
		{map[string]any{"query": "x", "kind": secret}, `kind: must be one of [web news]`},
		{map[string]any{"query": "x", "limit": -4.0}, `limit: out of range: less than 1.000000`},
		{map[string]any{"query": "x", "limit": secret}, `limit: must be "integer"`},
		{map[string]any{"query": "x", "code": secret}, `code: breaks the rule maxLength`},
		{map[string]any{"query": "x", "what": secret}, `what: breaks the rule pattern`},
		{map[string]any{"query": "x", "tags": []any{"a", 7.0}}, `tags.items: must be "string"`},
		{map[string]any{"query": "x", "both": secret}, `both: breaks the rule anyOf`},
		{map[string]any{"query": "x", "user": map[string]any{"name": []any{secret}}},
			`user.name: must be "string"`},
		{map[string]any{"query": "x", "extra": secret}, `unknown arguments ["extra"]`},
	} {
		err := schema.Check(tc.args)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%v: got %v, want %s", tc.args, err, tc.want)
		}
	}
	if err := schema.Check(map[string]any{"query": "x", "limit": 2.0, "tags": []any{"a"}}); err != nil {
		t.Errorf("good arguments refused: %v", err)
	}
}
