package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/agent/session"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/tracingtest"
)

const (
	executePath  = "/api/v1/agent/execute"
	delegatePath = "/api/v1/agent/delegate"
)

// patience is how long tests wait for what other goroutines have to do. It passes only when they do not.
const patience = 30 * time.Second

// testKey is the API key of every system under test: it must not come out anywhere.
const testKey = "AIzaTESTKEY-5f1d7c2b9e8a4d3c6b0f1e2d3c4"

// setup says what a system under test differs in from the default: the built-in tools, a model that plays by itself,
// everything sampled, and one exporter that remembers the spans.
type setup struct {
	env     map[string]string // "-" unsets
	tools   []agent.Tool
	model   agent.Model // instead of Gemini
	store   session.Store
	timeout *timeout // of every request
	sim     geminisim.Config
	script  []geminisim.Reply
	tracing func(*tracing.Config)
}

// system is an App behind a real HTTP server, with a simulated Gemini behind another. The spans take the way they take
// in production: sampler, pipeline, flush.
type system struct {
	tb      testing.TB
	app     *function.App
	sim     *geminisim.Server
	simURL  string
	url     string
	rec     *tracingtest.Recorder
	log     *lines // of the app
	stdlog  *lines // of net/http
	client  *http.Client
	serving sync.WaitGroup
	entered chan struct{} // gets one value for the first request
}

func start(tb testing.TB, cfg setup) *system {
	tb.Helper()
	s := &system{
		tb: tb, sim: geminisim.New(cfg.sim), rec: tracingtest.NewRecorder(), log: new(lines), stdlog: new(lines),
		entered: make(chan struct{}, 1),
		client:  &http.Client{Transport: &http.Transport{}},
	}
	s.sim.Script(cfg.script...)
	gemini := httptest.NewServer(s.sim)
	s.simURL = gemini.URL
	env := map[string]string{
		"ENVIRONMENT": "development", "OTEL_TRACES_EXPORTER": "none",
		"GEMINI_API_KEY": testKey, "GOOGLE_GEMINI_BASE_URL": gemini.URL, "GOOGLE_VERTEX_BASE_URL": gemini.URL,
	}
	maps.Copy(env, cfg.env)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "-" })
	s.app = function.New(tb.Context(), function.Config{
		Getenv: func(name string) string { return env[name] }, LogWriter: s.log, Tools: cfg.tools, Model: cfg.model, Sessions: cfg.store,
		Tracing: func(tc *tracing.Config) {
			if env["TRACE_FLUSH_TIMEOUT"] == "" {
				tc.Pipeline.FlushTimeout = patience
			}
			tc.Exporters = append(tc.Exporters, s.rec.Exporter())
			if cfg.tracing != nil {
				cfg.tracing(tc)
			}
		},
	})
	app := cfg.timeout.before(s.app)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serving.Add(1)
		defer s.serving.Done()
		select {
		case s.entered <- struct{}{}:
		default:
		}
		app.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(s.stdlog, "", 0)
	server.Start()
	s.url = server.URL
	tb.Cleanup(func() {
		s.client.CloseIdleConnections()
		server.Close()
		gemini.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		_ = s.app.Shutdown(ctx) // an error is a dead backend, which is some tests' purpose
	})
	return s
}

// call is one request. The zero value, with a body, executes it as a task.
type call struct {
	method, path string // default POST, the execute path
	contentType  string // default application/json; "-": none
	header       map[string]string
	body         string
	reader       io.Reader // instead of body
}

// task is a call that executes a task.
func task(text string) call {
	body, _ := json.Marshal(map[string]string{"task": text})
	return call{body: string(body)}
}

// with returns c with a further header.
func (c call) with(name, value string) call {
	c.header = maps.Clone(c.header)
	if c.header == nil {
		c.header = map[string]string{}
	}
	c.header[name] = value
	return c
}

