package toolschema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func parse(t *testing.T, schema string) (*Schema, []string, error) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(schema), &v); err != nil {
		t.Fatalf("the test's schema is no JSON: %v", err)
	}
	return Parse(v)
}

// However a schema comes back to itself with the same value, it is refused: run, it would end the process.
func TestEndlessSchemasAreRefused(t *testing.T) {
	for name, schema := range map[string]string{
		"the root itself":       `{"type":"object","properties":{"a":{}},"$ref":"#"}`,
		"each other":            `{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"$ref":"#/$defs/x"}}}`,
		"definitions":           `{"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"$ref":"#/definitions/x"}}}`,
		"dynamic":               `{"type":"object","properties":{"a":{}},"$dynamicAnchor":"me","$dynamicRef":"#me"}`,
		"dynamic, the root":     `{"type":"object","properties":{"a":{}},"$dynamicRef":"#"}`,
		"recursive, 2019-09":    `{"type":"object","properties":{"a":{}},"$recursiveAnchor":true,"$recursiveRef":"#"}`,
		"allOf":                 `{"type":"object","properties":{"a":{}},"allOf":[{"$ref":"#"}]}`,
		"anyOf":                 `{"type":"object","properties":{"a":{}},"anyOf":[{"type":"null"},{"$ref":"#"}]}`,
		"oneOf, far":            `{"type":"object","properties":{"a":{"oneOf":[{"not":{"$ref":"#/properties/a"}}]}}}`,
		"if":                    `{"type":"object","properties":{"a":{}},"if":{"$ref":"#"},"then":{}}`,
		"dependentSchemas":      `{"type":"object","properties":{"a":{}},"dependentSchemas":{"a":{"$ref":"#"}}}`,
		"an anchor":             `{"type":"object","properties":{"a":{"$anchor":"x","$ref":"#x"}}}`,
		"escaped":               `{"type":"object","properties":{"a b":{"allOf":[{"$ref":"#/properties/a%20b"}]}}}`,
		"its own address":       `{"$id":"https://svc.example/s","type":"object","properties":{"a":{}},"$ref":"https://svc.example/s#"}`,
		"never used definition": `{"type":"object","properties":{"a":{}},"$defs":{"x":{"$ref":"#/$defs/x"}}}`,
		"two steps and siblings": `{"type":"object","properties":{"a":{"title":"t","$ref":"#/$defs/x"}},
			"$defs":{"x":{"title":"t","allOf":[{"$ref":"#/properties/a"}]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, notes, err := parse(t, schema)
			if err == nil {
				t.Errorf("taken: %s, %v", s.Declared(), notes)
			}
		})
	}
}

// What a schema costs is known before it runs: what could take long is offered and not checked, and says so.
func TestSchemasThatTakeLongAreNotChecked(t *testing.T) {
	var doubled strings.Builder
	for i := range 61 {
		next := fmt.Sprintf(`{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i+1, i+1)
		if i == 60 {
			next = `{"type":"string"}`
		}
		fmt.Fprintf(&doubled, `,"d%d":%s`, i, next)
	}
	titled := strings.ReplaceAll(doubled.String(), `{"$ref"`, `{"title":"t","$ref"`)
	for name, schema := range map[string]string{
		"doubled references": `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + doubled.String()[1:] + `}}`,
		"with siblings":      `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + titled[1:] + `}}`,
		"doubled in parts": `{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{
			"properties":{"l":{"allOf":[{"$ref":"#/$defs/n"},{"$ref":"#/$defs/n"}]}}}}}`,
		"a long enumeration": `{"type":"object","properties":{"a":{"enum":[` + strings.Repeat("1,", 25_000) + `1]}}}`,
		"a long pattern":     `{"type":"object","properties":{"a":{"pattern":"` + strings.Repeat("a?", 15_000) + `"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, notes, err := parse(t, schema)
			if err != nil || s == nil {
				t.Fatalf("not offered: %v", err)
			}
			if !strings.Contains(strings.Join(notes, ";"), "not checked here") {
				t.Errorf("notes %q", notes)
			}
			deep := map[string]any{"a": nest(100)}
			if err := s.Check(deep); err != nil {
				t.Errorf("checked: %v", err)
			}
		})
	}
	// Arguments of a size that makes a cheap schema dear pass as well.
	s, _, err := parse(t, `{"type":"object","properties":{"a":{"type":"string","pattern":"^(a|b|ab)*$"}}}`)
	if err != nil || s.Check(map[string]any{"a": "x"}) == nil || s.Check(map[string]any{"a": strings.Repeat("x", maxWork)}) != nil {
		t.Errorf("%v, the small or the huge argument is judged wrongly", err)
	}
}

func nest(n int) any {
	var v any = "end"
	for range n {
		v = map[string]any{"l": v}
	}
	return v
}

// What services really declare is offered as Gemini takes it.
func TestDeclared(t *testing.T) {
	for _, tt := range []struct{ name, schema, want, note string }{
		{"nothing", `null`, ``, ""},
		{"everything", `true`, ``, ""},
		{"no arguments", `{"type":"object"}`, ``, ""},
		{"no arguments, zod", `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{},"additionalProperties":false}`, ``, ""},
		{"open", `{"type":"object","additionalProperties":true}`, `{"additionalProperties":true,"type":"object"}`, ""},
		{"open, zod 4 loose", `{"type":"object","properties":{},"additionalProperties":{}}`,
			`{"additionalProperties":{},"properties":{},"type":"object"}`, ""},
		{"untyped", `{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":{"type":"string"}},"type":"object"}`, ""},
		{"object or null", `{"type":["object","null"],"properties":{"a":{}}}`, `{"properties":{"a":{}},"type":"object"}`, ""},
		{"capital letters", `{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}`, `{"properties":{"a":{"type":"string"}},"type":"object"}`, ""},
		{"draft-04 bounds", `{"type":"object","properties":{"a":{"type":"number","minimum":1,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false}}}`,
			`{"properties":{"a":{"exclusiveMinimum":1,"maximum":9,"type":"number"}},"type":"object"}`, ""},
		{"draft-03 required", `{"type":"object","required":["b"],"properties":{"a":{"type":"string","required":true},"b":{"required":false}}}`,
			`{"properties":{"a":{"type":"string"},"b":{}},"required":["a","b"],"type":"object"}`, ""},
		{"draft-07 tuple", `{"type":"object","properties":{"a":{"items":[{"type":"string"}],"additionalItems":false}}}`,
			`{"properties":{"a":{"items":false,"prefixItems":[{"type":"string"}]}},"type":"object"}`, ""},
		{"draft-07 definitions", `{"type":"object","properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"type":"string"}}}`,
			`{"$defs":{"x":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/x"}},"type":"object"}`, ""},
		{"OpenAPI nullable", `{"type":"object","properties":{"a":{"type":"string","nullable":true}}}`,
			`{"properties":{"a":{"type":["string","null"]}},"type":"object"}`, ""},
		{"a type that is none", `{"type":"object","properties":{"a":{"type":7},"b":{"type":"any"}}}`,
			`{"properties":{"a":{},"b":{}},"type":"object"}`, leftOut},
		{"words of the wrong kind", `{"type":"object","properties":{"a":{"enum":"x","minLength":-1,"anyOf":[],"title":1,"required":"a"}}}`,
			`{"properties":{"a":{}},"type":"object"}`, leftOut},
		{"a schema that is none", `{"type":"object","properties":{"a":"string"}}`, `{"properties":{"a":true},"type":"object"}`, leftOut},
		{"elsewhere", `{"type":"object","properties":{"a":{"$ref":"https://elsewhere.example/schema"}}}`,
			`{"properties":{"a":{}},"type":"object"}`, "leads nowhere"},
		{"undefined", `{"type":"object","properties":{"a":{"$ref":"#/$defs/none"}}}`, `{"properties":{"a":{}},"type":"object"}`, "leads nowhere"},
		{"a reference with siblings", `{"type":"object","properties":{"a":{"description":"here","$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string","description":"there"}}}`,
			`{"$defs":{"x":{"description":"there","type":"string"}},"properties":{"a":{"description":"here","type":"string"}},"type":"object"}`, ""},
		{"siblings that clash", `{"type":"object","properties":{"a":{"minLength":1,"$ref":"#/$defs/x"}},"$defs":{"x":{"minLength":3}}}`,
			`{"$defs":{"x":{"minLength":3}},"properties":{"a":{"$ref":"#/$defs/x"}},"type":"object"}`, "beside a reference"},
		{"a tree of itself", `{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"c":{"$ref":"#/$defs/n","title":"t"}}}}}`,
			`{"$defs":{"n":{"properties":{"c":{"$ref":"#/$defs/n"}},"type":"object"}},"properties":{"n":{"$ref":"#/$defs/n"}},"type":"object"}`, "not checked here"},
		{"the root is a reference", `{"$ref":"#/definitions/In","definitions":{"In":{"type":"object","properties":{"a":{"type":"string"}}}}}`,
			`{"$defs":{"In":{"properties":{"a":{"type":"string"}},"type":"object"}},"properties":{"a":{"type":"string"}},"type":"object"}`, ""},
		{"a pattern with a lookahead", `{"type":"object","properties":{"mail":{"type":"string","pattern":"^(?!\\.)[a-z]+@x$"}}}`,
			`{"properties":{"mail":{"pattern":"^(?!\\.)[a-z]+@x$","type":"string"}},"type":"object"}`, "RE2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, notes, err := parse(t, tt.schema)
			if err != nil || string(s.Declared()) != tt.want {
				t.Errorf("declared\n%s, %v, want\n%s", s.Declared(), err, tt.want)
			}
			if said := strings.Join(notes, "; "); (said == "") != (tt.note == "") || !strings.Contains(said, tt.note) {
				t.Errorf("notes %q, want %q", said, tt.note)
			}
		})
	}
}

