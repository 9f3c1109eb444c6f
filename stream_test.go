package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/agenttrace"
)

// streaming is a model that is one function, which gets where to say what it says.
type streaming struct {
	modelFunc
	stream func(ctx context.Context, turn int, say func(string)) (*agent.Reply, error)
}

func (m streaming) Stream(ctx context.Context, req *agent.Request, say func(string)) (*agent.Reply, error) {
	return m.stream(ctx, len(req.Turns), say)
}

// tells is a model that says these pieces.
func tells(pieces ...string) streaming {
	return streaming{stream: func(_ context.Context, _ int, say func(string)) (*agent.Reply, error) {
		for _, p := range pieces {
			say(p)
		}
		return &agent.Reply{Text: strings.Join(pieces, ""), Finish: agent.FinishStop, FinishReasons: []string{"stop"}}, nil
	}}
}

// streamTask is a request for a stream.
func streamTask(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "POST", executePath, strings.NewReader(`{"task":"Hi","session_id":"s-1"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("X-Correlation-ID", "c-1")
	return r
}

// streamed is what a stream said: name and data of its events.
func streamed(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	var events []string
	for e, err := range remote.Events(w.Result().Body, 1<<20) {
		if err != nil || !json.Valid(e.Data) {
			t.Fatalf("event %q, %v", e, err)
		}
		events = append(events, e.Name+" "+string(e.Data))
	}
	return events
}

func TestStreamTellsTheRun(t *testing.T) {
	model := streaming{stream: func(_ context.Context, turn int, say func(string)) (*agent.Reply, error) {
		if turn == 1 {
			say("Let me ")
			say("see.\n")
			return &agent.Reply{Text: "Let me see.\n", Finish: agent.FinishStop, Calls: []agent.Call{{Name: "calculate", Args: map[string]any{"expression": "6*7"}}}}, nil
		}
		say("It is <b>")
		say("42 \xf0\x9f") // a model that cuts characters
		say("\x8e\x89</b>")
		return &agent.Reply{
			Text: "It is <b>42 🎉</b>", Finish: agent.FinishStop, FinishReasons: []string{"stop"}, Model: "m-1",
			Usage: agenttrace.Usage{InputTokens: 3, OutputTokens: 2},
		}, nil
	}}
	a, _ := newTestApp(t, model, nil)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, streamTask(t.Context()))
	id := w.Header().Get("X-Trace-ID")
	want := `id: 1
event: start
data: {"trace_id":"TRACE","correlation_id":"c-1","session":"s-1"}

id: 2
event: delta
data: {"step":0,"text":"Let me "}

id: 3
event: delta
data: {"step":0,"text":"see.\n"}

id: 4
event: step
data: {"step":1,"tools_called":["calculate"]}

id: 5
event: tool
data: {"step":1,"name":"calculate","ok":true}

id: 6
event: delta
data: {"step":1,"text":"It is <b>"}

id: 7
event: delta
data: {"step":1,"text":"42 "}

id: 8
event: delta
data: {"step":1,"text":"🎉</b>"}

id: 9
event: answer
data: `
	events, last, _ := strings.Cut(w.Body.String(), "event: answer\ndata: ")
	if got := strings.ReplaceAll(events, id, "TRACE") + "event: answer\ndata: "; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var answer response
	if err := json.Unmarshal([]byte(last), &answer); err != nil || answer.Response != "It is <b>42 🎉</b>" || answer.TraceID != id ||
		answer.TotalSteps != 1 || answer.Usage.Input != 3 || answer.Model != "m-1" || !strings.HasSuffix(last, "}\n\n") {
		t.Errorf("answer %s (%v)", last, err)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Correlation-ID": "c-1",
	} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// What fails before the run begins is a plain problem; later, it is the last event, and log and trace know it.
func TestStreamFailures(t *testing.T) {
	broken := streaming{stream: func(_ context.Context, _ int, say func(string)) (*agent.Reply, error) {
		say("Once ")
		return &agent.Reply{Text: "Once ", Usage: agenttrace.Usage{InputTokens: 5, OutputTokens: 1}}, &agent.Error{Kind: agent.KindQuota, Reason: "429", Message: "Later."}
	}}
	for name, tc := range map[string]struct {
		model   agent.Model
		request func(*http.Request)
		plain   int
		events  string
	}{
		"no model":     {nil, func(*http.Request) {}, 503, ""},
		"not JSON":     {tells("x"), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, ""},
		"other method": {tells("x"), func(r *http.Request) { r.Method = "GET" }, 405, ""},
		"broken":       {broken, func(*http.Request) {}, 0, "start delta error"},
	} {
		t.Run(name, func(t *testing.T) {
			a, rec := newTestApp(t, tc.model, nil)
			w := httptest.NewRecorder()
			r := streamTask(t.Context())
			tc.request(r)
			a.ServeHTTP(w, r)
			if tc.plain != 0 {
				if w.Code != tc.plain || w.Header().Get("Content-Type") != "application/problem+json" {
					t.Errorf("%d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
				}
				return
			}
			var names []string
			events := streamed(t, w)
			for _, e := range events {
				names = append(names, strings.Fields(e)[0])
			}
			last := events[len(events)-1]
			if got := strings.Join(names, " "); w.Code != 200 || got != tc.events || !strings.Contains(last, `"status":429`) || !strings.Contains(last, `"detail":"Later."`) {
				t.Errorf("%d %s", w.Code, events)
			}
			for _, s := range rec.Spans() {
				if s.Name() == "llm.generate" && !strings.Contains(fmt.Sprint(s.Attributes()), "llm.output_tokens") {
					t.Errorf("the tokens so far are not on the span: %v", s.Attributes())
				}
			}
		})
	}
}

// A server error in a stream marks the server's span, whose status code is the one that was sent.
func TestFailedStreamMarksTheSpan(t *testing.T) {
	a, rec := newTestApp(t, streaming{stream: func(context.Context, int, func(string)) (*agent.Reply, error) {
		return nil, &agent.Error{Kind: agent.KindModel, Reason: "503", Message: "Down."}
	}}, nil)
	a.ServeHTTP(httptest.NewRecorder(), streamTask(t.Context()))
	for _, s := range rec.Spans() {
		if strings.HasPrefix(s.Name(), "POST") {
			attrs := fmt.Sprint(s.Attributes())
			if s.Status().Code.String() != "Error" || !strings.Contains(attrs, `{"error.type":"502"}`) || !strings.Contains(attrs, `status_code":200}`) {
				t.Errorf("%v %s", s.Status(), attrs)
			}
			return
		}
	}
	t.Error("no server span")
}

