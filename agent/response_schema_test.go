package agent

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
)

const sumSchema = `{"type":"object","properties":{"sum":{"type":"integer","minimum":1},"unit":{"$ref":"#/$defs/u"}},
	"required":["sum"],"$defs":{"u":{"enum":["EUR","USD"]}},"additionalProperties":false}`

func schemaOf(t *testing.T, raw string) *ResponseSchema {
	t.Helper()
	s, err := ParseResponseSchema([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseResponseSchemaRefuses(t *testing.T) {
	for _, tt := range []struct{ schema, want string }{
		{`[]`, "must be the schema of an object"},
		{`true`, "must be the schema of an object"},
		{`{}`, "must be the schema of an object"},
		{`{"type":"array","items":{}}`, "must be the schema of an object"},
		{`{"type":"object","properties":{"a":{"$ref":"https://example.com/a.json"}}}`, `"https://example.com/a.json", which leads out of it`},
		{`{"type":"object","properties":{"a":{"items":{"$dynamicRef":"other.json#x"}}}}`, `"other.json#x", which leads out`},
		{`{"type":"object","properties":{"a":{"$ref":"#/$defs/no"}}}`, `"#/$defs/no", which leads nowhere`},
		{`{"$ref":"#/$defs/s","$defs":{"s":{"type":"string"}}}`, "not an object"},
		{`{"type":"object","properties":{"a":{"pattern":"(?=x)"}}}`, "no RE2 expression"},
		{`{"$ref":"#"}`, "without end"},
		{`{"type":"object","properties":{"a":` + strings.Repeat(`{"items":`, 100) + `{}` + strings.Repeat(`}`, 100) + `}}`, "nested too deep"},
		{`{"type":"object","properties":{"a":{"minLength":"two"}}}`, "no schema"},
		{`{"type":"object","description":"` + strings.Repeat("x", MaxResponseSchema) + `"}`, "at most 32768 are allowed"},
	} {
		if _, err := ParseResponseSchema([]byte(tt.schema)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80s: %v, want %q", tt.schema, err, tt.want)
		}
	}
	for _, good := range []string{
		sumSchema, `{"type":"object"}`, `{"type":["null","object"],"properties":{"$ref":{"type":"string"}}}`,
		`{"$ref":"#/definitions/a","definitions":{"a":{"type":"object","properties":{"x":{}}}}}`,
		`{"type":"object","properties":{"a":{"const":{"$ref":"http://x"}}}}`,
	} {
		if _, err := ParseResponseSchema([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// With the simulated service, on models that take a schema beside functions and on those that do not.
func TestAnAnswerSatisfiesItsSchemaOrThereIsNone(t *testing.T) {
	const old = "gemini-2.5-flash"
	text, sum := geminisim.Text, geminisim.Calls(calculate("6*7"))
	for _, tt := range []struct {
		name, model, schema string
		reply               []geminisim.Reply
		want                string // "": none
		sent                string // a letter a request: s with the schema, f with functions, b with both, - with neither
	}{
		{"valid at once", "", sumSchema, []geminisim.Reply{text(`{"sum": 42}`)}, `{"sum": 42}`, "b"},
		{"after a tool", "", sumSchema, []geminisim.Reply{sum, text(`{"sum": 42, "unit": "EUR"}`)}, `{"sum": 42, "unit": "EUR"}`, "bb"},
		{"in fences", "", sumSchema, []geminisim.Reply{text("```json\n{\"sum\": 42}\n```")}, `{"sum": 42}`, "b"},
		{"repaired once", "", sumSchema, []geminisim.Reply{text(`{"sum": 0}`), text(`{"sum": 42}`)}, `{"sum": 42}`, "bs"},
		{"no JSON, then repaired", "", sumSchema, []geminisim.Reply{text("42"), text(`{"sum": 42}`)}, `{"sum": 42}`, "bs"},
		{"wrong twice", "", sumSchema, []geminisim.Reply{text(`{"sum": "hunter2"}`), text(`{"sum": 42, "x": 1}`)}, "", "bs"},
		{"a tool in place of a repair", "", sumSchema, []geminisim.Reply{text(`{}`), sum}, "", "bs"},
		{"cut off", "", sumSchema, []geminisim.Reply{geminisim.MaxTokens(`{"sum":`)}, "", "b"},
		{"held back", "", sumSchema, []geminisim.Reply{geminisim.Blocked("SAFETY")}, "", "b"},
		{"out of steps", "", sumSchema, []geminisim.Reply{sum, sum}, "", "bb"},
		{"any object", "", `{"type":"object","required":["a"]}`, []geminisim.Reply{text(`{}`), text(`{"a":1}`)}, `{"a":1}`, "bs"},

		{"an old model", old, sumSchema, []geminisim.Reply{sum, text("It is 42."), text(`{"sum": 42}`)}, `{"sum": 42}`, "ffs"},
		{"an old model that guesses the form", old, sumSchema, []geminisim.Reply{text(`{"sum": 42}`)}, `{"sum": 42}`, "f"},
		{"an old model, repaired once", old, sumSchema,
			[]geminisim.Reply{text("It is 42."), text(`{"sum": 0}`), text(`{"sum": 42}`)}, `{"sum": 42}`, "fss"},
		{"an old model, wrong twice", old, sumSchema, []geminisim.Reply{text("It is 42."), text(`{}`), text(`{}`)}, "", "fss"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, sim := newGemini(t, map[string]string{"GEMINI_MODEL": tt.model}, tt.reply...)
			res, err := New(g, Config{Tools: []Tool{Calculate()}}).Run(t.Context(),
				Task{Text: "What is 6 times 7?", MaxSteps: 1, ResponseSchema: schemaOf(t, tt.schema)})
			if tt.want == "" {
				e := wantError(t, err, KindModel, "response_schema")
				if strings.Contains(e.Error(), "hunter2") || !strings.Contains(e.Message, "response_schema") {
					t.Errorf("error %q", e)
				}
			} else if err != nil || res.Response != tt.want || res.FinishReason != ReasonStop {
				t.Errorf("got %q, %s, %v, want %q", res.Response, res.FinishReason, err, tt.want)
			}
			var sent strings.Builder
			for i, req := range sim.Requests() {
				if req.Refused {
					t.Errorf("request %d was refused: %s", i, req.Raw)
				}
				asJSON := req.Body.Generation.ResponseMIMEType == "application/json"
				switch functions := len(req.Body.Functions) > 0; {
				case asJSON && functions:
					sent.WriteByte('b')
				case asJSON:
					sent.WriteByte('s')
				case functions:
					sent.WriteByte('f')
				default:
					sent.WriteByte('-')
				}
			}
			if diff := cmp.Diff(tt.sent, sent.String()); diff != "" || sim.Pending() > 0 {
				t.Errorf("%d replies pending; requests (-want +got):\n%s", sim.Pending(), diff)
			}
			if tt.want == "" {
				return
			}
			last := string(res.Contents[len(res.Contents)-1])
			if len(res.Contents) != 2+2*len(res.Steps) || !strings.Contains(last, `\"sum\"`) && !strings.Contains(last, `\"a\"`) {
				t.Errorf("kept: %s", res.Contents)
			}
		})
	}
}

// A model of another make: nothing is known of what it takes together, so the schema comes last.
func TestASchemaWithAScriptedModel(t *testing.T) {
	m := script(asks(Call{Name: "calculate", Args: map[string]any{"expression": "6*7"}}), says("42"), says(`{"sum":42}`))
	res, err := New(m, Config{Tools: []Tool{Calculate()}}).Run(t.Context(), Task{Text: "go", ResponseSchema: schemaOf(t, sumSchema)})
	if err != nil || res.Response != `{"sum":42}` {
		t.Fatalf("%v, %v", res, err)
	}
	if r := m.requests; r[1].JSON || !r[2].JSON || len(r[2].Tools) > 0 || !strings.Contains(string(r[2].Schema), `"sum"`) {
		t.Errorf("requests %+v", r)
	}
	m = script(says("no"), says("no"))
	_, err = New(m, Config{}).Run(t.Context(), Task{Text: "go", ResponseSchema: schemaOf(t, sumSchema)})
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != "response_schema" || len(m.requests) != 2 || !m.requests[0].JSON {
		t.Errorf("%v after %d requests", err, len(m.requests))
	}
}
