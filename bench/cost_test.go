package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

// BenchmarkCost compares one binary with itself: OTEL_SDK_DISABLED=true against tracing to an OTLP receiver, with four
// model calls and three tool calls in each invocation, and the garbage collector set as it is deployed. Both processes
// run all the time; rounds alternate between them, and each figure is the lower quartile of its rounds: whatever else
// runs on the machine makes a round dearer and none cheaper.
//
// With COST_AGAINST set to the costmain of another commit, the same rounds are run with that one, traced, and the ratio of
// this commit to it is printed too:
//
//	git worktree add ../before COMMIT && (cd ../before && go build -o /tmp/before ./bench/costmain)
//	COST_AGAINST=/tmp/before go test -run '^$' -bench Cost -benchtime 1x -v ./bench
//
// With COST_PROFILES set to a directory, CPU and allocation profiles of both are written there.
func BenchmarkCost(b *testing.B) {
	program := process.Build(b, "./costmain")
	gemini, collector := startRole(b, "gemini"), startRole(b, "collector")
	for _, concurrency := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("concurrent=%d", concurrency), func(b *testing.B) {
			endpoint := "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector
			untraced := startAgent(b, program, gemini, "OTEL_SDK_DISABLED=true")
			traced := startAgent(b, program, gemini, endpoint)
			agents := []*agentProcess{untraced, traced}
			if other := os.Getenv("COST_AGAINST"); other != "" {
				agents = append(agents, startAgent(b, other, gemini, endpoint))
			}
			const rounds = 41
			perRound := max(80, 2*concurrency)
			for range 3 { // connections, caches, the garbage collector's pace
				for _, a := range agents {
					a.run(b, concurrency, perRound)
				}
			}
			profile(b, concurrency, untraced, traced)
			costs := make([][]cost, len(agents))
			for b.Loop() {
				for range rounds {
					for i, a := range agents {
						costs[i] = append(costs[i], a.run(b, concurrency, perRound))
					}
				}
			}
			report(b, fmt.Sprintf("%d concurrent, traced to untraced", concurrency), "", costs[1], costs[0])
			if len(agents) > 2 {
				report(b, fmt.Sprintf("%d concurrent, this commit to the other", concurrency), "against-", costs[1], costs[2])
			}
			b.ReportMetric(0, "ns/op") // the time of a whole comparison says nothing
		})
	}
}

// report prints what one costs beside another.
func report(b *testing.B, what, prefix string, one, other []cost) {
	cpu := func(c cost) float64 { return float64(c.cpu) / float64(time.Millisecond) }
	allocations := func(c cost) float64 { return c.allocations }
	cpu1, cpu0 := quiet(one, cpu), quiet(other, cpu)
	allocs1, allocs0 := quiet(one, allocations), quiet(other, allocations)
	b.ReportMetric(cpu1/cpu0, prefix+"cpu-ratio")
	b.ReportMetric(allocs1/allocs0, prefix+"allocs-ratio")
	b.Logf("%s: CPU %.3f to %.3f ms, ratio %.2f; allocations %.0f to %.0f, ratio %.2f",
		what, cpu1, cpu0, cpu1/cpu0, allocs1, allocs0, allocs1/allocs0)
}

// quiet is the lower quartile of one figure.
func quiet(costs []cost, f func(cost) float64) float64 {
	fs := make([]float64, len(costs))
	for i, c := range costs {
		fs[i] = f(c)
	}
	slices.Sort(fs)
	return fs[len(fs)/4]
}

// agentProcess is a running costmain.
type agentProcess struct {
	*process.Process
	url, figures string
	client       *http.Client
}

// startAgent starts a program with the settings that terraform/modules/function gives it.
func startAgent(b *testing.B, program, gemini string, env ...string) *agentProcess {
	port, figures := process.FreePort(b), process.FreePort(b)
	p := process.Start(b, program, process.Environ(append(env,
		"FUNCTION_TARGET=Agent", "PORT="+port, "COST_PORT="+figures, "LOG_LEVEL=error", "GOGC=200", "GOMEMLIMIT=460MiB",
		"GEMINI_API_KEY=benchmark", "GOOGLE_GEMINI_BASE_URL=http://"+gemini)...))
	p.AwaitPort(b, port)
	p.AwaitPort(b, figures)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	return &agentProcess{
		Process: p, url: "http://127.0.0.1:" + port + "/api/v1/agent/execute",
		figures: "http://127.0.0.1:" + figures, client: &http.Client{Transport: transport},
	}
}

// cost is what one invocation took of the agent's process.
type cost struct {
	cpu         time.Duration
	allocations float64
}

// run makes n invocations, some at once, and returns the cost of one.
func (a *agentProcess) run(b *testing.B, concurrency, n int) cost {
	cpu, allocations := a.cpu(b), a.allocations(b)
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for range n / concurrency {
				if err := a.invoke(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return cost{
		cpu:         (a.cpu(b) - cpu) / time.Duration(n),
		allocations: (a.allocations(b) - allocations) / float64(n),
	}
}

func (a *agentProcess) invoke() error {
	resp, err := a.client.Post(a.url, "application/json", strings.NewReader(`{"task":"Add some numbers"}`))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"total_steps":3`)) {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	return nil
}

func (a *agentProcess) cpu(b *testing.B) time.Duration {
	d, err := process.CPU(a.Pid())
	if err != nil {
		b.Skipf("the CPU time of another process is not known here: %v", err)
	}
	return d
}

func (a *agentProcess) allocations(b *testing.B) float64 {
	n, err := strconv.ParseFloat(string(a.get(b, "/allocations")), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func (a *agentProcess) get(b *testing.B, path string) []byte {
	resp, err := a.client.Get(a.figures + path)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// profile writes the profiles of both processes under load.
func profile(b *testing.B, concurrency int, untraced, traced *agentProcess) {
	dir := os.Getenv("COST_PROFILES")
	if dir == "" {
		return
	}
	for name, a := range map[string]*agentProcess{"untraced": untraced, "traced": traced} {
		done := make(chan struct{})
		var cpu []byte
		go func() {
			defer close(done)
			cpu = a.get(b, "/debug/pprof/profile?seconds="+cmp.Or(os.Getenv("COST_PROFILE_SECONDS"), "10"))
		}()
		n := 0
		for running := true; running; n += 10 * concurrency {
			a.run(b, concurrency, 10*concurrency)
			select {
			case <-done:
				running = false
			default:
			}
		}
		b.Logf("profile of %s: %d invocations", name, n)
		for kind, data := range map[string][]byte{"cpu": cpu, "allocs": a.get(b, "/debug/pprof/allocs")} {
			file := filepath.Join(dir, fmt.Sprintf("%s-%s-%d.pprof", name, kind, concurrency))
			if err := os.WriteFile(file, data, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
}
