package mcptools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"example.com/gemini-agent/agent"
)

// rawService is an MCP server of nothing but the wire: its answers are what the test writes.
type rawService struct {
	tools string                                                  // of tools/list, a JSON list
	list  func(id json.RawMessage, cursor string) string          // in place of tools
	call  func(w http.ResponseWriter, id, params json.RawMessage) // of tools/call
	calls atomic.Int32
}

func (s *rawService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	body, _ := io.ReadAll(r.Body)
	json.Unmarshal(body, &in)
	w.Header().Set("Content-Type", "application/json")
	switch in.Method {
	case "initialize":
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},
			"serverInfo":{"name":"raw","version":"1"}}}`, in.ID)
	case "tools/list":
		if s.list != nil {
			var p struct{ Cursor string }
			json.Unmarshal(in.Params, &p)
			io.WriteString(w, s.list(in.ID, p.Cursor))
			return
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":%s}}`, in.ID, s.tools)
	case "tools/call":
		s.calls.Add(1)
		s.call(w, in.ID, in.Params)
	case "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// start returns the tools of s, and the log.
func (s *rawService) start(t *testing.T) (*Source, []agent.Tool, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	var log bytes.Buffer
	m, _ := newMCP(t, Config{URLs: []string{server.URL}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	return m, m.Tools(t.Context()), &log
}

// One odd tool costs itself, and the log names it; the others are offered.
func TestOddToolsCostThemselves(t *testing.T) {
	noLeaks(t)
	_, tools, log := (&rawService{tools: `[
		{"name":"good","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},
		{"name":"endless","inputSchema":{"type":"object","properties":{"a":{}},"$ref":"#"}},
		{"name":"list","inputSchema":{"type":"array"}},
		{"name":"lookahead","inputSchema":{"type":"object","properties":{"a":{"type":"string","pattern":"(?=x)"}}}},
		{"name":"remote","inputSchema":{"type":"object","properties":{"a":{"$ref":"https://elsewhere.example/"}}}},
		{"name":"bare"}, {"name":"odd","annotations":"none","description":7,"title":"Titled","icons":{},"outputSchema":[],"inputSchema":{"type":"object"}},
		{"name":7}, null, "text", {}
	]`}).start(t)
	if got := toolNames(tools); got != "good lookahead remote bare odd" {
		t.Errorf("tools = %q", got)
	}
	if got := toolNamed(t, tools, "odd").Description; got != "Titled" {
		t.Errorf("description %q", got)
	}
	for _, want := range []string{
		`left out: its schema is unusable" server=`, `tool=endless cause="it refers to itself without end"`,
		`tool=list cause="the arguments are not an object"`, `tool=lookahead cause="patterns that are not RE2`,
		`tool=remote cause="a reference that leads nowhere`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// What is said of a tool is said once, however often its service is asked.
func TestOddSchemasAreLoggedOnce(t *testing.T) {
	noLeaks(t)
	server := httptest.NewServer(&rawService{tools: `[{"name":"a","inputSchema":{"type":"object","properties":{"a":{"type":"any"}}}}]`})
	defer server.Close()
	var log bytes.Buffer
	m, clock := newMCP(t, Config{URLs: []string{server.URL}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		m.Tools(t.Context())
		clock.advance(2 * freshFor)
	}
	if n := strings.Count(log.String(), "the schema of a tool is odd"); n != 1 {
		t.Errorf("%d lines:\n%s", n, &log)
	}
}

func TestEndlessListsEnd(t *testing.T) {
	noLeaks(t)
	_, tools, log := (&rawService{list: func(id json.RawMessage, cursor string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"t%d"}],"nextCursor":"%sx"}}`, id, len(cursor), cursor)
	}}).start(t)
	if len(tools) != maxPages || !strings.Contains(log.String(), "too many pages") {
		t.Errorf("%d tools, log %s", len(tools), log)
	}
}

// However odd the answer to a call, it costs this call: good parts count, the session and its other calls go on, and
// nothing is called twice.
func TestOddAnswersCostTheirCall(t *testing.T) {
	huge := strings.Repeat("x", maxBody)
	for _, tt := range []struct {
		name, answer string // of which %s is the id
		stream       bool
		want, reason string
	}{
		{name: "an odd part", answer: `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"chart"},{"type":"text","text":"good"}]}}`,
			want: `"[a part of the type \"chart\", not shown]\n\ngood"`},
		{name: "an image in base64url", answer: `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"image","data":"_-8","mimeType":"image/png"}]}}`,
			want: `"[image, image/png, 2 bytes, not shown]"`},
		{name: "long numbers", answer: `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"id":1234567890123456789}}}`,
			want: `{"id":1234567890123456789}`},
		{name: "an id that became a text", answer: `{"jsonrpc":"2.0","id":"%s","result":{"content":[]}}`, want: `""`},
		{name: "no id", answer: `{"jsonrpc":"2.0","result":{"content":[]},"x":"%s"}`, want: `""`},
		{name: "a batch", answer: `[{"jsonrpc":"2.0","method":"notifications/progress"},{"jsonrpc":"2.0","id":%s,"result":{"content":"one"}}]`,
			want: `"one"`},
		{name: "only a notification", answer: `{"jsonrpc":"2.0","method":"notifications/progress","params":{"x":"%s"}}`, reason: "unreadable"},
		{name: "too large", answer: `{"jsonrpc":"2.0","id":%s,"result":{"content":"` + huge + `"}}`, reason: "too_large"},
		{name: "no JSON", answer: `<html>%s</html>`, reason: "unreadable"},
		{name: "nothing", answer: ``, reason: "unreadable"},
		{name: "a result that is none", answer: `{"jsonrpc":"2.0","id":%s,"result":[1]}`, reason: "unreadable"},
		{name: "an error of odd types", answer: `{"jsonrpc":"2.0","id":%s,"error":{"code":"E1","message":{"why":"no"}}}`, reason: "-32603"},
		{name: "a stream", stream: true, answer: ": hi\nid: 1\ndata:\n\nnonsense\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":%s,\"result\":{\"content\":\"one\"}}\n\n",
			want: `"one"`},
		{name: "a stream with rubbish", stream: true, answer: "data: nonsense\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":\"one\"}}\n\n",
			want: `"one"`},
		{name: "a stream that is too large", stream: true, answer: "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":\"" + huge + "\"}}\n\n", reason: "too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			service := &rawService{tools: `[{"name":"odd","annotations":{"readOnlyHint":true}},{"name":"fine"}]`}
			service.call = func(w http.ResponseWriter, id, params json.RawMessage) {
				if bytes.Contains(params, []byte(`"fine"`)) {
					fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":"fine"}}`, id)
					return
				}
				if tt.stream {
					w.Header().Set("Content-Type", "text/event-stream")
				}
				io.WriteString(w, strings.Replace(tt.answer, "%s", string(id), 1))
			}
			m, tools, _ := service.start(t)
			got, err := toolNamed(t, tools, "odd").Call(t.Context(), nil)
			data, _ := json.Marshal(got)
			if tt.reason != "" && (err == nil || reasonOf(err) != tt.reason) || tt.reason == "" && (err != nil || string(data) != tt.want) {
				t.Errorf("odd = %s, %v (%s)", data, err, reasonOf(err))
			}
			if n := service.calls.Load(); n != 1 {
				t.Errorf("called %d times", n)
			}
			conn := m.servers[0].conn
			if got, err := toolNamed(t, tools, "fine").Call(t.Context(), nil); err != nil || got != "fine" || m.servers[0].conn != conn {
				t.Errorf("the other tool: %v, %v; same session: %t", got, err, m.servers[0].conn == conn)
			}
		})
	}
}

