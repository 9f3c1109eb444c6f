package systemtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing"
)

const (
	streamWords = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
	streamFirst = "one two three four five six "
)

// streams is c for a stream.
func (c call) streams() call { return c.with("Accept", "text/event-stream") }

// streamed is a stream as it has been read.
type streamed struct {
	header http.Header
	names  string // of the events, with a space between
	text   string // of the deltas
	last   remote.Event
	traced string // the trailer
}

// read reads a stream to its end; seen, where it is set, gets each event when it is there.
func (s *system) read(c call, seen func(e remote.Event)) (streamed, error) {
	res, err := s.client.Do(c.streams().request(s))
	if err != nil {
		return streamed{}, err
	}
	return readStream(res, seen)
}

func readStream(res *http.Response, seen func(e remote.Event)) (got streamed, err error) {
	defer res.Body.Close()
	got = streamed{header: res.Header}
	var text strings.Builder
	defer func() { got.text = text.String() }()
	if ct := res.Header.Get("Content-Type"); res.StatusCode != 200 || ct != "text/event-stream" {
		return got, fmt.Errorf("status %d, %s", res.StatusCode, ct)
	}
	for e, err := range remote.Events(res.Body, 64<<20) {
		if err != nil {
			return got, err
		}
		got.last, got.names = e, strings.TrimSpace(got.names+" "+e.Name)
		if e.Name == "delta" {
			var delta struct{ Text string }
			if err := json.Unmarshal(e.Data, &delta); err != nil {
				return got, err
			}
			text.WriteString(delta.Text)
		}
		if seen != nil {
			seen(e)
		}
	}
	got.traced = res.Trailer.Get("Traceresponse")
	return got, nil
}

// Text arrives while the model is still talking: it goes on only when the client has its first words.
func TestTextArrivesWhileTheModelTalks(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords).Paced(func(chunk int) {
		if chunk == 1 {
			<-heard
		}
	})}})
	var once sync.Once
	got, err := s.read(task("Count"), func(e remote.Event) {
		if e.Name == "delta" {
			once.Do(func() {
				if !strings.Contains(string(e.Data), `"text":"`+streamFirst+`"`) {
					t.Errorf("the first text is %s", e.Data)
				}
				close(heard)
			})
		}
	})
	if err != nil || got.names != "start delta delta delta answer" || got.text != streamWords {
		t.Fatalf("%+v, %v", got, err)
	}
	var answer struct{ Response string }
	if json.Unmarshal(got.last.Data, &answer) != nil || answer.Response != streamWords {
		t.Errorf("answer %s", got.last.Data)
	}
}

// gate is a backend that takes nothing until it is opened.
type gate struct {
	sdktrace.SpanExporter
	reached, open chan struct{}
	once          sync.Once
}

func (g *gate) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	g.once.Do(func() { close(g.reached) })
	<-g.open
	return g.SpanExporter.ExportSpans(ctx, spans)
}

// All text is with the client before the flush ends, and the last event comes when the trace is safe, with a trailer that
// says that it was kept.
func TestTheLastEventWaitsForTheTrace(t *testing.T) {
	t.Parallel()
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords)}, tracing: func(tc *tracing.Config) {
		g.SpanExporter = tc.Exporters[0]
		tc.Exporters[0] = g
	}})
	read, opened := "", false
	got, err := s.read(task("Count"), func(e remote.Event) {
		switch e.Name {
		case "delta":
			var delta struct{ Text string }
			_ = json.Unmarshal(e.Data, &delta)
			if read += delta.Text; read == streamWords { // all of it is here, and the backend has nothing yet
				<-g.reached
				opened = true
				close(g.open)
			}
		case "answer":
			if !opened {
				t.Error("the answer is here before the trace")
			}
		}
	})
	if err != nil || !strings.HasSuffix(got.names, "delta answer") {
		t.Fatalf("%+v, %v", got, err)
	}
	spans := s.invocation(got.header.Get("X-Trace-ID"), got.header.Get("X-Correlation-ID"))
	s.checkWhole(spans)
	if want := "00-" + got.header.Get("X-Trace-ID"); len(spans) != 4 || !strings.HasPrefix(got.traced, want) || !strings.HasSuffix(got.traced, "-01") {
		t.Errorf("%d spans, trailer %q", len(spans), got.traced)
	}
}

