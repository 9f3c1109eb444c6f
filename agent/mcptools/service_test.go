package mcptools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/gemini-agent/agent"
)

// toolService is a real MCP server on loopback that can be stopped and started again on its port, and that remembers
// every HTTP request it got.
type toolService struct {
	t        *testing.T
	name     string
	sessions bool // true: an older server with sessions, false: the current protocol without
	addr     string
	mcp      *mcp.Server
	http     *http.Server

	// before sees each request first and may answer it itself, by returning true.
	before func(seen toolRequest, w http.ResponseWriter, r *http.Request) bool

	mu   sync.Mutex
	seen []toolRequest
}

// toolRequest is one HTTP request as a tool service got it.
type toolRequest struct {
	HTTP   string // GET, POST, DELETE
	ID     json.RawMessage
	Method string // of JSON-RPC
	Tool   string
	Header http.Header
	Meta   map[string]any
}

func startToolService(t *testing.T, name string, sessions bool) *toolService {
	s := &toolService{t: t, name: name, sessions: sessions, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *toolService) url() string { return "http://" + s.addr + "/mcp" }

func (s *toolService) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	s.mcp = mcp.NewServer(&mcp.Implementation{Name: s.name}, nil)
	type in struct {
		Text string `json:"text"`
	}
	echo := func(_ context.Context, _ *mcp.CallToolRequest, in in) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s.name + ": " + in.Text}}}, nil, nil
	}
	mcp.AddTool(s.mcp, &mcp.Tool{Name: "echo", Description: "Says it again."}, echo)
	mcp.AddTool(s.mcp, &mcp.Tool{Name: "look", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}, echo)
	mcp.AddTool(s.mcp, &mcp.Tool{Name: "fail"},
		func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("no such city")
		})
	mcp.AddTool(s.mcp, &mcp.Tool{Name: "big"},
		func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.Repeat("é", 512<<10)}}}, nil, nil
		})
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s.mcp },
		&mcp.StreamableHTTPOptions{Stateless: !s.sessions})
	s.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen := s.remember(r); s.before == nil || !s.before(seen, w, r) {
			handler.ServeHTTP(w, r)
		}
	})}
	go s.http.Serve(listener)
}

func (s *toolService) stop() {
	s.http.Close()
	for session := range s.mcp.Sessions() {
		session.Close()
	}
}

func (s *toolService) restart() { s.stop(); s.start() }

func (s *toolService) remember(r *http.Request) toolRequest {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var message struct {
		ID     json.RawMessage
		Method string
		Params struct {
			Name string
			Meta map[string]any `json:"_meta"`
		}
	}
	json.Unmarshal(body, &message)
	seen := toolRequest{HTTP: r.Method, ID: message.ID, Method: message.Method, Tool: message.Params.Name,
		Header: r.Header.Clone(), Meta: message.Params.Meta}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, seen)
	return seen
}

// requests returns what came in, of one JSON-RPC method or HTTP method, or all for "".
func (s *toolService) requests(method string) []toolRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.seen), func(r toolRequest) bool {
		return method != "" && r.Method != method && r.HTTP != method
	})
}

// clock is a settable time.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func (c *clock) set(m *Source) {
	for _, s := range m.servers {
		s.now = c.now
	}
}

func newMCP(t *testing.T, cfg Config) (*Source, *clock) {
	t.Helper()
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = loopback(t)
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	c := &clock{}
	c.set(m)
	return m, c
}

func toolNames(tools []agent.Tool) string {
	var names []string
	for _, tool := range tools {
		names = append(names, tool.Name)
	}
	return strings.Join(names, " ")
}

func toolNamed(t *testing.T, tools []agent.Tool, name string) agent.Tool {
	t.Helper()
	for _, tool := range tools {
		if tool.Name == name {
			return tool
		}
	}
	t.Fatalf("no tool %s among %q", name, toolNames(tools))
	return agent.Tool{}
}

func reasonOf(err error) string {
	var named interface{ ErrorType() string }
	if errors.As(err, &named) {
		return named.ErrorType()
	}
	return ""
}

// bothGenerations runs a test against a server with sessions and against one without.
func bothGenerations(t *testing.T, test func(t *testing.T, sessions bool)) {
	for _, sessions := range []bool{true, false} {
		t.Run(fmt.Sprintf("sessions=%t", sessions), func(t *testing.T) {
			noLeaks(t)
			test(t, sessions)
		})
	}
}
