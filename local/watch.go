package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"example.com/gemini-agent/agent/remote"
)

// screen is where everything is printed. Words come in pieces, and pictures of traces between them: a picture begins on a
// line of its own. It is safe for concurrent use.
type screen struct {
	terminal bool

	mu  sync.Mutex
	w   io.Writer
	mid bool // in the middle of a line
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(p)
}

func (s *screen) write(p []byte) (int, error) {
	if len(p) > 0 {
		s.mid = p[len(p)-1] != '\n'
	}
	return s.w.Write(p)
}

// pictures begin on a line of their own.
type pictures struct{ *screen }

func (p pictures) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mid {
		if _, err := p.write([]byte("\n\n")); err != nil {
			return 0, err
		}
	}
	return p.write(b)
}

// watch posts a task and prints what the agent says while it says it.
func watch(ctx context.Context, url string, body any, out *screen) (*answer, error) {
	resp, err := request(ctx, url, body, "text/event-stream")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); mediaType != "text/event-stream" {
		return readAnswer(resp.StatusCode, resp.Body)
	}
	for event, err := range remote.Events(resp.Body, 16<<20) {
		var said struct {
			Step        int      `json:"step"`
			Text        string   `json:"text"`
			ToolsCalled []string `json:"tools_called"`
			Status      int      `json:"status"`
		}
		if err == nil {
			err = json.Unmarshal(event.Data, &said)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the stream: %w", err)
		}
		switch event.Name {
		case "delta":
			fmt.Fprint(out, said.Text)
		case "step":
			fmt.Fprintf(pictures{out}, "step %d calls %v\n", said.Step, said.ToolsCalled)
		case "answer":
			fmt.Fprint(pictures{out}, "")
			return readAnswer(http.StatusOK, bytes.NewReader(event.Data))
		case "error":
			return readAnswer(said.Status, bytes.NewReader(event.Data))
		}
	}
	return nil, errors.New("the stream ended without an answer")
}
