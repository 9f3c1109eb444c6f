package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/tracingtest"
)

// number is an integer attribute of a span, -1 when absent.
func number(s sdktrace.ReadOnlySpan, key attribute.Key) int64 {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.AsInt64()
		}
	}
	return -1
}

// Each turn is a trace of its own, and its task links back to that of the turn before.
func TestTheTurnsOfASessionAreLinked(t *testing.T) {
	t.Parallel()
	s := start(t, setup{script: []geminisim.Reply{
		geminisim.Text("One."), use("calculate", "expression", "1+1"), geminisim.Text("Two."), geminisim.Text("Three."),
	}})
	var tasks []sdktrace.ReadOnlySpan
	var last answer
	for range 3 {
		last = s.do(say("Count")).want(t, 200)
		tasks = append(tasks, last.span(t, "agent.task"))
	}
	if links := tasks[0].Links(); len(links) != 0 {
		t.Errorf("the first turn links to %v", links)
	}
	for i, span := range tasks {
		if got := number(span, "agent.session.turn"); got != int64(i+1) {
			t.Errorf("turn %d says it is %d", i+1, got)
		}
		if i == 0 {
			continue
		}
		before := tasks[i-1].SpanContext()
		links := span.Links()
		if len(links) != 1 || links[0].SpanContext.TraceID() != before.TraceID() || links[0].SpanContext.SpanID() != before.SpanID() {
			t.Errorf("turn %d links to %v, want %s in %s", i+1, links, before.SpanID(), before.TraceID())
		}
		if span.SpanContext().TraceID() == before.TraceID() {
			t.Errorf("turns %d and %d are one trace", i, i+1)
		}
	}
	tracingtest.Golden(t, "testdata/traces/third_turn.golden", tracingtest.Tree(s.invocation(
		last.header.Get("X-Trace-ID"), last.header.Get("X-Correlation-ID")), tracingtest.TreeConfig{Omit: []string{"http.*", "url.*", "network.*", "server.*"}}))
}

// contents are those of a request, as they went over the wire.
func contents(t *testing.T, r geminisim.Request) []json.RawMessage {
	t.Helper()
	var body struct {
		Contents []json.RawMessage `json:"contents"`
	}
	if err := json.Unmarshal(r.Raw, &body); err != nil {
		t.Fatal(err)
	}
	return body.Contents
}

// The model is told what was said byte for byte, of whole turns, the newest ones that fit.
func TestALongConversationKeepsItsNewestTurnsByteForByte(t *testing.T) {
	t.Parallel()
	const turns, window = 60, 50
	s := start(t, setup{sim: geminisim.Config{SignedHistory: true}})
	var said [][]json.RawMessage // by turn: what was new in its last request
	var last answer
	for n := range turns {
		s.sim.Script(use("calculate", "expression", fmt.Sprintf("%d+1", n)), geminisim.Text(fmt.Sprintf("Answer %d", n+1)))
		last = s.do(say(fmt.Sprintf("Task %d", n+1))).want(t, 200)
		requests := s.sim.Requests()
		got := contents(t, requests[len(requests)-1])

		var want []json.RawMessage
		for _, turn := range said[max(0, n-window):] {
			want = append(want, turn...)
		}
		for i, w := range want {
			// What a turn begins with was sent before; its answer comes back with what the model had signed.
			if i >= len(got) || w != nil && !bytes.Equal(got[i], w) {
				t.Fatalf("turn %d: content %d differs", n+1, i+1)
			}
		}
		if len(got) != len(want)+3 {
			t.Fatalf("turn %d: %d contents, want %d", n+1, len(got), len(want)+3)
		}
		said = append(said, append(got[len(want):], nil)) // nil: the answer, which is not known here
	}
	span := last.span(t, "agent.task")
	if dropped := number(span, "agent.session.turns_dropped"); dropped != turns-window-1 {
		t.Errorf("turns_dropped is %d", dropped)
	}
	if read := last.span(t, "memory.read"); number(read, "gen_ai.memory.record.count") != window {
		t.Errorf("%d turns were read", number(read, "gen_ai.memory.record.count"))
	}
}

// SESSION_MAX_TOKENS and SESSION_MAX_TURNS bound what the model is told.
func TestTheWindowOfASession(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  map[string]string
		want int // contents of the fourth request
	}{
		{"default", nil, 7},
		{"turns", map[string]string{"SESSION_MAX_TURNS": "2"}, 5},
		{"tokens", map[string]string{"SESSION_MAX_TOKENS": "1"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, setup{env: tt.env})
			for range 4 {
				s.do(say("Hello there, how are you?")).want(t, 200)
			}
			if got := prompt(s); len(got) != tt.want {
				t.Errorf("the model was asked %q", got)
			}
		})
	}
}
