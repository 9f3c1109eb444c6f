package mcptools

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestEverything runs against a server that shares no code with ours: @modelcontextprotocol/server-everything.
// It needs node and, in MCP_EVERYTHING, the path of the package's dist/index.js.
func TestEverything(t *testing.T) {
	entry := os.Getenv("MCP_EVERYTHING")
	if entry == "" {
		t.Skip("MCP_EVERYTHING does not name the index.js of @modelcontextprotocol/server-everything")
	}
	noLeaks(t)
	port := freePort(t)
	stop := startEverything(t, entry, port)
	client := loopback(t)
	m, _ := newMCP(t, Config{URLs: []string{fmt.Sprintf("http://127.0.0.1:%s/mcp", port)}, HTTPClient: client})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	tools := m.Tools(ctx)
	if len(tools) < 5 {
		t.Fatalf("tools = %q", toolNames(tools))
	}
	call := func(name string, args map[string]any) (string, error) {
		got, err := toolNamed(t, tools, name).Call(ctx, args)
		data, _ := json.Marshal(got)
		return string(data), err
	}
	for _, tt := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"echo", map[string]any{"message": "hola"}, `"Echo: hola"`},
		{"get-sum", map[string]any{"a": 2, "b": 3}, `5`},
		{"get-structured-content", map[string]any{"location": "New York"}, `"temperature":`},
		{"get-tiny-image", nil, `[image, image/png, `},
	} {
		if got, err := call(tt.tool, tt.args); err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s = %s, %v; want %s", tt.tool, got, err, tt.want)
		}
	}
	if _, err := call("get-sum", map[string]any{"a": "two"}); err == nil || reasonOf(err) != "tool_error" {
		t.Errorf("get-sum of a word = %v (%s), want a tool error", err, reasonOf(err))
	}

	stop()
	client.CloseIdleConnections()
	if _, err := call("echo", map[string]any{"message": "x"}); err == nil || reasonOf(err) != "connection" {
		t.Errorf("echo of the stopped server = %v (%s)", err, reasonOf(err))
	}
	if down := m.Tools(ctx); len(down) != 0 {
		t.Errorf("the stopped server offers %q", toolNames(down))
	}
	startEverything(t, entry, port)
	m.servers[0].now = func() time.Time { return time.Now().Add(backOffMax) }
	if got, err := call("echo", map[string]any{"message": "back"}); err != nil || got != `"Echo: back"` {
		t.Errorf("echo of the restarted server = %s, %v", got, err)
	}
}

// TestEverythingForgetsUs: the server restarts between two calls, and answers a session that it does not know with
// HTTP 400 instead of 404.
func TestEverythingForgetsUs(t *testing.T) {
	entry := os.Getenv("MCP_EVERYTHING")
	if entry == "" {
		t.Skip("MCP_EVERYTHING does not name the index.js of @modelcontextprotocol/server-everything")
	}
	noLeaks(t)
	port := freePort(t)
	stop := startEverything(t, entry, port)
	client := loopback(t)
	m, _ := newMCP(t, Config{URLs: []string{fmt.Sprintf("http://127.0.0.1:%s/mcp", port)}, HTTPClient: client})
	echo := toolNamed(t, m.Tools(t.Context()), "echo")
	stop()
	client.CloseIdleConnections()
	startEverything(t, entry, port)
	if got, err := echo.Call(t.Context(), map[string]any{"message": "x"}); err != nil || got != "Echo: x" {
		t.Errorf("echo after the restart = %v, %v", got, err)
	}
}

func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// startEverything starts the server and waits until it listens. The function it returns stops it; so does the test's
// end.
func startEverything(t *testing.T, entry, port string) (stop func()) {
	t.Helper()
	cmd := exec.Command("node", entry, "streamableHttp")
	cmd.Env = append(os.Environ(), "PORT="+port)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on port "+port) {
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return stop
		}
	}
	t.Fatalf("the server did not start: %v", cmd.Wait())
	return nil
}
