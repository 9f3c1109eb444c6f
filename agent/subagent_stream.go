package agent

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"example.com/gemini-agent/agent/remote"
)

const eventStreamType = "text/event-stream"

// maxSubAgentStream bounds what is read of a stream: the answer, and what was said before it.
const maxSubAgentStream = 4 * maxSubAgentReply

// Stream is Execute that asks for events and tells the listener of them while they come. A sub-agent that sends none is
// taken as it is, and the listener hears nothing. The answer is the last event, whatever came before it; an error as the last event
// is taken for an answer with its status.
func (s *SubAgent) Stream(ctx context.Context, body []byte, listener Listener) (*SubAgentResponse, error) {
	return s.execute(ctx, body, listener)
}

func isEventStream(resp *http.Response) bool {
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && mediaType == eventStreamType && resp.StatusCode == http.StatusOK
}

// relay reads a stream to its end, where its trailers are, and returns its answer. It makes resp that of the answer.
func relay(resp *http.Response, listener Listener) (answer []byte, err error) {
	listener.Begin()
	for event, err := range remote.Events(remote.Body(resp.Body, maxSubAgentStream), maxSubAgentReply) {
		switch {
		case err != nil:
			return nil, err
		case answer != nil: // nothing comes after it
		case event.Name == "answer":
			answer = event.Data
			resp.Header.Set("Content-Type", "application/json")
		case event.Name == "error":
			answer = event.Data
			resp.Header.Set("Content-Type", "application/problem+json")
			resp.StatusCode = problemStatus(event.Data)
		default:
			tell(listener, event)
		}
	}
	if answer == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return answer, nil
}

// tell passes one event on. What cannot be read is left out.
func tell(listener Listener, event remote.Event) {
	var said struct {
		Step        int      `json:"step"`
		Text        string   `json:"text"`
		ToolsCalled []string `json:"tools_called"`
		Name        string   `json:"name"`
		OK          bool     `json:"ok"`
	}
	if json.Unmarshal(event.Data, &said) != nil {
		return
	}
	switch event.Name {
	case "delta":
		listener.Text(said.Step, said.Text)
	case "step":
		listener.Step(said.Step, said.ToolsCalled)
	case "tool":
		listener.Tool(said.Step, said.Name, said.OK)
	}
}

// problemStatus is the status of a problem (RFC 9457); of one that has none, it is the sub-agent that failed.
func problemStatus(body []byte) int {
	var p struct {
		Status looseCount `json:"status"`
	}
	_ = json.Unmarshal(body, &p) // it then has none
	if p.Status < 400 || p.Status > 599 {
		return http.StatusBadGateway
	}
	return int(p.Status)
}
