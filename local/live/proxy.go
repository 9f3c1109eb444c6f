package live

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

const (
	headerCorrelationID = "X-Correlation-Id"
	headerTraceID       = "X-Trace-Id"
	headerFault         = "X-Live-Fault" // from the page: the fault to arm for this request

	maxAsked    = 1 << 20 // bytes of a request that are looked at
	maxAnswered = 1 << 20 // bytes of an answer that are remembered
)

type turnContextKey struct{}

// proxy passes requests on to the agent, so that the page needs no other origin, and notes tasks as turns.
func (s *server) proxy() http.Handler {
	to := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(s.cfg.Agent)
			r.Out.Header.Del("Origin") // the agent is asked by this server, not by a page
		},
		FlushInterval:  -1, // events pass as they come
		ModifyResponse: s.answered,
		ErrorHandler:   s.unreachable,
		ErrorLog:       log.New(io.Discard, "", 0), // the turn says it
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := r.Header.Get(headerFault)
		r.Header.Del(headerFault)
		if r.Method == http.MethodPost {
			r = s.asked(r, s.arm(fault))
		}
		to.ServeHTTP(w, r)
	})
}

// arm makes a fault happen and returns its name, "" when there is none of that name.
func (s *server) arm(name string) string {
	for _, f := range s.cfg.Faults {
		if f.Name == name && f.Arm != nil {
			f.Arm()
			return name
		}
	}
	return ""
}

// asked begins the turn of a request.
func (s *server) asked(r *http.Request, fault string) *http.Request {
	head, err := io.ReadAll(io.LimitReader(r.Body, maxAsked))
	if err != nil {
		return r // the proxy will meet the same error
	}
	// Of a body that was read whole nothing is left to ask the server for. It closes a body as soon as the answer begins,
	// and a transport that still asks for the end would take that for a fault and break off the answer.
	var rest io.Reader = bytes.NewReader(head)
	if len(head) == maxAsked {
		rest = io.MultiReader(rest, r.Body)
	}
	r.Body = io.NopCloser(rest)
	t := Turn{ID: r.Header.Get(headerCorrelationID), Fault: fault, Began: micros(time.Now())}
	_ = json.Unmarshal(head, &struct { // the agent will say what is wrong with it
		Task      *string `json:"task"`
		UserID    *string `json:"user_id"`
		SessionID *string `json:"session_id"`
		MaxSteps  *int    `json:"max_steps"`
	}{&t.Task, &t.UserID, &t.SessionID, &t.MaxSteps})
	if t.ID == "" {
		t.ID = "live-" + rand.Text()
	}
	t.Stream = strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	r.Header.Set(headerCorrelationID, t.ID)
	return r.WithContext(context.WithValue(r.Context(), turnContextKey{}, s.hub.beginTurn(t)))
}

func turnOf(r *http.Request) *turnRecord {
	t, _ := r.Context().Value(turnContextKey{}).(*turnRecord)
	return t
}

// answered notes the headers of an answer and watches its body.
func (s *server) answered(res *http.Response) error {
	t := turnOf(res.Request)
	if t == nil {
		return nil
	}
	s.hub.updateTurn(t, func(t *Turn) {
		t.Status, t.TraceID = res.StatusCode, res.Header.Get(headerTraceID)
	})
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	res.Body = &watchedBody{ReadCloser: res.Body, h: s.hub, turn: t, stream: media == "text/event-stream"}
	return nil
}

// unreachable answers for an agent that did not.
func (s *server) unreachable(w http.ResponseWriter, r *http.Request, err error) {
	problem := map[string]any{
		"type": "about:blank", "title": "Bad Gateway", "status": http.StatusBadGateway,
		"detail": "the agent did not answer: " + err.Error(),
	}
	if t := turnOf(r); t != nil {
		s.hub.updateTurn(t, func(t *Turn) {
			t.Ended, t.Error = micros(time.Now()), "the agent did not answer"
			if errors.Is(r.Context().Err(), context.Canceled) {
				t.Error = "the page went away before the answer came"
			}
		})
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusBadGateway)
	_ = json.NewEncoder(w).Encode(problem) // fails when the client has gone
}

// watchedBody remembers an answer as it passes.
type watchedBody struct {
	io.ReadCloser
	h      *Hub
	turn   *turnRecord
	stream bool
	read   bytes.Buffer
	end    error
	noted  bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.read.Len()+n <= maxAnswered || b.stream {
		b.read.Write(p[:n])
	}
	if b.stream && b.read.Len() > maxAnswered { // only the last event counts
		b.read.Next(b.read.Len() - maxAnswered)
	}
	if err != nil {
		b.end = err
		b.note()
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.note()
	return b.ReadCloser.Close()
}

// note ends the turn.
func (b *watchedBody) note() {
	if b.noted {
		return
	}
	b.noted = true
	answer := b.read.Bytes()
	if b.stream {
		answer = lastEvent(answer)
	}
	b.h.updateTurn(b.turn, func(t *Turn) {
		t.Ended = micros(time.Now())
		switch {
		case json.Valid(answer):
			t.Answer = bytes.Clone(answer)
		case b.end == io.EOF:
			t.Error = "the answer is not JSON"
		default:
			t.Error = "the answer broke off"
		}
	})
}

// lastEvent returns the data of the last event of a stream that is an answer or an error, nil when there is none.
func lastEvent(stream []byte) []byte {
	stream = bytes.ReplaceAll(stream, []byte("\r\n"), []byte("\n"))
	for {
		i := bytes.LastIndex(stream, []byte("\n\n"))
		rest := stream[i+1:]
		if i < 0 {
			rest = stream
		}
		var name string
		var data []byte
		for line := range bytes.Lines(rest) {
			field, value, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch string(field) {
			case "event":
				name = string(value)
			case "data":
				data = append(append(data, value...), '\n')
			}
		}
		if name == "answer" || name == "error" {
			return bytes.TrimSuffix(data, []byte("\n"))
		}
		if i < 0 {
			return nil
		}
		stream = stream[:i]
	}
}
