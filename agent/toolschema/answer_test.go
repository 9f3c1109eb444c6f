package toolschema

import (
	"strings"
	"testing"
)

// Whatever a caller sends as a schema is refused or can check any answer, and never ends the process.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`, `{"$ref":"#/$defs/a","$defs":{"a":{"type":"object"}}}`,
		`{"$ref":"#"}`, `{"type":"object","allOf":[{"$ref":"#"}]}`, `{"type":"object","properties":{"a":{"$ref":"#"}}}`,
		`{"type":"object","properties":{"a":{"pattern":"(a+)+$"}}}`, `[]`, `{"type":["object","null"],"$REF":"x"}`,
	} {
		f.Add([]byte(seed), `{"a":1}`)
	}
	f.Fuzz(func(t *testing.T, schema []byte, answer string) {
		if len(schema) > 4<<10 || len(answer) > 4<<10 {
			return
		}
		a, err := ParseAnswer(schema)
		if err != nil {
			return
		}
		if a.Check("no JSON") == nil || a.Check("[]") == nil || a.Check("null") == nil {
			t.Errorf("%s takes what is no object", schema)
		}
		_ = a.Check(answer) // both are fine
	})
}

// A schema that takes too long to check, or an answer that does, is not let through unchecked.
func TestAnAnswerIsCheckedInFullOrNotAtAll(t *testing.T) {
	branches := `{"type":"object","properties":{"a":{"$ref":"#/$defs/b0"}},"$defs":{"x":{}`
	for i := range 20 {
		next := `{"$ref":"#/$defs/b` + string(rune('a'+i)) + `"}`
		name := "b0"
		if i > 0 {
			name = "b" + string(rune('a'+i-1))
		}
		branches += `,"` + name + `":{"anyOf":[` + next + `,` + next + `]}`
	}
	branches += `,"bt":{"type":"string"}}}`
	if _, err := ParseAnswer([]byte(branches)); err == nil || !strings.Contains(err.Error(), "too complex") {
		t.Errorf("a schema of 2^20 branches: %v", err)
	}
	a, err := ParseAnswer([]byte(`{"type":"object","properties":{"a":{"enum":[` + strings.Repeat(`1,`, 5000) + `1]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Check(`{"a":"` + strings.Repeat("x", 30_000) + `"}`); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("an answer that takes too long: %v", err)
	}
}
