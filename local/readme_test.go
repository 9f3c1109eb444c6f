package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

const localMain = "example.com/gemini-agent/local"

// running is `go run ./local`, with its two outputs apart.
type running struct {
	*process.Process
	port           string
	stdout, stderr func() string
}

// startLocal starts the program and waits until it serves.
func startLocal(tb testing.TB, program string, env ...string) *running {
	tb.Helper()
	port := process.FreePort(tb)
	r := launch(tb, program, append(env, "PORT="+port))
	r.port = port
	r.AwaitPort(tb, port)
	for !strings.Contains(r.stdout(), ":"+port) { // another program may have got the port in between
		if r.Exited() {
			tb.Fatalf("the program ended; port %s may be another's by now", port)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return r
}

// launch starts the program through a shell that replaces itself by it and writes the outputs to two files.
func launch(tb testing.TB, program string, env []string, args ...string) *running {
	tb.Helper()
	dir := tb.TempDir()
	out, err := filepath.Join(dir, "stdout"), filepath.Join(dir, "stderr")
	args = append([]string{"-c", `out=$1 err=$2; shift 2; exec "$0" "$@" >"$out" 2>"$err"`, program, out, err}, args...)
	contents := func(file string) func() string {
		return func() string {
			tb.Helper()
			raw, err := os.ReadFile(file)
			if err != nil && !os.IsNotExist(err) { // the shell has yet to make it
				tb.Fatal(err)
			}
			return string(raw)
		}
	}
	r := &running{Process: process.Start(tb, "/bin/sh", process.Environ(env...), args...)}
	r.stdout, r.stderr = contents(out), contents(err)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("stdout:\n%s\nstderr:\n%s", r.stdout(), r.stderr())
		}
	})
	return r
}

// curlOfREADME is the command as pasted.
func curlOfREADME(tb testing.TB) string {
	tb.Helper()
	return commandOfREADME(tb, "curl -s ")
}

func commandOfREADME(tb testing.TB, begins string) string {
	tb.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		tb.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(" + begins + ".*?)```").FindSubmatch(readme)
	if block == nil {
		tb.Fatal("README.md has no fenced block that starts with ", begins)
	}
	return string(block[1])
}

// curl runs the README's command against the port and returns the answer.
func (r *running) curl(tb testing.TB) reply {
	tb.Helper()
	out := r.paste(tb, curlOfREADME(tb))
	res := reply{body: string(out)}
	if res.traceID = res.field("trace_id"); !json.Valid(out) || res.traceID == "" || res.field("response") == "" {
		tb.Fatalf("the README's command got %s", out)
	}
	return res
}

// paste runs a command of the README against the port and returns what it prints.
func (r *running) paste(tb testing.TB, command string) []byte {
	tb.Helper()
	for _, name := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			tb.Skip("the README's command needs ", name)
		}
	}
	const address = "localhost:8080"
	if strings.Count(command, address) != 1 {
		tb.Fatalf("the README's command does not go to %s: %s", address, command)
	}
	command = strings.Replace(command, address, "localhost:"+r.port, 1)
	out, err := exec.Command("bash", "-c", command).Output()
	if err != nil {
		tb.Fatalf("%s: %v", command, err)
	}
	return out
}