// A service that is hostile in every way at once, for many calls: its good tool works, and memory stays where it was.
func TestHostileService(t *testing.T) {
	noLeaks(t)
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	var doubled strings.Builder
	for i := range 60 {
		fmt.Fprintf(&doubled, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	large := []byte(`{"jsonrpc":"2.0","id":1,"result":{"content":"` + strings.Repeat("x", maxBody+1<<20))
	service := &rawService{tools: `[{"name":"good"},{"name":"large"},{"name":"parts"},
		{"name":"endless","inputSchema":{"type":"object","properties":{"a":{}},"$dynamicRef":"#"}},
		{"name":"doubled","inputSchema":{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + doubled.String() + `"d60":{}}}}]`}
	service.call = func(w http.ResponseWriter, id, params json.RawMessage) {
		switch {
		case bytes.Contains(params, []byte(`"large"`)):
			w.Write(large)
		case bytes.Contains(params, []byte(`"parts"`)):
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"x"},null,{"type":"image","data":"_"}]}}`, id)
		default:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":"good"}}`, id)
		}
	}
	m, tools, _ := service.start(t)
	if got := toolNames(tools); got != "good large parts doubled" {
		t.Fatalf("tools = %q", got)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range rounds {
		for _, name := range []string{"parts", "doubled", "good"} {
			if _, err := toolNamed(t, tools, name).Call(t.Context(), map[string]any{"a": "x"}); err != nil {
				t.Fatalf("round %d, %s: %v", i, name, err)
			}
		}
		if i%10 == 0 {
			if _, err := toolNamed(t, tools, "large").Call(t.Context(), nil); reasonOf(err) != "too_large" {
				t.Fatalf("round %d, large: %v", i, err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if tools := m.Tools(t.Context()); len(tools) != 4 {
		t.Errorf("tools afterwards: %q", toolNames(tools))
	}
}
