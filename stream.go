package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/correlation"
	"example.com/gemini-agent/tracing/httptrace"
)

const (
	eventStreamType = "text/event-stream"

	// streamPulse is how often a stream shows that it lives: proxies close what has been silent for a minute.
	streamPulse = 15 * time.Second
	// streamPatience is how long a client may take nothing of what it is sent before it counts as gone.
	streamPatience = 20 * time.Second
)

// stream answers one request with server-sent events, as they happen:
//
//	start                      the run has begun; the header leaves with it
//	delta  step  tool …        what the model says, the tools it calls, and how they ended
//	answer | error             what a plain request gets: the answer, or the problem
//
// What fails before start is a plain problem with its status. The last event is written and not flushed: the tracing
// middleware lets it go when the trace is safe. A client that leaves, or takes nothing any more, ends the run.
type stream struct {
	w     http.ResponseWriter
	r     *http.Request
	conn  *http.ResponseController
	task  *agent.Task
	grace time.Duration // what the flush may take
	app   *App
	leave context.CancelFunc

	mu    sync.Mutex // events come from the run, from its tools and from the pulse
	begun bool
	id    int
	rest  string // begin of a character, of step in
	in    int
	stop  chan struct{} // ends the pulse
	pulse sync.WaitGroup
}

// newStream answers r when the run begins; leave ends the run.
func (a *App) newStream(w http.ResponseWriter, r *http.Request, task *agent.Task, leave context.CancelFunc) *stream {
	return &stream{
		w: w, r: r, conn: http.NewResponseController(w), task: task, grace: a.reserve + streamPatience, app: a, leave: leave,
		stop: make(chan struct{}),
	}
}

// Begin sends the header and the first event.
func (s *stream) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
	h := s.w.Header()
	h.Set("Content-Type", eventStreamType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	s.send("start", struct {
		TraceID       string `json:"trace_id"`
		CorrelationID string `json:"correlation_id"`
		Session       string `json:"session,omitempty"`
	}{tracing.TraceID(s.r.Context()), correlation.ID(s.r.Context()), s.task.SessionID})
	s.pulse.Go(s.beat)
}

// beat writes a comment now and then.
func (s *stream) beat() {
	ticker := time.NewTicker(streamPulse)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.mu.Lock()
			s.write([]byte(": still here\n\n"))
			s.mu.Unlock()
		case <-s.stop:
			return
		}
	}
}

// Text sends whole characters; a model may cut them.
func (s *stream) Text(step int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if step == s.in {
		text = s.rest + text
	}
	text, s.rest = wholeRunes(text)
	s.in = step
	if text != "" {
		s.send("delta", struct {
			Step int    `json:"step"`
			Text string `json:"text"`
		}{step, text})
	}
}

// wholeRunes splits off the begin of a character at the end of s.
func wholeRunes(s string) (whole, rest string) {
	for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return s[:i], s[i:]
			}
			break
		}
	}
	return s, ""
}

// Step sends what is called.
func (s *stream) Step(step int, tools []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send("step", struct {
		Step        int      `json:"step"`
		ToolsCalled []string `json:"tools_called"`
	}{step, tools})
}

// Tool sends how a call ended.
func (s *stream) Tool(step int, name string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send("tool", struct {
		Step int    `json:"step"`
		Name string `json:"name"`
		OK   bool   `json:"ok"`
	}{step, name, ok})
}

// end sends what came of the run: the last event, or a plain problem where none has been sent.
func (s *stream) end(answer any, err error) {
	switch {
	case !s.begun && err == nil:
		s.Begin() // nobody told of the run
	case !s.begun:
		s.app.fail(s.w, s.r, err)
		return
	}
	if err == nil {
		s.last("answer", answer, http.StatusOK)
		return
	}
	p := newProblem(s.r.Context(), err)
	recordOf(s.r.Context()).err = err
	s.last("error", p, p.Status)
}

// last writes the last event, which tells of this status.
func (s *stream) last(name string, data any, status int) {
	s.close()
	if status >= http.StatusBadRequest {
		httptrace.Fail(s.w, status)
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.grace)) // of what leaves after the flush; not every writer has one
	_, _ = s.w.Write(s.event(name, data))                // the client may be gone; there is nobody to tell
}

// close ends the pulse. It may be called again.
func (s *stream) close() {
	s.mu.Lock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.mu.Unlock()
	s.pulse.Wait()
}

func (s *stream) send(name string, data any) { s.write(s.event(name, data)) }

// event is an event as it is on the wire.
func (s *stream) event(name string, data any) []byte {
	s.id++
	var b bytes.Buffer
	b.WriteString("id: " + strconv.Itoa(s.id) + "\nevent: " + name + "\ndata: ")
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(data) // our types always encode, in one line
	b.WriteByte('\n')
	return b.Bytes()
}

// write sends b at once, or ends the run where nobody takes it.
func (s *stream) write(b []byte) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(streamPatience)) // not every writer has one
	_, err := s.w.Write(b)
	if err == nil {
		err = s.conn.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.leave()
	}
}
