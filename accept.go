package function

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// wantsStream reports whether the caller would rather have events than a whole answer: its Accept header names
// text/event-stream, and not JSON before it. A higher q wins; of two that are equal, the first, but a wildcard comes last.
// HTTP/1.0 has no streams.
func wantsStream(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return false
	}
	var events, json, any preference
	for i, entry := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		mediaType, q, ok := parseAccept(entry)
		if !ok {
			continue
		}
		switch mediaType {
		case "text/event-stream":
			events.note(q, i)
		case "application/json":
			json.note(q, i)
		case "*/*", "application/*":
			any.note(q, 1<<20)
		}
	}
	if !json.named {
		json = any
	}
	return events.q > json.q || events.q > 0 && events.q == json.q && events.at < json.at
}

// preference is how much a media type is wanted.
type preference struct {
	named bool
	q     float64
	at    int // place in the list
}

func (p *preference) note(q float64, at int) {
	if !p.named || q > p.q {
		*p = preference{true, q, at}
	}
}

// parseAccept reads one entry of an Accept header (RFC 9110, section 12.5.1); ok is false for one that says nothing.
func parseAccept(entry string) (mediaType string, q float64, ok bool) {
	mediaType, params, err := mime.ParseMediaType(strings.TrimSpace(entry))
	if err != nil {
		return "", 0, false
	}
	text, given := params["q"]
	if !given {
		return mediaType, 1, true
	}
	q, err = strconv.ParseFloat(text, 64)
	return mediaType, q, err == nil && q >= 0 && q <= 1
}