func (c call) request(s *system) *http.Request {
	s.tb.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.path == "" {
		c.path = executePath
	}
	if c.reader == nil {
		c.reader = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(s.tb.Context(), c.method, s.url+c.path, c.reader)
	if err != nil {
		s.tb.Fatal(err)
	}
	if c.contentType == "" {
		c.contentType = "application/json"
	}
	if c.contentType != "-" {
		req.Header.Set("Content-Type", c.contentType)
	}
	for name, value := range c.header {
		req.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return req
}

// answer is what came back, with the trace as it stood at the exporter when the last byte had been read.
type answer struct {
	status int
	header http.Header
	body   []byte
	spans  []sdktrace.ReadOnlySpan
}

// do makes a call and checks what holds for every answer: its trace is whole and at the exporter already, and
// conforms.
func (s *system) do(c call) answer {
	s.tb.Helper()
	res, err := s.client.Do(c.request(s))
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: body}
	a.spans = s.invocation(res.Header.Get("X-Trace-ID"), res.Header.Get("X-Correlation-ID"))
	s.checkWhole(a.spans)
	if c.path != delegatePath { // tests have sub-agents that answer all kinds of things, which come back as they are
		checkAnswer(s.tb, res.Request, res, body)
	}
	return a
}

// invocation returns the spans of one request. Several may share a trace id; the correlation id tells them apart.
func (s *system) invocation(traceID, correlationID string) []sdktrace.ReadOnlySpan {
	var spans []sdktrace.ReadOnlySpan
	for _, span := range s.rec.Spans() {
		if span.SpanContext().TraceID().String() == traceID && text(span, "correlation.id") == correlationID {
			spans = append(spans, span)
		}
	}
	return spans
}

// checkWhole fails the test unless spans are one invocation without a missing parent, and conform to the conventions.
func (s *system) checkWhole(spans []sdktrace.ReadOnlySpan) {
	s.tb.Helper()
	ids := map[trace.SpanID]bool{}
	for _, span := range spans {
		ids[span.SpanContext().SpanID()] = true
	}
	roots := 0
	for _, span := range spans {
		parent := span.Parent()
		switch {
		case !parent.IsValid(), parent.IsRemote():
			roots++
			if span.SpanKind() != trace.SpanKindServer {
				s.tb.Errorf("the local root is %s [%s]", span.Name(), span.SpanKind())
			}
		case !ids[parent.SpanID()]:
			s.tb.Errorf("the parent of %s is not at the exporter", span.Name())
		}
		if !span.SpanContext().IsSampled() {
			s.tb.Errorf("%s is not marked as sampled", span.Name())
		}
		if bare(span.SpanKind(), span.Name(), text(span, "http.request.method")) {
			s.tb.Errorf("a request is named %s, by its method alone: %s", span.Name(), text(span, "url.full"))
		}
	}
	if roots != 1 {
		s.tb.Errorf("the trace has %d local roots at the exporter, want 1:\n%s", roots,
			tracingtest.Tree(s.rec.Spans(), tracingtest.TreeConfig{NoValues: true}))
	}
	for _, violation := range tracingtest.Conformance(spans) {
		s.tb.Error(violation)
	}
}

// fields decodes the answer as a JSON object.
func (a answer) fields(tb testing.TB) map[string]any {
	tb.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		tb.Fatalf("status %d, body %q: %v", a.status, a.body, err)
	}
	return m
}

// want fails the test at once unless the answer has this status.
func (a answer) want(tb testing.TB, status int) answer {
	tb.Helper()
	if a.status != status {
		tb.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// span returns the only span of a name.
func (a answer) span(tb testing.TB, name string) sdktrace.ReadOnlySpan {
	tb.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, s := range a.spans {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%d spans are named %s, want 1", len(found), name)
	}
	return found[0]
}

// text is a string attribute of a span, "" when absent.
func text(s sdktrace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// lines is a log that tests read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// records decodes the log, one JSON object a line.
func (l *lines) records(tb testing.TB) []map[string]any {
	tb.Helper()
	var records []map[string]any
	for line := range strings.Lines(l.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			tb.Fatalf("log line %q: %v", line, err)
		}
		records = append(records, r)
	}
	return records
}

// use asks for a call of one tool; pairs are argument names and values.
func use(name string, pairs ...any) geminisim.Reply {
	return geminisim.Calls(useCall(name, pairs...))
}

// hangs is a model that does something when it is asked, and then does not answer.
func hangs(do func()) geminisim.Reply {
	return geminisim.Dynamic(func(geminisim.Request) geminisim.Reply {
		do()
		return geminisim.Hang()
	})
}

func useCall(name string, pairs ...any) geminisim.Call {
	args := map[string]any{}
	for pair := range slices.Chunk(pairs, 2) {
		args[pair[0].(string)] = pair[1]
	}
	return geminisim.Call{Name: name, ID: "call-" + name, Args: args}
}

// output is everything that leaves the system: the answer, the spans with all they hold, and the logs.
func (s *system) output(a answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "== answer\n%v\n%s\n== spans\n", a.header, a.body)
	for _, span := range s.rec.Spans() {
		status := span.Status()
		fmt.Fprintf(&b, "%s %s %q %s\n", span.Name(), status.Code, status.Description, span.SpanContext().TraceState())
		for _, attr := range span.Attributes() {
			fmt.Fprintf(&b, "  %s=%s\n", attr.Key, attr.Value.String())
		}
		for _, event := range span.Events() {
			fmt.Fprintf(&b, "  * %s\n", event.Name)
			for _, attr := range event.Attributes {
				fmt.Fprintf(&b, "    %s=%s\n", attr.Key, attr.Value.String())
			}
		}
		for _, attr := range span.Resource().Attributes() {
			fmt.Fprintf(&b, "  resource %s=%s\n", attr.Key, attr.Value.String())
		}
		for _, link := range span.Links() {
			fmt.Fprintf(&b, "  link %v\n", link)
		}
	}
	fmt.Fprintf(&b, "== log\n%s== net/http\n%s", s.log, s.stdlog)
	return b.String()
}
