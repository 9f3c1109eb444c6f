package systemtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/deploycheck/logquery"
	"example.com/gemini-agent/tracing"
)

// day is what a deployment leaves behind of an eventful day: an agent in two versions and a sub-agent, with production
// settings. Tests of charts, alerts and docs/operations.md ask about it.
type day struct {
	entries []map[string]any // as Cloud Logging stores them
	spans   []sdktrace.ReadOnlySpan
	answers []dayAnswer
	cost    float64 // of all tasks, as their answers and the failed ones' lines say
}

// dayAnswer is one request and what came back.
type dayAnswer struct {
	user, session, traceID string
	status                 int
	body                   map[string]any
}

// plainTasks is so many that one in ten of them being kept leaves some, for any practical purpose.
const plainTasks = 150

// usual is what every reply of the day uses.
var usual = geminisim.Usage{Prompt: 1000, Candidates: 80, Thoughts: 20, Cached: 400}

// ask sends a task, and keeps the answer.
func (d *day) ask(s *system, path, user, session string, replies ...geminisim.Reply) dayAnswer {
	s.tb.Helper()
	for _, r := range replies {
		s.sim.Script(r.WithUsage(usual))
	}
	body, _ := json.Marshal(map[string]string{"task": "Do it.", "user_id": user, "session_id": session})
	return d.send(s, call{path: path, body: string(body)}, user, session)
}

func (d *day) send(s *system, c call, user, session string) dayAnswer {
	s.tb.Helper()
	res, err := s.client.Do(c.request(s))
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	a := dayAnswer{user: user, session: session, traceID: res.Header.Get("X-Trace-ID"), status: res.StatusCode}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		s.tb.Fatalf("%s: %v", raw, err)
	}
	d.answers = append(d.answers, a)
	return a
}

// live lets the day happen.
func live(t *testing.T) *day {
	t.Helper()
	d := new(day)
	production := func(service, version string, more map[string]string) setup {
		env := map[string]string{
			"ENVIRONMENT": "production", "OTEL_SERVICE_NAME": service, "APP_VERSION": version, "GOOGLE_CLOUD_PROJECT": "my-project",
		}
		maps.Copy(env, more)
		return setup{env: env}
	}
	research := start(t, production("gemini-agent-research", "1.0", nil))
	first := production("gemini-agent", "1.0", map[string]string{"SUB_AGENT_URL": research.url})
	first.tracing = func(tc *tracing.Config) { tc.Exporters = append(tc.Exporters, new(shakyExporter)) }
	one := start(t, first)

	for range plainTasks {
		d.ask(one, executePath, "ann", "", geminisim.Text("Done."))
	}
	calculate := func(expression string) geminisim.Reply { return use("calculate", "expression", expression) }
	d.ask(one, executePath, "bob", "trip", calculate("2+2"), geminisim.Text("Four."))
	d.ask(one, executePath, "bob", "trip", calculate("1/0"), geminisim.Text("That cannot be divided."))
	d.ask(one, executePath, "bob", "trip", geminisim.Blocked("SAFETY"))
	for range 3 {
		d.ask(one, executePath, "cid", "", geminisim.QuotaExceeded(2*time.Minute))
	}
	d.ask(one, executePath, "cid", "", geminisim.Error(503, "", "busy").RetryIn(time.Millisecond), calculate("1/0"), geminisim.Text("Not so."))
	d.ask(one, executePath, "cid", "", geminisim.Error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."))
	research.sim.Script(calculate("3/0").WithUsage(usual), geminisim.Text("Found.").WithUsage(usual))
	d.ask(one, delegatePath, "dan", "")
	if err := one.app.Tracing().Flush(t.Context()); err != nil { // what was refused once is sent again, and the next line says so
		t.Fatal(err)
	}
	d.send(one, call{body: `{"task":""}`}, "", "")
	d.send(one, call{path: "/nowhere", body: `{}`}, "", "")

	// The next version meets a trace backend that is away, with hardly a buffer.
	next := production("gemini-agent", "2.0", map[string]string{"TRACE_FLUSH_TIMEOUT": "100ms", "TRACE_BUFFER_SPANS": "3"})
	away := new(awayExporter)
	next.tracing = func(tc *tracing.Config) { tc.Exporters = append(tc.Exporters, away) }
	two := start(t, next)
	for range 3 {
		d.ask(two, executePath, "eve", "", calculate("1/0"), geminisim.Text("No."))
	}

	d.read(t, one, "gemini-agent", "gemini-agent-00001-abc")
	d.read(t, two, "gemini-agent", "gemini-agent-00002-def")
	d.read(t, research, "gemini-agent-research", "gemini-agent-research-00001-ghi")
	return d
}

// read takes a system's log and spans.
func (d *day) read(t *testing.T, s *system, service, revision string) {
	t.Helper()
	for line := range strings.Lines(s.log.String()) {
		entry, err := logquery.Entry([]byte(line), logquery.Resource{
			Project: "my-project", Location: "europe-west1", Service: service, Revision: revision,
		})
		if err != nil {
			t.Fatal(err)
		}
		if cost, ok := entry["jsonPayload"].(map[string]any)["cost_usd"].(float64); ok {
			d.cost += cost
		}
		d.entries = append(d.entries, entry)
	}
	d.spans = append(d.spans, s.rec.Spans()...)
}

// awayExporter is a trace backend that cannot be reached.
type awayExporter struct{}

func (*awayExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	return errors.New("connection refused")
}

func (*awayExporter) Shutdown(context.Context) error { return nil }

// shakyExporter is a trace backend that refuses once.
type shakyExporter struct{ refused atomic.Bool }

func (e *shakyExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	if e.refused.CompareAndSwap(false, true) {
		return errors.New("unavailable")
	}
	return nil
}

func (*shakyExporter) Shutdown(context.Context) error { return nil }

// found gives the entries that a filter finds.
func (d *day) found(t *testing.T, filter string) []map[string]any {
	t.Helper()
	q, err := logquery.Parse(filter)
	if err != nil {
		t.Fatalf("%v:\n%s", err, filter)
	}
	var found []map[string]any
	for _, e := range d.entries {
		if q.Match(e) {
			found = append(found, e)
		}
	}
	return found
}

// statuses counts the answers by status.
func (d *day) statuses() map[int]int {
	n := map[int]int{}
	for _, a := range d.answers {
		n[a.status]++
	}
	return n
}

// wantDay fails unless the day went as it was meant to.
func (d *day) want(t *testing.T) {
	t.Helper()
	want := map[int]int{
		http.StatusOK: plainTasks + 3 + 1 + 1 + 3, http.StatusTooManyRequests: 3, http.StatusBadGateway: 1,
		http.StatusBadRequest: 1, http.StatusNotFound: 1,
	}
	if got := d.statuses(); !maps.Equal(got, want) {
		t.Fatalf("statuses are %v, want %v", got, want)
	}
}