// 1,000 streams, 64 at once, whose clients leave at any time: each has its whole trace, and nothing is left running (main_test.go).
func TestAThousandStreamsLoseNoSpan(t *testing.T) {
	requests := 1000
	if testing.Short() {
		requests = 100
	}
	s := start(t, setup{sim: geminisim.Config{WordTime: time.Millisecond}})
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	jobs := make(chan int)
	var clients sync.WaitGroup
	for range 64 {
		clients.Go(func() {
			for i := range jobs {
				random := rand.New(rand.NewPCG(1, uint64(i)))
				leave := random.IntN(12) // events, of about 8
				ctx, cancel := context.WithCancel(t.Context())
				id := fmt.Sprintf("stream-%d", i)
				req := task("Calculate 12*7 and tell me what time it is").streams().with("X-Correlation-ID", id).request(s).WithContext(ctx)
				if res, err := s.client.Do(req); err == nil {
					for e, err := range remote.Events(res.Body, 1<<20) {
						if leave--; leave <= 0 || err != nil || e.Name == "" {
							cancel()
							break
						}
					}
					res.Body.Close()
				}
				cancel()
			}
		})
	}
	for i := range requests {
		jobs <- i
	}
	close(jobs)
	clients.Wait()
	s.serving.Wait()
	if err := s.app.Tracing().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	byID := map[string][]sdktrace.ReadOnlySpan{}
	for _, span := range s.rec.Spans() {
		id := text(span, "correlation.id")
		byID[id] = append(byID[id], span)
	}
	left := 0
	for i := range requests {
		spans := byID[fmt.Sprintf("stream-%d", i)]
		s.checkWhole(spans)
		for _, span := range spans {
			if span.Name() == "agent.task" && text(span, "error.type") == "canceled" {
				left++
			}
		}
	}
	stats := s.app.Tracing().Stats()
	t.Logf("%d streams, %d of them left early, %d spans, %d lost, %d dropped", requests, left, len(s.rec.Spans()), stats.Lost, stats.Dropped)
	if stats.Lost != 0 || stats.Dropped != 0 || left == 0 || left == requests {
		t.Error("not what was to be shown")
	}
}

// A client that leaves ends the model's stream too, and the spans have the tokens so far.
func TestTraceOfALeftStream(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords).Paced(func(chunk int) {
		if chunk == 1 {
			<-gone
		}
	}).StallAfter(1200)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := s.client.Do(task("Count").streams().request(s).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for e := range remote.Events(res.Body, 1<<20) {
		if e.Name == "delta" {
			cancel()
			close(gone)
		}
	}
	s.serving.Wait()
	a := answer{spans: s.invocation(res.Header.Get("X-Trace-ID"), res.Header.Get("X-Correlation-ID"))}
	s.checkWhole(a.spans)
	for _, name := range []string{"agent.task", "llm.generate"} {
		attrs := fmt.Sprint(a.span(t, name).Attributes())
		if !strings.Contains(attrs, `"error.type":"canceled"`) || !regexp.MustCompile(`"gen_ai.usage.output_tokens":[1-9]`).MatchString(attrs) {
			t.Errorf("%s: %s", name, attrs)
		}
	}
	if records := s.log.records(t); len(records) != 1 || !strings.Contains(fmt.Sprint(records[0]), "499") {
		t.Errorf("log: %v", records)
	}
}

// What fails before the run is a plain problem; what fails in it is the last event. The log line says the status in both.
func TestFailedStreams(t *testing.T) {
	t.Parallel()
	const failed = "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n"
	const begun = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Once\"}]}}]}\n\n"
	s := start(t, setup{script: []geminisim.Reply{geminisim.Raw(200, "text/event-stream", begun+failed)}})
	a := s.do(call{body: `{"task":""}`}.streams()).want(t, 400)
	checkProblem(t, a, "task is empty", "task")
	got, err := s.read(task("Go"), nil)
	var problem struct {
		Status  int
		Detail  string
		TraceID string `json:"trace_id"`
	}
	if err != nil || got.names != "start delta error" || json.Unmarshal(got.last.Data, &problem) != nil || problem.Status != 502 ||
		problem.TraceID != got.header.Get("X-Trace-ID") || problem.Detail == "" {
		t.Fatalf("%+v %s, %v", got, got.last.Data, err)
	}
	records := s.log.records(t)
	if last := fmt.Sprint(records[len(records)-1]); !strings.Contains(last, "502") || !strings.Contains(last, "severity:ERROR") {
		t.Errorf("log: %s", last)
	}
}

// HTTP/1.0 knows no streams: it gets the whole answer.
func TestHTTP10GetsThePlainAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords)}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = `{"task":"Count"}`
	fmt.Fprintf(conn, "POST %s HTTP/1.0\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: %d\r\n\r\n%s", executePath, len(body), body)
	raw, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(raw), "Content-Type: application/json\r\n") || !strings.Contains(string(raw), streamWords) {
		t.Errorf("%s, %v", raw, err)
	}
}

