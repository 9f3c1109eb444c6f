package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/gemini-agent/bench/process"
)

// memoryBound is what the deployed function may take of its 512 MiB.
const memoryBound = 400 // MiB

// BenchmarkMemory prints the memory of the deployed function's process, with the settings it is deployed with, under what is
// largest or worst: 80 requests at once with the largest body that is valid, answers of a model that are endless or grow when
// they are unpacked, and 1,000 tasks with a tool service that is hostile in every way at once.
//
//	go test ./bench -run '^$' -bench Memory -benchtime 1x -v
func BenchmarkMemory(b *testing.B) {
	program := process.Build(b, "./costmain")
	collector := startRole(b, "collector")
	noise := bytes.Repeat([]byte("x"), 1<<20)
	hostile := &hostileService{huge: bytes.Repeat(noise, 9)}
	for _, s := range []struct {
		name       string
		gemini     http.HandlerFunc
		service    http.Handler // of tools; nil: none
		body       []byte
		concurrent int
		requests   int
		status     int
	}{
		{"80 bodies of 256 KiB", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(500 * time.Millisecond) // all of them are there at once
			_, _ = io.WriteString(w, modelSays(`{"text":"done"}`))
		}, nil, largestBody(), 80, 400, 200},
		{"answers of 100 MB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"candidates":[{"content":{"parts":[{"text":"`)
			for range 100 {
				if _, err := w.Write(noise); err != nil {
					return
				}
			}
		}, nil, []byte(`{"task":"go"}`), 4, 16, 502},
		{"answers that unpack to 1 GB", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 1000 {
				if _, err := z.Write(noise); err != nil {
					return
				}
			}
			_ = z.Close()
		}, nil, []byte(`{"task":"go"}`), 4, 16, 502},
		{"a hostile tool service", callsEverything, hostile, []byte(`{"task":"go"}`), 4, 1000, 200},
	} {
		b.Run(s.name, func(b *testing.B) {
			gemini := httptest.NewServer(s.gemini)
			b.Cleanup(gemini.Close)
			env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + collector, "GOGC=200", "GOMEMLIMIT=460MiB"}
			if s.service != nil {
				service := httptest.NewServer(s.service)
				b.Cleanup(service.Close)
				env = append(env, "MCP_SERVER_URL="+service.URL)
			}
			a := startAgent(b, program, strings.TrimPrefix(gemini.URL, "http://"), env...)
			before := resident(b, a, "VmRSS")
			for b.Loop() {
				a.post(b, s.body, s.concurrent, s.requests, s.status)
			}
			after, most := resident(b, a, "VmRSS"), resident(b, a, "VmHWM")
			b.Logf("%s, %d requests, %d at once: %d MiB before, %d MiB after, %d MiB at most", s.name, s.requests, s.concurrent,
				before, after, most)
			b.ReportMetric(float64(most), "MiB")
			b.ReportMetric(0, "ns/op")
			if most > memoryBound {
				b.Errorf("%d MiB, want at most %d", most, memoryBound)
			}
			if a.Exited() {
				b.Error("the process ended")
			}
		})
	}
	b.Logf("the good tool of the hostile service answered %d of %d calls", hostile.good.Load(), hostile.asked.Load())
	if hostile.good.Load() < 1000 {
		b.Error("the good tool did not always work")
	}
}

// post makes n requests, some at once, and fails unless all are answered with the status.
func (a *agentProcess) post(b *testing.B, body []byte, concurrent, n, status int) {
	var wg sync.WaitGroup
	for range concurrent {
		wg.Go(func() {
			for range n / concurrent {
				resp, err := a.client.Post(a.url, "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				answer, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != status {
					b.Errorf("status %d, want %d: %.300s", resp.StatusCode, status, answer)
					return
				}
			}
		})
	}
	wg.Wait()
}

// largestBody is a valid request of 256 KiB: a task of the largest length, each letter spelled as an escape, and blanks.
func largestBody() []byte {
	body := []byte(`{"task":"` + strings.Repeat(`\u0061`, 32768) + `"`)
	return append(append(body, bytes.Repeat([]byte(" "), 256<<10-1-len(body))...), '}')
}

func modelSays(parts string) string {
	return `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[` + parts + `]}}],` +
		`"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},"modelVersion":"gemini-3.8-flash"}`
}

// callsEverything is a model that calls each tool of the hostile service once, and then answers.
func callsEverything(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if bytes.Contains(body, []byte("functionResponse")) || !bytes.Contains(body, []byte(`"name":"good"`)) {
		_, _ = io.WriteString(w, modelSays(`{"text":"done","thoughtSignature":"c2ln"}`))
		return
	}
	var calls []string
	for _, name := range []string{"good", "parts", "doubled", "pattern", "large", "nonsense"} {
		calls = append(calls, `{"functionCall":{"name":"`+name+`","args":{"a":"x"}},"thoughtSignature":"c2ln"}`)
	}
	_, _ = io.WriteString(w, modelSays(strings.Join(calls, ",")))
}

// hostileService is an MCP server whose tools are endless, exponential, huge and odd, but for one.
type hostileService struct {
	huge        []byte
	asked, good atomic.Int64
}

func (s *hostileService) tools() string {
	var doubled strings.Builder
	for i := range 60 {
		fmt.Fprintf(&doubled, `"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	return `[{"name":"good","inputSchema":{"type":"object"}},{"name":"large"},{"name":"parts"},{"name":"nonsense"},7,null,
		{"name":"self","inputSchema":{"type":"object","$ref":"#"}},
		{"name":"mutual","inputSchema":{"type":"object","$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}},
		{"name":"dynamic","inputSchema":{"type":"object","properties":{"a":{}},"$dynamicRef":"#"}},
		{"name":"pattern","inputSchema":{"type":"object","properties":{"a":{"type":"string","pattern":"^(?!y).*$"}}}},
		{"name":"doubled","inputSchema":{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + doubled.String() + `"d60":{}}}}]`
}

func (s *hostileService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID     json.RawMessage
		Method string
		Params struct{ Name, Cursor string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := func(result string) { _, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, in.ID, result) }
	switch in.Method {
	case "initialize":
		answer(`{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"hostile","version":"1"}}`)
	case "tools/list":
		answer(`{"tools":` + s.tools() + `,"nextCursor":"` + in.Params.Cursor + `x"}`) // without end
	case "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
	case "tools/call":
		switch in.Params.Name {
		case "large":
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":"`, in.ID)
			_, _ = w.Write(s.huge)
		case "parts":
			answer(`{"content":[{"type":"x"},null,{"type":"image","data":"_"},{"type":"text","text":7}],"structuredContent":{"id":1e400}}`)
		case "nonsense":
			_, _ = io.WriteString(w, "data: nonsense\n\n")
		case "good":
			s.asked.Add(1)
			answer(`{"content":[{"type":"text","text":"good"}]}`)
			s.good.Add(1)
		default:
			answer(`{"content":[]}`)
		}
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}
