package systemtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// A caller's schema: the answer satisfies it, or there is none; a schema that is none is the caller's fault.
func TestResponseSchema(t *testing.T) {
	const schema = `{"type":"object","properties":{"sum":{"type":"integer"}},"required":["sum"]}`
	for _, tt := range []struct {
		name, schema string
		script       []geminisim.Reply
		status       int
		want         string // in the body
	}{
		{"valid", schema, []geminisim.Reply{geminisim.Text(`{"sum":42}`)}, 200, `"response":"{\"sum\":42}"`},
		{"repaired", schema, []geminisim.Reply{geminisim.Text(`42`), geminisim.Text(`{"sum":42}`)}, 200, `"response":"{\"sum\":42}"`},
		{"refused", schema, []geminisim.Reply{geminisim.Text(`42`), geminisim.Text(`43`)}, 502, `response_schema`},
		{"null", `null`, []geminisim.Reply{geminisim.Text(`42`)}, 200, `"response":"42"`},
		{"no object", `[]`, nil, 400, `response_schema must be the schema of an object`},
		{"a remote reference", `{"type":"object","properties":{"a":{"$ref":"https://secret.example/a"}}}`, nil, 400, `https://secret.example/a`},
		{"too large", `{"type":"object","title":"` + strings.Repeat("x", 33_000) + `"}`, nil, 400, `at most 32768`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, setup{script: tt.script, sim: geminisim.Config{Strict: true}})
			res := s.do(call{body: `{"task":"What is 6 times 7?","response_schema":` + tt.schema + `}`})
			if res.status != tt.status || !strings.Contains(string(res.body), tt.want) {
				t.Errorf("status %d, want %d with %s: %s", res.status, tt.status, tt.want, res.body)
			}
			if tt.status != http.StatusOK {
				var problem struct {
					TraceID string `json:"trace_id"`
				}
				if err := json.Unmarshal(res.body, &problem); err != nil || problem.TraceID == "" {
					t.Errorf("no problem document: %s", res.body)
				}
			}
			if strings.Contains(s.log.String(), "secret.example") {
				t.Error("the caller's schema is in the log")
			}
		})
	}
}
