package mcptools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func TestNamesThatClash(t *testing.T) {
	noLeaks(t)
	one, two := startToolService(t, "one", false), startToolService(t, "my wiki", true)
	m, _ := newMCP(t, Config{URLs: []string{one.url(), two.url(), one.url()}, Reserved: []string{"look"}})
	tools := m.Tools(t.Context())
	if got := toolNames(tools); got != "big echo fail one_look my_wiki_big my_wiki_echo my_wiki_fail my_wiki_look" {
		t.Errorf("tools = %q", got)
	}
	for name, want := range map[string]string{"echo": "one: x", "my_wiki_echo": "my wiki: x"} {
		if got, err := toolNamed(t, tools, name).Call(t.Context(), map[string]any{"text": "x"}); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %q", name, got, err, want)
		}
	}
}

func TestListChanged(t *testing.T) {
	noLeaks(t)
	service := startToolService(t, "svc", true)
	service.before = func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool {
		if seen.Method == "tools/call" {
			service.mcp.AddTool(&mcp.Tool{Name: "new", InputSchema: &jsonschema.Schema{Type: "object"}}, nil)
			// The SDK's server would tell only on a standing stream; others tell on the answer, before the result.
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
		}
		return false
	}
	m, _ := newMCP(t, Config{URLs: []string{service.url()}})
	tools := m.Tools(t.Context())
	if _, err := toolNamed(t, tools, "echo").Call(t.Context(), map[string]any{"text": "x"}); err != nil {
		t.Fatal(err)
	}
	// The notification is handled beside the result, so it may come a moment later.
	var got string
	for range 100 {
		if got = toolNames(m.Tools(t.Context())); strings.Contains(got, "new") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("tools after list_changed = %q", got)
}

func TestListGetsOld(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, clock := newMCP(t, Config{URLs: []string{service.url()}})
		m.Tools(t.Context())
		service.mcp.RemoveTools("big")
		clock.advance(freshFor - time.Second)
		if got := toolNames(m.Tools(t.Context())); got != "big echo fail look" {
			t.Errorf("tools before the list is old = %q", got)
		}
		clock.advance(2 * time.Second)
		if got := toolNames(m.Tools(t.Context())); got != "echo fail look" {
			t.Errorf("tools after the list is old = %q", got)
		}
	})
}

func TestUnknownToolRefreshesTheList(t *testing.T) {
	bothGenerations(t, func(t *testing.T, sessions bool) {
		service := startToolService(t, "svc", sessions)
		m, _ := newMCP(t, Config{URLs: []string{service.url()}})
		echo := toolNamed(t, m.Tools(t.Context()), "echo")
		service.mcp.RemoveTools("echo")
		if _, err := echo.Call(t.Context(), map[string]any{"text": "x"}); reasonOf(err) != "-32602" {
			t.Errorf("echo = %v (%s)", err, reasonOf(err))
		}
		if got := toolNames(m.Tools(t.Context())); got != "big fail look" {
			t.Errorf("tools = %q", got)
		}
	})
}

func TestListsPageByPage(t *testing.T) {
	noLeaks(t)
	server := mcp.NewServer(&mcp.Implementation{Name: "many"}, &mcp.ServerOptions{PageSize: 10})
	for i := range maxTools + 20 {
		server.AddTool(&mcp.Tool{Name: fmt.Sprintf("tool%03d", i), InputSchema: &jsonschema.Schema{Type: "object"}}, nil)
	}
	http := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true}))
	defer http.Close()
	m, _ := newMCP(t, Config{URLs: []string{http.URL}})
	tools := m.Tools(t.Context())
	if len(tools) != maxTools || tools[0].Name != "tool000" || tools[maxTools-1].Name != "tool127" {
		t.Errorf("%d tools: %q", len(tools), toolNames(tools))
	}
	m.Close()
	if tools := m.Tools(t.Context()); len(tools) != 0 {
		t.Errorf("tools after Close = %q", toolNames(tools))
	}
}

func TestLeavesUnusableToolsOut(t *testing.T) {
	noLeaks(t)
	schemas := map[string]string{
		"draft7": `{"$schema":"http://json-schema.org/draft-07/schema#",
			"type":"object","properties":{"a":{"type":"string"}}}`,
		"empty":   `{"type":"object"}`,
		"remote":  `{"type":"object","properties":{"a":{"$ref":"https://elsewhere.example/schema"}}}`,
		"odd":     `{"type":"object","properties":{"a":{"type":7}}}`,
		"untyped": `{"properties":{"a":{"type":"string"}}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ID     json.RawMessage
			Method string
		}
		json.NewDecoder(r.Body).Decode(&in)
		w.Header().Set("Content-Type", "application/json")
		switch in.Method {
		case "initialize":
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},
				"serverInfo":{"name":"odd","version":"1"}}}`, in.ID)
		case "tools/list":
			var list []string
			for name, schema := range schemas {
				list = append(list, fmt.Sprintf(`{"name":%q,"inputSchema":%s}`, name, schema))
			}
			slices.Sort(list)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s]}}`, in.ID, strings.Join(list, ","))
		case "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
		default:
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	m, _ := newMCP(t, Config{URLs: []string{server.URL}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	tools := m.Tools(t.Context())
	if got := toolNames(tools); got != "draft7 empty untyped" {
		t.Errorf("tools = %q\n%s", got, log.String())
	}
	if n := strings.Count(log.String(), "left out"); n != 2 {
		t.Errorf("%d log lines:\n%s", n, log.String())
	}
	if tools[1].Parameters != nil {
		t.Errorf("a tool without arguments has parameters: %v", tools[1].Parameters)
	}
	if got := tools[2].Parameters.Type; got != "object" {
		t.Errorf("type of an untyped schema = %q", got)
	}
	m.Close()
}
