package agent

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"example.com/gemini-agent/agent/remote"
)

func events(body string) http.HandlerFunc {
	return respond(200, "text/event-stream; charset=utf-8", body)
}

func TestSubAgentStream(t *testing.T) {
	const begun = "id: 1\nevent: start\ndata: {\"trace_id\":\"x\"}\n\n: still here\n\n" +
		"event: delta\ndata: {\"step\":0,\"text\":\"Let \"}\n\nevent: delta\ndata: {\"step\":0,\"text\":\"me\"}\n\n" +
		"event: step\ndata: {\"step\":1,\"tools_called\":[\"a\"]}\n\nevent: tool\ndata: {\"step\":1,\"name\":\"a\",\"ok\":false}\n\n" +
		"event: news\ndata: {}\n\nevent: delta\ndata: {\"step\":\n\n"
	const heardOfIt = "begin, text 0, text 0, step 1, tool 1"
	const answer = "event: answer\ndata: {\"response\":\"ok\"}\n\n"
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		status  int       // of the answer handed back; 0: an error
		kind    ErrorKind // of the error
		reason  string
		heard   string
	}{
		{"stream", events(begun + answer), 200, "", "", heardOfIt},
		{"more after the answer", events(begun + answer + answer + begun), 200, "", "", heardOfIt},
		{"answer alone", events(answer), 200, "", "", "begin"},
		{"no stream", respond(200, "application/json", `{"response":"ok"}`), 200, "", "", ""},
		{"refused", respond(400, "application/problem+json", `{"status":400}`), 400, "", "", ""},
		{"quota spent", events(begun + "event: error\ndata: {\"status\":429}\n\n"), 429, "", "", heardOfIt},
		{"failed", events(begun + "event: error\ndata: {\"status\":502}\n\n"), 0, KindSubAgent, "502", heardOfIt},
		{"failed without a status", events(begun + "event: error\ndata: {\"status\":200}\n\n"), 0, KindSubAgent, "502", heardOfIt},
		{"out of time", events(begun + "event: error\ndata: {\"status\":504}\n\n"), 0, KindTimeout, "504", heardOfIt},
		{"no answer", events(begun), 0, KindSubAgent, "connection", heardOfIt},
		{"nothing", events(""), 0, KindSubAgent, "connection", "begin"},
		{"answer that is none", events(begun + "event: answer\ndata: <html>\n\n"), 0, KindSubAgent, "not_json", heardOfIt},
		{"large event", events("data: " + strings.Repeat("x", 5<<20)), 0, KindSubAgent, "too_large", "begin"},
		{"without end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for chunk := "data: " + strings.Repeat("x", 1<<20) + "\n\n"; ; {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}, 0, KindSubAgent, "too_large", "begin"},
		{"broken off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Length", "10000")
			io.WriteString(w, begun)
		}, 0, KindSubAgent, "connection", heardOfIt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "text/event-stream,") {
					t.Errorf("Accept: %s", accept)
				}
				tt.handler(w, r)
			})
			h := new(heard)
			res, err := newSubAgent(t, SubAgentConfig{URL: server.URL}).Stream(t.Context(), []byte(`{"task":"x"}`), h)
			if got := strings.Join(h.lines, ", "); got != tt.heard {
				t.Errorf("heard %s, want %s", got, tt.heard)
			}
			if tt.status != 0 {
				if err != nil || res.Status != tt.status {
					t.Fatalf("Stream = %+v, %v; want status %d", res, err, tt.status)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.Reason != tt.reason || !strings.Contains(e.Message, "sub-agent") {
				t.Fatalf("Stream = %+v, %#v; want kind %s, reason %s", res, err, tt.kind, tt.reason)
			}
		})
	}
}

// The trailers of a stream are there when its answer is handed back: they say whether the sub-agent kept its part of the trace.
func TestSubAgentStreamIsReadToItsEnd(t *testing.T) {
	var resp *http.Response
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Trailer", "Traceresponse")
		fmt.Fprint(w, "event: answer\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		w.Header().Set("Traceresponse", "00-kept")
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s := newSubAgent(t, SubAgentConfig{URL: server.URL, HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (_ *http.Response, err error) {
		resp, err = transport.RoundTrip(r)
		return resp, err
	})}})
	if _, err := s.Stream(t.Context(), []byte(`{"task":"x"}`), new(heard)); err != nil || resp.Trailer.Get("Traceresponse") != "00-kept" {
		t.Errorf("trailer %v, %v", resp.Trailer, err)
	}
}

// FuzzRelay: whatever a sub-agent streams, there is an answer or an error.
func FuzzRelay(f *testing.F) {
	f.Add("event: start\ndata: {}\n\nevent: delta\ndata: {\"step\":1,\"text\":\"a\"}\n\nevent: answer\ndata: {}\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		answer, err := relay(resp, new(heard))
		if (answer == nil) != (err != nil) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, remote.ErrTooLarge) {
			t.Errorf("%q, %v", answer, err)
		}
	})
}
