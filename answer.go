package function

import (
	"bytes"
	"net/http"
	"strconv"
)

// heldAnswer keeps an answer back until its trace is safe. A client has an answer with its last byte, not when the
// handler returns, and net/http sends what does not fit its buffer at once. Sent whole by release, the answer is out
// before the request counts as done, which the end of the process waits for.
type heldAnswer struct {
	http.ResponseWriter
	status int // 0: nothing written yet
	body   bytes.Buffer
	sent   bool
}

// WriteHeader notes the status; informational ones pass.
func (h *heldAnswer) WriteHeader(status int) {
	switch {
	case h.sent || status < 200:
		h.ResponseWriter.WriteHeader(status)
	case h.status == 0:
		h.status = status
	}
}

func (h *heldAnswer) Write(p []byte) (int, error) {
	if h.sent {
		return h.ResponseWriter.Write(p)
	}
	if h.status == 0 {
		h.status = http.StatusOK
	}
	return h.body.Write(p)
}

// FlushError is what http.ResponseController calls: whoever flushes wants a stream, and gets one from here on.
func (h *heldAnswer) FlushError() error {
	h.send()
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach everything else.
func (h *heldAnswer) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// release sends what was held, whole and with its length.
func (h *heldAnswer) release() {
	if h.sent || h.status == 0 {
		return
	}
	if h.Header().Get("Content-Length") == "" {
		h.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
	}
	_ = h.FlushError() // the client may be gone; there is nobody to tell
}

func (h *heldAnswer) send() {
	if h.sent {
		return
	}
	h.sent = true
	if h.status != 0 {
		h.ResponseWriter.WriteHeader(h.status)
	}
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // as above
}
