package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The words of a stream are printed as they come, and a picture between them begins on a line of its own.
func TestWatch(t *testing.T) {
	const begun = "event: start\ndata: {}\n\nevent: delta\ndata: {\"step\":0,\"text\":\"Let me see.\"}\n\n" +
		"event: step\ndata: {\"step\":1,\"tools_called\":[\"search\"]}\n\nevent: tool\ndata: {\"name\":\"search\",\"ok\":true}\n\n" +
		"event: delta\ndata: {\"step\":1,\"text\":\"It \"}\n\nevent: delta\ndata: {\"step\":1,\"text\":\"is.\"}\n\n"
	const printed = "Let me see.\n\nstep 1 calls [search]\nIt is."
	for name, tc := range map[string]struct {
		contentType, body, printed, fails string
	}{
		"answer":    {"text/event-stream", begun + "event: answer\ndata: {\"response\":\"It is.\"}\n\n", printed + "\n\n", ""},
		"error":     {"text/event-stream", begun + "event: error\ndata: {\"status\":502,\"detail\":\"Down.\"}\n\n", printed, "502 Bad Gateway: Down."},
		"no end":    {"text/event-stream", begun, printed, "without an answer"},
		"garbled":   {"text/event-stream", begun + "data: x\n\n", printed, "reading the stream"},
		"no stream": {"application/json", `{"response":"It is."}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.contentType)
				fmt.Fprint(w, tc.body)
			}))
			defer server.Close()
			var out strings.Builder
			got, err := watch(t.Context(), server.URL, map[string]string{}, &screen{w: &out})
			if out.String() != tc.printed {
				t.Errorf("printed %q, want %q", out.String(), tc.printed)
			}
			if tc.fails == "" && (err != nil || got.Response != "It is.") || tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
