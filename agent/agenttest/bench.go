package agenttest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

// Bench is where one test runs an agent. It records all spans and log lines. Its methods are for the test's goroutine.
type Bench struct {
	tb     testing.TB
	env    map[string]string
	rec    *tracingtest.Recorder
	log    *logText
	client *http.Client
	sent   []agent.Request
}

// New returns a bench with an empty environment.
func New(tb testing.TB) *Bench {
	rec := tracingtest.NewRecorder()
	connections := &http.Transport{}
	tb.Cleanup(connections.CloseIdleConnections)
	traced := httptrace.New(rec, propagation.TraceContext{}, httptrace.Config{})
	return &Bench{
		tb: tb, env: map[string]string{}, rec: rec, log: new(logText),
		client: &http.Client{Transport: traced.Transport(connections, httptrace.TransportConfig{Propagate: true})},
	}
}

// Setenv sets a variable of the environment that the bench's tools read. The process's is left alone.
func (b *Bench) Setenv(name, value string) { b.env[name] = value }

// Kit is what the tools are made with, as in the deployed function: a client with spans, a tracer, a logger and the
// environment of the bench.
func (b *Bench) Kit() agent.Toolkit {
	return agent.Toolkit{
		HTTP:   b.client,
		Tracer: b.rec.Tracer("tools"),
		Logger: b.logger(),
		Getenv: func(name string) string { return b.env[name] },
	}
}

// Service starts a fake service on this machine, which ends with the test, and returns its address.
func (b *Bench) Service(h http.Handler) string {
	server := httptest.NewServer(h)
	b.tb.Cleanup(server.Close)
	return server.URL
}

// JSON is a service that always answers this.
func JSON(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// Run does the task with an agent of cfg whose model follows the script, and returns the result. The test fails when the
// run does, or when replies are left over. Tracer and Logger of cfg are the bench's.
func (b *Bench) Run(cfg agent.Config, task string, script ...*agent.Reply) *agent.Result {
	b.tb.Helper()
	return b.RunTask(cfg, agent.Task{Text: task, UserID: "tester", Type: "general"}, script...)
}

// RunTask is Run for a task with more to it than a text.
func (b *Bench) RunTask(cfg agent.Config, task agent.Task, script ...*agent.Reply) *agent.Result {
	b.tb.Helper()
	cfg.Tracer, cfg.Logger = agenttrace.New(b.rec, agenttrace.Config{}), b.logger()
	model := NewModel(script...)
	res, err := agent.New(model, cfg).Run(b.tb.Context(), task)
	b.sent = append(b.sent, model.Sent()...)
	if err != nil {
		b.tb.Fatalf("the run failed: %v", err)
	}
	if n := model.Pending(); n > 0 {
		b.tb.Errorf("%d replies of the script were not asked for", n)
	}
	return res
}

// Sent is what the model was asked in all runs, in order.
func (b *Bench) Sent() []agent.Request { return b.sent }

// Results are what the model got of the tools it called, in order, as JSON; of a call that failed {"error": …}.
func (b *Bench) Results() []string {
	var list []string
	for i, req := range b.sent {
		if last := req.Turns[len(req.Turns)-1]; i > 0 && last.Results != nil {
			for _, res := range last.Results {
				if res.Error != "" {
					list = append(list, fmt.Sprintf(`{"error":%q}`, res.Error))
				} else {
					list = append(list, string(res.Output))
				}
			}
		}
	}
	return list
}

// Spans are the finished spans.
func (b *Bench) Spans() []sdktrace.ReadOnlySpan { return b.rec.Spans() }

// Tree is the spans as text, without what differs from run to run.
func (b *Bench) Tree() string {
	return tracingtest.Tree(b.Spans(), tracingtest.TreeConfig{Present: []string{"gen_ai.usage.*", "llm.input_tokens", "llm.output_tokens"}})
}

// Golden compares Tree with the file at path. With UPDATE_GOLDEN=1 in the environment it writes the file.
func (b *Bench) Golden(path string) {
	b.tb.Helper()
	tracingtest.Golden(b.tb, path, b.Tree())
}

// Log is what was logged.
func (b *Bench) Log() string { return b.log.String() }

// Hides fails the test when a secret is on a span, in the log, or in what the model was told of results.
func (b *Bench) Hides(secret string) {
	b.tb.Helper()
	var spans strings.Builder
	for _, s := range b.Spans() {
		fmt.Fprintln(&spans, s.Name(), s.Status().Description, s.Attributes(), s.Events())
	}
	for where, text := range map[string]string{
		"on a span": spans.String(), "in the log": b.Log(), "in what the model got": strings.Join(b.Results(), "\n"),
	} {
		if strings.Contains(text, secret) {
			b.tb.Errorf("%q is %s:\n%s", secret, where, text)
		}
	}
}

func (b *Bench) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b.log, nil)) }

// logText is what several goroutines log.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