// A silent stream shows every 15 seconds that it lives, and ends when it ends.
func TestStreamPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t, streaming{stream: func(_ context.Context, _ int, say func(string)) (*agent.Reply, error) {
			time.Sleep(31 * time.Second)
			say("done")
			return &agent.Reply{Text: "done", Finish: agent.FinishStop}, nil
		}}, nil)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, streamTask(t.Context()))
		body := w.Body.String()
		if n := strings.Count(body, ": still here\n\n"); n != 2 || strings.Index(body, ": still here") < strings.Index(body, "event: start") {
			t.Errorf("%d comments in %s", n, body)
		}
		if events := streamed(t, w); len(events) != 3 {
			t.Errorf("%q", events)
		}
	})
}

// goneWriter is a client that takes so many writes.
type goneWriter struct {
	*httptest.ResponseRecorder
	left int
}

func (w *goneWriter) FlushError() error {
	if w.left--; w.left < 0 {
		return errors.New("broken pipe")
	}
	return nil
}

// A client that takes nothing any more ends the run, as one that leaves does; the spans say so, with the tokens so far.
func TestStreamToNobody(t *testing.T) {
	for name, leave := range map[string]bool{"takes nothing": false, "leaves": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a, rec := newTestApp(t, streaming{stream: func(ctx context.Context, _ int, say func(string)) (*agent.Reply, error) {
				say("Once ")
				if leave {
					cancel()
				}
				<-ctx.Done()
				return &agent.Reply{Text: "Once ", Usage: agenttrace.Usage{InputTokens: 5, OutputTokens: 1}}, ctx.Err()
			}}, nil)
			w := &goneWriter{httptest.NewRecorder(), 1}
			if leave {
				w.left = 1000
			}
			a.ServeHTTP(w, streamTask(ctx))
			found := 0
			for _, s := range rec.Spans() {
				attrs := fmt.Sprint(s.Attributes())
				if s.Name() == "llm.generate" || s.Name() == "agent.task" {
					found++
					if !strings.Contains(attrs, `{"error.type":"canceled"}`) || !strings.Contains(attrs, `{"gen_ai.usage.output_tokens":1}`) {
						t.Errorf("%s: %s", s.Name(), attrs)
					}
				}
			}
			if found != 2 {
				t.Errorf("spans %v", names(rec.Spans()))
			}
		})
	}
}

