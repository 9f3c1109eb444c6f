package mcptools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/agent"
)

// TestZodServer runs against a server of the TypeScript SDK with zod's schemas: every tool is offered, callable through
// the agent's own check of arguments, and says what it said. It needs node and, in PEERS, a directory in which
// @modelcontextprotocol/sdk and zod are installed.
func TestZodServer(t *testing.T) {
	peers := os.Getenv("PEERS")
	if peers == "" {
		t.Skip("PEERS names no directory with @modelcontextprotocol/sdk and zod")
	}
	noLeaks(t)
	port := freePort(t)
	startPeer(t, peers, "testdata/zod.cjs", port)
	var log bytes.Buffer
	m, _ := newMCP(t, Config{URLs: []string{fmt.Sprintf("http://127.0.0.1:%s/mcp", port)}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tools := m.Tools(ctx)
	if got := toolNames(tools); got != "mail loose loose_with_fields strict kinds tree nothing both written_out fails" {
		t.Fatalf("tools = %q\n%s", got, &log)
	}
	for _, tt := range []struct{ tool, args, want, refused string }{
		{"mail", `{"address":"a.b@example.org","copies":2}`, `"{\"address\":\"a.b@example.org\",\"copies\":2}"`, ""},
		{"mail", `{"address":"a.b@example.org","copies":0}`, ``, "copies: out of range"},
		{"loose", `{"anything":{"goes":[1,"x"]}}`, `"{\"anything\":{\"goes\":[1,\"x\"]}}"`, ""},
		{"loose_with_fields", `{"a":"x","b":2}`, `"{\"a\":\"x\",\"b\":2}"`, ""},
		{"strict", `{"a":"x","b":2}`, ``, `unknown arguments ["b"]`},
		{"kinds", `{"when":"2026-11-25T08:00:00Z","link":"https://a.example/","choice":7,"pair":["a",1],"map":{"k":1},"list":["x"],"shape":{"kind":"line","length":2}}`,
			`"{\"when\":\"2026-11-25T08:00:00Z\",\"link\":\"https://a.example/\",\"choice\":7,\"pair\":[\"a\",1],\"map\":{\"k\":1},\"list\":[\"x\"],\"shape\":{\"kind\":\"line\",\"length\":2}}"`, ""},
		{"tree", `{"root":{"name":"a","children":[{"name":"b"}]}}`, `"{\"root\":{\"name\":\"a\",\"children\":[{\"name\":\"b\"}]}}"`, ""},
		{"nothing", `{}`, `"done"`, ""},
		{"both", `{}`, `{"structured":{"lines":3},"text":"the file itself"}`, ""},
		{"written_out", `{}`, `{"lines":3}`, ""},
	} {
		tool := toolNamed(t, tools, tt.tool)
		var args map[string]any
		if err := json.Unmarshal([]byte(tt.args), &args); err != nil {
			t.Fatal(err)
		}
		if err := tool.Schema.Check(args); (err != nil) != (tt.refused != "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
			t.Errorf("%s %s is judged %v, want %q", tt.tool, tt.args, err, tt.refused)
		}
		if tt.refused != "" {
			continue
		}
		got, err := tool.Call(ctx, args)
		if data := encoded(got); err != nil || data != tt.want {
			t.Errorf("%s %s = %s, %v, want %s", tt.tool, tt.args, data, err, tt.want)
		}
	}
	if _, err := toolNamed(t, tools, "fails").Call(ctx, nil); err == nil || err.Error() != "no such thing" || reasonOf(err) != "tool_error" {
		t.Errorf("fails = %v (%s)", err, reasonOf(err))
	}
}

var _ agent.ToolSource = (*Source)(nil)

func encoded(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of JSON that was read
	return strings.TrimSpace(b.String())
}

// startPeer runs a program of testdata with node until the test ends, and waits until it listens.
func startPeer(t *testing.T, peers, script, port string) {
	t.Helper()
	cmd := exec.Command("node", script, port)
	cmd.Env = append(os.Environ(), "PEERS="+peers)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // killed is how it ends
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
		t.Fatalf("the peer says %q, %v", line, err)
	}
}
