package systemtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"example.com/gemini-agent/agent/geminisim"
)

// mcpWire is an MCP server of nothing but the wire.
type mcpWire struct {
	tools   string                     // of tools/list, a JSON list
	cursors bool                       // each list has one page more
	result  func(params string) string // of tools/call: the JSON-RPC result
	raw     func(w io.Writer, id, params string) bool

	mu    sync.Mutex
	calls []string // params
	pages int
}

func (s *mcpWire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &in)
	w.Header().Set("Content-Type", "application/json")
	result := ""
	switch in.Method {
	case "initialize":
		result = `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"1"}}`
	case "tools/list":
		s.mu.Lock()
		s.pages++
		result = `{"tools":` + s.tools + `}`
		if s.cursors {
			result = fmt.Sprintf(`{"tools":%s,"nextCursor":"%d"}`, s.tools, s.pages)
		}
		s.mu.Unlock()
	case "tools/call":
		s.mu.Lock()
		s.calls = append(s.calls, string(in.Params))
		s.mu.Unlock()
		if s.raw != nil && s.raw(w, string(in.ID), string(in.Params)) {
			return
		}
		result = s.result(string(in.Params))
	case "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
		return
	default:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result)
}

func (s *mcpWire) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// doubled is a schema of 60 definitions, each twice the one below: 2^60 steps for who follows them.
func doubled() string {
	var defs strings.Builder
	for i := range 60 {
		fmt.Fprintf(&defs, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	return `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + defs.String() + `"d60":{}}}`
}

// TestBordersOfToolServices has a tool service declare and answer over HTTP what real ones do. The model calls the tool odd,
// where it is offered, and then good: one odd tool costs itself only.
func TestBordersOfToolServices(t *testing.T) {
	t.Parallel()
	const fine = `{"content":[{"type":"text","text":"fine"}]}`
	huge := strings.Repeat("x", 9<<20)
	for _, b := range []struct {
		name    string
		schema  string // of the tool odd
		tools   string // more tools
		cursors bool
		args    map[string]any // what the model calls odd with; nil: it is not offered
		raw     string         // the whole answer of odd, of which %s is the id
		result  string         // or its result

		got   string            // part of what the model gets from odd
		sent  string            // part of what the service gets for odd
		spans map[string]string // as in border
		log   []string
	}{
		{name: "a schema that refers to itself", schema: `{"type":"object","properties":{"a":{"type":"string"}},"$ref":"#"}`,
			log: []string{"its schema is unusable", `"tool":"odd"`, "refers to itself without end"}},
		{name: "two definitions in a circle", schema: `{"type":"object","properties":{"a":{"$ref":"#/$defs/b"}},` +
			`"$defs":{"b":{"$ref":"#/$defs/c"},"c":{"$ref":"#/$defs/b"}}}`,
			log: []string{"its schema is unusable", `"tool":"odd"`}},
		{name: "a dynamic reference in a circle", schema: `{"type":"object","properties":{"a":{}},"$dynamicRef":"#"}`,
			log: []string{"its schema is unusable", `"tool":"odd"`}},
		{name: "a schema of 2^60 steps", schema: doubled(), args: map[string]any{"a": "x"}, result: fine, got: "fine",
			spans: map[string]string{"tool.odd tool.success": "true"}, log: []string{`"tool":"odd"`}},
		{name: "a pattern that is not RE2", schema: `{"type":"object","properties":{"mail":{"type":"string",` +
			`"pattern":"^(?!\\.)(?!.*\\.\\.)([a-z]+)@x$"}},"required":["mail"]}`,
			args: map[string]any{"mail": "a@x"}, result: fine, got: "fine", sent: `"mail":"a@x"`,
			log: []string{`"tool":"odd"`, "patterns that are not RE2"}},
		{name: "what that schema says otherwise is checked", schema: `{"type":"object","properties":{"mail":{"type":"string",` +
			`"pattern":"(?=x)"}},"required":["mail"]}`,
			args: map[string]any{"to": "a@x"}, result: fine, got: "mail",
			spans: map[string]string{"tool.odd tool.success": "false", "tool.odd error.type": "invalid_arguments"},
			log:   []string{`"tools_failed":["odd"]`}},
		{name: "old and sloppy words", schema: `{"type":["object","null"],"properties":{"n":{"type":"INTEGER","minimum":0,` +
			`"exclusiveMinimum":true,"required":true}}}`,
			args: map[string]any{"n": 1}, result: fine, got: "fine", sent: `"n":1`},
		{name: "an open object", schema: `{"type":"object","additionalProperties":true}`,
			args: map[string]any{"anything": "goes"}, result: fine, got: "fine", sent: `"anything":"goes"`,
			spans: map[string]string{"tool.odd tool.args": `{"anything":"goes"}`}},
		{name: "text and structure that say different things", args: map[string]any{},
			result: `{"content":[{"type":"text","text":"the file"}],"structuredContent":{"lines":7}}`, got: "the file",
			spans: map[string]string{"tool.odd tool.success": "true"}},
		{name: "the structure of such an answer", args: map[string]any{},
			result: `{"content":[{"type":"text","text":"the file"}],"structuredContent":{"lines":7}}`, got: "lines"},
		{name: "a structured error", args: map[string]any{},
			result: `{"isError":true,"content":[{"type":"text","text":"no"}],"structuredContent":{"code":"E77"}}`, got: "E77",
			spans: map[string]string{"tool.odd tool.success": "false"}, log: []string{`"tools_failed":["odd"]`}},
		{name: "an odd part beside a good one", args: map[string]any{},
			result: `{"content":[{"type":"chart"},null,{"type":"text","text":"good part"},{"type":"image","data":"_-8","mimeType":"image/png"}]}`,
			got:    "good part", spans: map[string]string{"tool.odd tool.success": "true"}},
		{name: "a result of 9 MB", args: map[string]any{}, result: `{"content":[{"type":"text","text":"` + huge + `"}]}`, got: "larger than 8 MiB",
			spans: map[string]string{"tool.odd error.type": "too_large"}, log: []string{`"tools_failed":["odd"]`}},
		{name: "no JSON", args: map[string]any{}, raw: `<html>%s</html>`, got: "error",
			spans: map[string]string{"tool.odd tool.success": "false"}, log: []string{`"tools_failed":["odd"]`}},
		{name: "an endless list", schema: `{"type":"object"}`, cursors: true, log: []string{"too many pages"}},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if b.schema == "" {
				b.schema = `{"type":"object"}`
			}
			odd := `{"name":"odd","annotations":{"readOnlyHint":true},"inputSchema":` + b.schema + `}`
			tools := `[{"name":"good","inputSchema":{"type":"object"}},` + odd + `]`
			isOdd := func(params string) bool { return strings.Contains(params, `"odd"`) }
			service := &mcpWire{tools: tools, cursors: b.cursors,
				result: func(params string) string {
					if isOdd(params) {
						return b.result
					}
					return fine
				},
				raw: func(w io.Writer, id, params string) bool {
					if b.raw == "" || !isOdd(params) {
						return false
					}
					_, _ = fmt.Fprintf(w, b.raw, id)
					return true
				},
			}
			server := httptest.NewServer(service)
			t.Cleanup(server.Close)
			var calls []geminisim.Call
			if b.args != nil {
				calls = append(calls, geminisim.Call{Name: "odd", ID: "c-odd", Args: b.args})
			}
			calls = append(calls, geminisim.Call{Name: "good", ID: "c-good"})
			s := start(t, setup{env: map[string]string{"MCP_SERVER_URL": server.URL}})
			s.awaitTool(t, func() bool {
				asked := s.sim.Requests()
				return strings.Contains(string(asked[len(asked)-1].Raw), `"name":"good"`)
			}, func() {})
			before := len(s.sim.Requests())
			s.sim.Script(geminisim.Calls(calls...), geminisim.Text("done"))
			a := s.do(task("go")).want(t, 200)
			requests := s.sim.Requests()[before:]
			if len(requests) != 2 {
				t.Fatalf("%d requests to Gemini", len(requests))
			}
			if offered := strings.Contains(string(requests[0].Raw), `"name":"odd"`); offered != (b.args != nil) && !b.cursors {
				t.Errorf("odd is offered: %t", offered)
			}
			parts := requests[1].Body.Contents[len(requests[1].Body.Contents)-1].Parts
			for _, p := range parts {
				r := p.FunctionResponse
				if r.Name == "odd" && !strings.Contains(string(r.Response), b.got) {
					t.Errorf("the model got %.300s, want %q", r.Response, b.got)
				}
				if r.Name == "good" && !strings.Contains(string(r.Response), "fine") {
					t.Errorf("the good tool says %s", r.Response)
				}
			}
			odds := 0
			for _, params := range service.seen() {
				if !isOdd(params) {
					continue
				}
				if odds++; !strings.Contains(params, b.sent) {
					t.Errorf("the service got %s, want %q", params, b.sent)
				}
			}
			if odds > 1 || b.sent != "" && odds == 0 {
				t.Errorf("odd was called %d times", odds)
			}
			a.checkSpans(t, b.spans)
			checkLog(t, s, b.log)
		})
	}
}
