package mcptools

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
