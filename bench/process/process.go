// Package process builds and runs programs for tests and benchmarks that need real processes.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a program may take until it accepts connections. It is for a machine under load.
const startTimeout = 30 * time.Second

// Build compiles a main package of this module, with flags of go build, and returns the program's path. It lives as
// long as the test.
func Build(tb testing.TB, pkg string, flags ...string) string {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), filepath.Base(pkg))
	args := append(append([]string{"build", "-o", program}, flags...), pkg)
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return program
}

// FreePort returns a TCP port of this machine that nobody listened on a moment ago.
func FreePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Process is a running program. What it writes is kept.
type Process struct {
	cmd    *exec.Cmd
	out    lockedBuffer
	exited chan struct{}
	err    error // of Wait; valid once exited is closed
}

// Start runs a program with exactly env as its environment and ends it, by force if needed, with the test. What it
// wrote is logged when the test failed.
func Start(tb testing.TB, program string, env []string, args ...string) *Process {
	tb.Helper()
	p := &Process{cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.cmd.Env = env
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("starting %s: %v", program, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("output of %s:\n%s", filepath.Base(program), p.out.String())
		}
	})
	return p
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output is what the program has written so far, both streams in one.
func (p *Process) Output() string { return p.out.String() }

// AwaitPort waits until the program accepts connections on a port of this machine.
func (p *Process) AwaitPort(tb testing.TB, port string) {
	tb.Helper()
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-p.exited:
			tb.Fatalf("the program ended before it listened on port %s: %v", port, p.err)
		default:
		}
		if time.Since(start) > startTimeout {
			tb.Fatalf("nothing listens on port %s after %v: %v", port, startTimeout, err)
		}
	}
}

// Exited reports whether the program has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Kill ends the program at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended before
	<-p.exited
}

// Signal sends a signal.
func (p *Process) Signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		tb.Fatalf("sending %v: %v", s, err)
	}
}

// Wait returns the exit code, or an error when the program still runs after d. A program that was killed by a signal
// has the code -1.
func (p *Process) Wait(d time.Duration) (int, error) {
	select {
	case <-p.exited:
	case <-time.After(d):
		return 0, fmt.Errorf("the program still runs after %v", d)
	}
	if exit := new(exec.ExitError); p.err != nil && !errors.As(p.err, &exit) {
		return 0, p.err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// Environ returns the variables a child needs to run at all, such as HOME, and none that would configure ours.
func Environ(more ...string) []string {
	env := []string{}
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "USER"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, more...)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
