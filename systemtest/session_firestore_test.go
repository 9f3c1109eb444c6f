package systemtest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
)

// startFirestore starts npm's @firestore-emulator/server, which needs node and, in PEERS, a directory in which it is installed.
func startFirestore(t *testing.T) (address string) {
	t.Helper()
	if os.Getenv("PEERS") == "" {
		t.Skip("PEERS names no directory with @firestore-emulator/server")
	}
	port := process.FreePort(t)
	p := process.Start(t, "node", process.Environ("PEERS="+os.Getenv("PEERS")), "../agent/session/testdata/emulator.cjs", port)
	p.AwaitPort(t, port)
	return net.JoinHostPort("127.0.0.1", port)
}

// deployed is the function as a process of its own.
type deployed struct {
	*process.Process
	url string
}

func startDeployed(t *testing.T, program string, env ...string) *deployed {
	t.Helper()
	port := process.FreePort(t)
	p := process.Start(t, program, process.Environ(append(env, "FUNCTION_TARGET=Agent", "PORT="+port, "OTEL_TRACES_EXPORTER=none")...))
	p.AwaitPort(t, port)
	return &deployed{p, "http://127.0.0.1:" + port}
}

// ask sends a task of ada's session "s".
func (d *deployed) ask(t *testing.T, task string) (int, map[string]any) {
	t.Helper()
	res, err := http.Post(d.url+executePath, "application/json", strings.NewReader(say(task).body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

// TestAConversationOutlivesItsProcess: two processes, one killed in the middle of a turn, and a Firestore that others wrote. The
// next turn is refused until the deadline of the dead one and a little longer, and then goes on from the last that was whole.
func TestAConversationOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	sim := geminisim.New(geminisim.Config{SignedHistory: true})
	entered := make(chan struct{})
	sim.Script(use("calculate", "expression", "6*7"), geminisim.Text("It is 42."), hangs(func() { close(entered) }), geminisim.Text("Here I am."))
	gemini := httptest.NewServer(sim)
	t.Cleanup(gemini.Close)
	env := []string{
		"GEMINI_API_KEY=" + testKey, "GOOGLE_GEMINI_BASE_URL=" + gemini.URL, "REQUEST_TIMEOUT=5s",
		"SESSION_STORE=firestore", "FIRESTORE_EMULATOR_HOST=" + startFirestore(t),
	}
	program := process.Build(t, "../bench/functionmain")
	first := startDeployed(t, program, env...)
	if status, answer := first.ask(t, "What is 6*7?"); status != 200 || answer["session_saved"] != true {
		t.Fatalf("turn 1: %d %v", status, answer)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		res, err := http.Post(first.url+executePath, "application/json", strings.NewReader(say("Wait").body))
		if err == nil {
			_ = res.Body.Close()
			t.Error("the dead process has answered")
		}
	}()
	<-entered
	first.Kill()
	<-gone

	second := startDeployed(t, program, env...)
	status, answer := second.ask(t, "Are you there?")
	if status != 409 {
		t.Fatalf("while the dead turn holds: %d %v", status, answer)
	}
	for end := time.Now().Add(patience); status == 409 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		status, answer = second.ask(t, "Are you there?")
	}
	if status != 200 || answer["turn"] != 3.0 || answer["session_saved"] != true {
		t.Fatalf("turn 3: %d %v", status, answer)
	}
	want := []string{"user: What is 6*7?", "model: call calculate", "user: result calculate", "model: It is 42.", "user: Are you there?"}
	if diff := cmp.Diff(want, prompt(&system{sim: sim})); diff != "" {
		t.Errorf("the model was asked (-want +got):\n%s", diff)
	}
}
