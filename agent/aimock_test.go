package agent

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAimock runs the agent against a Gemini that others wrote: npm's @copilotkit/aimock. It needs node and, in PEERS, a
// directory in which that is installed.
func TestAimock(t *testing.T) {
	peers := os.Getenv("PEERS")
	if peers == "" {
		t.Skip("PEERS names no directory with @copilotkit/aimock")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	cmd := exec.Command("node", "testdata/aimock.mjs", port)
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
		t.Fatalf("aimock says %q, %v", line, err)
	}

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	counted := &countedTransport{base: transport}
	g, err := NewGemini(t.Context(), GeminiConfig{HTTPClient: &http.Client{Transport: counted}, Getenv: getenv(map[string]string{
		"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": fmt.Sprintf("http://127.0.0.1:%s", port),
	})})
	if err != nil {
		t.Fatal(err)
	}
	g.wait.first, g.wait.most = 1, 1
	a := New(g, Config{Tools: []Tool{Calculate(), CurrentTime(time.Now)}})

	for task, want := range map[string]string{"hello": "Hi there!", "both": "It is 42, and late."} {
		res, err := a.Run(t.Context(), Task{Text: task})
		if err != nil || res.Response != want || res.FinishReason != ReasonStop {
			t.Errorf("%s = %+v, %v", task, res, err)
			continue
		}
		if task == "both" && (len(res.Steps) != 1 || strings.Join(res.Steps[0].ToolsCalled, " ") != "calculate current_time") {
			t.Errorf("steps %+v", res.Steps)
		}
	}
	for _, tt := range []struct {
		task     string
		kind     ErrorKind
		reason   string
		cause    string
		attempts int
	}{
		{"busy", KindQuota, "429", "slow down", 4},
		{"down", KindModel, "503", "overloaded", 4},
		{"wrong", KindModel, "400", "no such thing", 1},
		{"a task it does not know", KindModel, "404", "", 1},
	} {
		counted.n = 0
		_, err := a.Run(t.Context(), Task{Text: tt.task})
		e := wantError(t, err, tt.kind, tt.reason)
		if !strings.Contains(e.Error(), tt.cause) || counted.n != tt.attempts {
			t.Errorf("%s: %d attempts, %v", tt.task, counted.n, e)
		}
	}
}

// countedTransport counts requests. It is for one goroutine.
type countedTransport struct {
	base http.RoundTripper
	n    int
}

func (c *countedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	c.n++
	return c.base.RoundTrip(req)
}
