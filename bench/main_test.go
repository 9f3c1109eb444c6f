package bench

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/bench/process"
)

// role makes the test binary serve one of the parts that must not count: it does so on PORT and runs no tests.
const role = "BENCH_ROLE"

func TestMain(m *testing.M) {
	var h http.Handler
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "gemini":
		h = scriptedGemini()
	case "collector":
		h = http.HandlerFunc(collect)
	}
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: h, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// toolTurns is how often the scripted model calls a tool before it answers.
const toolTurns = 3

// scriptedGemini is the simulator with a model that calls one tool in each of its first turns. Where the conversation
// stands is read from the request, so that any number of them can go on at once. A task that says "hello" is answered
// at once.
func scriptedGemini() http.Handler {
	sim := geminisim.New(geminisim.Config{KeepLast: 1})
	turn := geminisim.Dynamic(func(r geminisim.Request) geminisim.Reply {
		n := 0
		for _, c := range r.Body.Contents {
			for _, p := range c.Parts {
				if p.FunctionResponse != nil {
					n++
				}
			}
		}
		switch {
		case n == toolTurns, r.Body.Contents[0].Parts[0].Text == "hello":
			return geminisim.Text("The sums are 84, 85 and 86. They were calculated one after the other.")
		default:
			return geminisim.Calls(geminisim.Call{
				Name: "calculate", Args: map[string]any{"expression": fmt.Sprintf("12 * 7 + %d", n)},
			})
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sim.Script(turn)
		sim.ServeHTTP(w, r)
	})
}

// collect is an OTLP/HTTP receiver that takes everything.
func collect(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// startRole runs this binary again in a role and returns its address.
func startRole(tb testing.TB, name string) string {
	tb.Helper()
	port := process.FreePort(tb)
	process.Start(tb, os.Args[0], process.Environ(role+"="+name, "PORT="+port)).AwaitPort(tb, port)
	return "127.0.0.1:" + port
}