func TestWholeRunes(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "é": "é", "a\xc3": "a", "\xf0\x9f\x8e": "", "🎉": "🎉", "x\xff": "x\xff", "\x8e\x8e\x8e\x8e\x8e": "\x8e\x8e\x8e\x8e\x8e",
	} {
		whole, rest := wholeRunes(in)
		if whole != want || whole+rest != in {
			t.Errorf("%q: %q and %q, want %q", in, whole, rest, want)
		}
	}
}

// A panic in a stream cuts it short: there is no last event, and no goroutine is left.
func TestPanicInAStream(t *testing.T) {
	a, rec := newTestApp(t, streaming{stream: func(context.Context, int, func(string)) (*agent.Reply, error) { panic("hunter2") }},
		map[string]string{"SESSION_STORE": "none"})
	server := httptest.NewServer(a)
	defer server.Close()
	r := streamTask(t.Context())
	req, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL+executePath, r.Body)
	req.Header = r.Header
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var last string
	for e, err := range remote.Events(res.Body, 1<<20) {
		last = e.Name
		if err != nil {
			last = "cut"
		}
	}
	if last != "cut" || len(rec.Spans()) != 3 {
		t.Errorf("the stream ended with %q, spans %v", last, names(rec.Spans()))
	}
}

// A process that has to go ends its streams with a problem that says to come again.
func TestStreamOfAProcessThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newTestApp(t, streaming{stream: func(ctx context.Context, _ int, say func(string)) (*agent.Reply, error) {
			say("Once ")
			<-ctx.Done()
			return nil, ctx.Err()
		}}, nil)
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.ServeHTTP(w, streamTask(t.Context()))
		}()
		synctest.Wait()
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-done
		events := streamed(t, w)
		if last := events[len(events)-1]; !strings.HasPrefix(last, "error ") || !strings.Contains(last, `"status":503`) {
			t.Errorf("%q", events)
		}
	})
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conns chan net.Conn
	addr  net.Addr
}

func (l oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return l.addr }

// A client that is there and reads nothing holds a run for 20 seconds, and not for ever.
func TestStreamToAClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Duration
		began := time.Now()
		a, rec := newTestApp(t, streaming{stream: func(ctx context.Context, _ int, say func(string)) (*agent.Reply, error) {
			for ctx.Err() == nil {
				say("and so on ")
			}
			ended = time.Since(began)
			return nil, ctx.Err()
		}}, nil)
		client, conn := net.Pipe()
		l := oneConn{make(chan net.Conn, 1), conn.LocalAddr()}
		l.conns <- conn
		handled := make(chan struct{})
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(handled)
			a.ServeHTTP(w, r)
		})}
		go func() { _ = server.Serve(l) }()
		r := streamTask(t.Context())
		if err := r.Write(client); err != nil {
			t.Fatal(err)
		}
		<-handled
		close(l.conns)
		_ = client.Close()
		_ = server.Close()
		if ended != streamPatience {
			t.Errorf("the run ended after %v", ended)
		}
		for _, s := range rec.Spans() {
			if s.Name() == "agent.task" && strings.Contains(fmt.Sprint(s.Attributes()), `{"error.type":"canceled"}`) {
				return
			}
		}
		t.Errorf("spans %v", names(rec.Spans()))
	})
}
