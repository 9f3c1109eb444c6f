package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

// BenchmarkColdStart measures the time from the start of a process to its first answered request, for the function as
// it is deployed (tracing to an OTLP receiver, on what looks like Cloud Run, the model answering with text at once) and
// for a hello world on the same framework: built with the framework's own versions of its dependencies, as in a module
// of its own, and with those of our go.mod, where a newer reflect2 makes it start faster. The starts alternate; each
// figure is the median of 20.
func BenchmarkColdStart(b *testing.B) {
	function := process.Build(b, "./functionmain")
	hello := process.Build(b, "./helloworld", "-modfile=testdata/hello.mod")
	helloOurs := process.Build(b, "./helloworld")
	gemini := httptest.NewServer(scriptedGemini())
	b.Cleanup(gemini.Close)
	collector := httptest.NewServer(http.HandlerFunc(collect))
	b.Cleanup(collector.Close)
	metadata := httptest.NewServer(http.HandlerFunc(serveMetadata))
	b.Cleanup(metadata.Close)

	platform := []string{
		"K_SERVICE=agent", "K_REVISION=agent-00001", "K_CONFIGURATION=agent",
		"GCE_METADATA_HOST=" + metadata.Listener.Addr().String(),
	}
	ours := append([]string{
		"FUNCTION_TARGET=Agent", "GOOGLE_CLOUD_PROJECT=benchmark", "GEMINI_API_KEY=benchmark",
		"GOOGLE_GEMINI_BASE_URL=" + gemini.URL, "OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL,
		"OTEL_TRACES_SAMPLER=always_on",
	}, platform...)
	theirs := append([]string{"FUNCTION_TARGET=Hello"}, platform...)

	const starts = 20
	var agents, hellos, hellosOurs []time.Duration
	for b.Loop() {
		for range starts {
			hellos = append(hellos, coldStart(b, hello, theirs, http.StatusOK, "Hello"))
			hellosOurs = append(hellosOurs, coldStart(b, helloOurs, theirs, http.StatusOK, "Hello"))
			agents = append(agents, coldStart(b, function, ours, http.StatusOK, `"finish_reason":"stop"`))
		}
	}
	a, h, o := medianDuration(agents), medianDuration(hellos), medianDuration(hellosOurs)
	b.ReportMetric(a, "function-ms")
	b.ReportMetric(h, "helloworld-ms")
	b.ReportMetric(o, "helloworld-our-versions-ms")
	b.ReportMetric(a/h, "ratio")
	b.ReportMetric(a/o, "ratio-our-versions")
	b.ReportMetric(0, "ns/op")
	b.Logf("first answer after start, median of %d: function %.1f ms; hello world %.1f ms, ratio %.2f; "+
		"hello world with our versions %.1f ms, ratio %.2f", len(agents), a, h, a/h, o, a/o)
}

// coldStart starts a program, asks until it answers, ends it, and returns how long the answer took.
func coldStart(b *testing.B, program string, env []string, status int, want string) time.Duration {
	port := process.FreePort(b)
	addr := net.JoinHostPort("127.0.0.1", port)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	begin := time.Now()
	p := process.Start(b, program, process.Environ(append(env, "PORT="+port)...))
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Since(begin) > 30*time.Second {
			b.Fatalf("%s does not listen: %v", program, err)
		}
		time.Sleep(200 * time.Microsecond)
	}
	resp, err := client.Post("http://"+addr+"/api/v1/agent/execute", "application/json", strings.NewReader(`{"task":"hello"}`))
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	took := time.Since(begin)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != status || !bytes.Contains(body, []byte(want)) {
		b.Fatalf("%s answered %s %s %v", program, resp.Status, body, err)
	}
	p.Kill()
	return took
}

// serveMetadata is the part of Google's metadata server that programs on Cloud Run ask.
func serveMetadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	values := map[string]string{
		"project/project-id":         "benchmark",
		"project/numeric-project-id": "1234567890",
		"instance/region":            "projects/1234567890/regions/europe-west1",
		"instance/id":                "00c1a2b3",
	}
	path := strings.TrimPrefix(r.URL.Path, "/computeMetadata/v1/")
	if v, ok := values[path]; ok {
		_, _ = fmt.Fprint(w, v)
		return
	}
	http.NotFound(w, r)
}

func medianDuration(ds []time.Duration) float64 {
	ds = slices.Sorted(slices.Values(ds))
	return float64((ds[(len(ds)-1)/2]+ds[len(ds)/2])/2) / float64(time.Millisecond)
}
