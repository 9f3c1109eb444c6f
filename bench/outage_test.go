package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"example.com/gemini-agent/bench/process"
)

// BenchmarkOutage prints what an outage of the trace backend costs the deployed function's callers and its memory, and
// what of the traces is lost: OUTAGE_SECONDS of it, at OUTAGE_RATE invocations a second (60), beside the same binary
// without tracing. It takes a minute more than the outage.
func BenchmarkOutage(b *testing.B) {
	seconds, err := strconv.Atoi(os.Getenv("OUTAGE_SECONDS"))
	if err != nil {
		b.Skip("set OUTAGE_SECONDS to have an outage of that length")
	}
	rate := 60
	if v := os.Getenv("OUTAGE_RATE"); v != "" {
		if rate, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	backend := &counting{seen: map[[8]byte]struct{}{}}
	collector := httptest.NewServer(backend)
	b.Cleanup(collector.Close)
	program, gemini := process.Build(b, "./costmain"), startRole(b, "gemini")
	traced := startAgent(b, program, gemini, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	untraced := startAgent(b, program, gemini, "OTEL_SDK_DISABLED=true")

	const before, after = 15 * time.Second, 30 * time.Second
	outage := time.Duration(seconds) * time.Second
	phases := []struct {
		name string
		long time.Duration
	}{{"before", before}, {"outage", outage}, {"after", after}}
	var emptied time.Duration
	for _, phase := range phases {
		backend.down.Store(phase.name == "outage")
		begin := time.Now()
		waits, slow := map[*agentProcess][]time.Duration{}, []time.Duration(nil)
		var mu sync.Mutex
		var wg sync.WaitGroup
		tick := time.NewTicker(time.Second / time.Duration(rate))
		for time.Since(begin) < phase.long {
			<-tick.C
			for _, a := range []*agentProcess{traced, untraced} {
				wg.Go(func() {
					start := time.Now()
					if err := a.invoke(); err != nil {
						b.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					waits[a] = append(waits[a], time.Since(start))
					if a == traced && time.Since(start) > time.Second {
						slow = append(slow, start.Sub(begin).Round(time.Second/10))
					}
					if a == traced {
						backend.expected.Add(1)
					}
				})
			}
			if phase.name == "after" && emptied == 0 && backend.traces() >= int(backend.expected.Load())-5 {
				emptied = time.Since(begin)
			}
		}
		tick.Stop()
		wg.Wait()
		if len(slow) > 0 {
			b.Logf("%s: %d waited more than a second, begun between %v and %v", phase.name, len(slow), slices.Min(slow), slices.Max(slow))
		}
		with, without := waits[traced], waits[untraced]
		slices.Sort(with)
		slices.Sort(without)
		p := func(d []time.Duration, q float64) time.Duration {
			return d[int(float64(len(d)-1)*q)].Round(100 * time.Microsecond)
		}
		b.Logf("%-7s %5d invocations  p50 %8v (untraced %8v)  p99 %8v (untraced %8v)  worst %8v  memory %s, at most %s",
			phase.name, len(with), p(with, .5), p(without, .5), p(with, .99), p(without, .99), p(with, 1),
			memory(b, traced, "VmRSS"), memory(b, traced, "VmHWM"))
	}
	for range 50 {
		if backend.traces() == int(backend.expected.Load()) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.Logf("traces: %d of %d at the backend, with %d spans; empty %v after the outage", backend.traces(),
		backend.expected.Load(), len(backend.seen), emptied.Round(100*time.Millisecond))
	b.ReportMetric(float64(int(backend.expected.Load())-backend.traces()), "lost-traces")
	b.ReportMetric(0, "ns/op")
}

// memory is a figure of /proc as text.
func memory(b *testing.B, a *agentProcess, key string) string {
	return fmt.Sprintf("%d MiB", resident(b, a, key))
}

// resident is a figure of /proc, in MiB.
func resident(b *testing.B, a *agentProcess, key string) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Pid()))
	if err != nil {
		b.Skip("the memory of another process is not known here")
	}
	_, rest, _ := strings.Cut(string(status), key+":")
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kb >> 10
}

// counting is a trace backend that answers after 5 ms, or not at all.
type counting struct {
	down     atomic.Bool
	expected atomic.Int64 // traces
	mu       sync.Mutex
	seen     map[[8]byte]struct{}
	ids      map[[16]byte]struct{}
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if c.down.Load() || err != nil {
		panic(http.ErrAbortHandler)
	}
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		http.Error(w, "no OTLP", http.StatusBadRequest)
		return
	}
	time.Sleep(5 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil {
		c.ids = map[[16]byte]struct{}{}
	}
	for _, rs := range req.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				c.seen[[8]byte(s.GetSpanId())] = struct{}{}
				if len(s.GetParentSpanId()) == 0 {
					c.ids[[16]byte(s.GetTraceId())] = struct{}{}
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *counting) traces() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ids)
}