// A mesh of agents: delegate passes on what the sub-agent says while it says it.
func TestDelegatePassesTheStreamOn(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	sub := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords).Paced(func(chunk int) {
		if chunk == 1 {
			<-heard
		}
	})}})
	s := start(t, setup{env: map[string]string{"SUB_AGENT_URL": sub.url}})
	delegate := task("Count")
	delegate.path = delegatePath
	var once sync.Once
	got, err := s.read(delegate, func(e remote.Event) {
		if e.Name == "delta" {
			once.Do(func() { close(heard) })
		}
	})
	if err != nil || got.names != "start delta delta delta answer" || got.text != streamWords || !strings.Contains(string(got.last.Data), streamWords) {
		t.Fatalf("%+v, %v", got, err)
	}
	id := got.header.Get("X-Trace-ID")
	for name, spans := range map[string][]sdktrace.ReadOnlySpan{
		"agent": s.invocation(id, got.header.Get("X-Correlation-ID")), "sub-agent": sub.invocation(id, got.header.Get("X-Correlation-ID")),
	} {
		if s.checkWhole(spans); len(spans) < 3 {
			t.Errorf("%d spans of the %s", len(spans), name)
		}
	}
	delegate.body = `{"task":"Count","max_steps":0}`
	s.do(delegate.streams()).want(t, 400)
}

// Behind the platform's front end the words of a sub-agent arrive while its model talks, and the trace is one.
func TestMeshStreamsBehindThePlatform(t *testing.T) {
	m := startMesh(t, meshConfig{front: meshPlatform(t)})
	heard := make(chan struct{})
	m.gemini.Script(geminisim.Text(streamWords).Paced(func(chunk int) {
		if chunk == 1 {
			<-heard
		}
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.agent.url+delegatePath, strings.NewReader(`{"task":"Count"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	got, err := readStream(res, func(e remote.Event) {
		if e.Name == "delta" {
			once.Do(func() { close(heard) })
		}
	})
	if err != nil || got.names != "start delta delta delta answer" || got.text != streamWords || got.traced == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	traces := map[string]bool{}
	spans := m.spans()
	for _, span := range spans {
		traces[span.SpanContext().TraceID().String()] = true
	}
	if len(traces) != 1 || len(spans) < 7 {
		t.Errorf("%d spans in the traces %v", len(spans), traces)
	}
}

// A long answer is kept once or a few times, and not once for each of its pieces.
func TestMemoryOfALongStream(t *testing.T) {
	const size = 10 << 20
	long := strings.Repeat(strings.Repeat("x", 1023)+" ", size>>10)
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(long)}})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	length, peak, n := 0, uint64(0), 0
	_, err := s.read(task("Tell me everything"), func(e remote.Event) {
		if n++; n%200 == 0 {
			runtime.ReadMemStats(&after)
			peak = max(peak, after.HeapAlloc)
		}
		length += len(e.Data)
	})
	runtime.ReadMemStats(&after)
	total := after.TotalAlloc - before.TotalAlloc
	t.Logf("10 MiB in %d events: %d MiB allocated in all, at most %d MiB at a time, by service, model and client together", n, total>>20, peak>>20)
	if err != nil || length < 2*size {
		t.Errorf("read %d bytes, %v", length, err)
	}
	if total > 64*size {
		t.Errorf("%d MiB were allocated", total>>20)
	}
}

// python reads a stream as Python's standard library does.
const python = `
import http.client, json, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
conn = http.client.HTTPConnection(url.netloc)
conn.request("POST", url.path, json.dumps({"task": "Count"}), {"Content-Type": "application/json", "Accept": "text/event-stream"})
answer = conn.getresponse()
event, text = "", ""
for line in answer:
    line = line.decode().rstrip("\n")
    if line.startswith("event: "):
        event = line[7:]
    elif line.startswith("data: "):
        data = json.loads(line[6:])
        if event == "delta":
            text += data["text"]
        elif event == "answer":
            print(json.dumps([answer.status, text, data["response"]]))
`

func TestPythonReadsAStream(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	s := start(t, setup{script: []geminisim.Reply{geminisim.Text(streamWords + " 🎉")}})
	out, err := exec.CommandContext(t.Context(), path, "-c", python, s.url+executePath).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Log(string(exit.Stderr))
		}
		t.Fatal(err)
	}
	want, _ := json.Marshal([]any{200, streamWords + " 🎉", streamWords + " 🎉"})
	var got, wanted any
	if json.Unmarshal(out, &got) != nil || json.Unmarshal(want, &wanted) != nil || fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Errorf("got %s, want %s", out, want)
	}
}