func TestSchemasThatCannotBeOffered(t *testing.T) {
	deep := strings.Repeat(`{"type":"object","properties":{"a":`, 80) + `{}` + strings.Repeat(`}}`, 80)
	for name, schema := range map[string]string{
		"an array": `{"type":"array"}`, "a text": `"object"`, "a list": `[]`, "nothing allowed": `false`,
		"huge":  `{"type":"object","description":"` + strings.Repeat("x", maxBytes) + `","properties":{"a":{}}}`,
		"types": `{"type":["string","null"]}`,
	} {
		if s, _, err := parse(t, schema); err == nil {
			t.Errorf("%s is offered as %s", name, s.Declared())
		}
	}
	if s, notes, err := parse(t, deep); err != nil || len(notes) == 0 || strings.Count(string(s.Declared()), "properties") > maxDepth+1 {
		t.Errorf("a deep one: %v, %q", err, notes)
	}
}

// What can be checked of an odd schema still is.
func TestTheRestIsChecked(t *testing.T) {
	s, _, err := parse(t, `{"type":"object","required":["n"],"properties":{
		"mail":{"type":"string","minLength":3,"pattern":"^(?!x)"},"n":{"type":"INTEGER","minimum":1,"exclusiveMinimum":true}}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"n": 2.0, "mail": "x@y"}, ""},
		{map[string]any{"n": 1.0}, "n: out of range"},
		{map[string]any{}, `missing properties: ["n"]`},
		{map[string]any{"n": 2.0, "mail": "x"}, "mail: breaks the rule minLength"},
	} {
		if err := s.Check(tt.args); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}

// FuzzParse: whatever a service declares and a model sends, both end, and what is offered is JSON that Parse takes again
// as it is.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x","title":"t"}},"$defs":{"x":{"type":"string"}}}`,
		`{"$REF":"#","type":"object","properties":{"a":{"Ref":"#"}}}`,
		`{"$ref":"#/definitions/a","definitions":{"a":{"properties":{"a":{"$ref":"#/definitions/a"}}}}}`,
		`{"properties":{"properties":{"$dynamicRef":"#b","$dynamicAnchor":"b"}}}`,
		`{"type":"object","patternProperties":{"(?=a)":{},"^b":{"enum":[1]}},"additionalProperties":false}`,
	} {
		f.Add(s, `{"a":"x","b":{"a":[1,null]}}`)
	}
	f.Fuzz(func(t *testing.T, schema, args string) {
		var v any
		var in map[string]any
		if json.Unmarshal([]byte(schema), &v) != nil || json.Unmarshal([]byte(args), &in) != nil {
			return
		}
		s, _, err := Parse(v)
		if err != nil {
			return
		}
		_ = s.Check(in)
		if s == nil {
			return
		}
		var again any
		if err := json.Unmarshal(s.Declared(), &again); err != nil {
			t.Fatal(err)
		}
		if twice, _, err := Parse(again); err != nil || string(twice.Declared()) != string(s.Declared()) {
			t.Fatalf("%s\nbecomes %s, %v", s.Declared(), twice.Declared(), err)
		}
	})
}
