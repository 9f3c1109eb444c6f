package geminisim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// chunkWords is how many words come at once.
const chunkWords = 6

// wire is what a script does with the bytes of a stream. The zero value lets them pass.
type wire struct {
	cut, stall int // 1 and the number of bytes that come before; 0: not at all
	chop       int // bytes that leave at a time; 0: a chunk
	pace       *func(chunk int)
}

// CutAfter drops the connection after n bytes of the stream.
func (r Reply) CutAfter(n int) Reply {
	r.wire.cut = n + 1
	return r
}

// StallAfter says nothing more after n bytes of the stream, until the client goes.
func (r Reply) StallAfter(n int) Reply {
	r.wire.stall = n + 1
	return r
}

// Chopped sends the stream in pieces of n bytes, wherever that cuts chunks, lines and characters.
func (r Reply) Chopped(n int) Reply {
	r.wire.chop = n
	return r
}

// Paced calls f before each chunk of the stream leaves, with its number from 0. What f waits for, the client waits for.
func (r Reply) Paced(f func(chunk int)) Reply {
	r.wire.pace = &f
	return r
}

// write sends the segments of a stream, each of which is a chunk, with a time between.
func (x *wire) write(w http.ResponseWriter, r *http.Request, segments [][]byte, between time.Duration) {
	sent := 0
	flush := http.NewResponseController(w).Flush
	for i, rest := range segments {
		if i > 0 && !wait(r, between) {
			return
		}
		if x.pace != nil {
			(*x.pace)(i)
		}
		for len(rest) > 0 {
			n := len(rest)
			if x.chop > 0 {
				n = min(n, x.chop)
			}
			for _, end := range []int{x.cut, x.stall} {
				if end > 0 {
					n = min(n, end-1-sent)
				}
			}
			if _, err := w.Write(rest[:n]); err != nil {
				return // the client is gone
			}
			_ = flush()
			rest, sent = rest[n:], sent+n
			if sent+1 == x.cut {
				panic(http.ErrAbortHandler)
			}
			if sent+1 == x.stall {
				<-r.Context().Done()
				return
			}
		}
	}
}

// writeStream sends reply as the API streams it: texts in pieces, all calls in one chunk, the signature of a text in an
// empty text at the end, the usage a running total.
func (s *Server) writeStream(w http.ResponseWriter, r *http.Request, rt route, req Request, reply *Reply) {
	contentType, end := "text/event-stream", ""
	frame := func(_ int, chunk string) string { return "data: " + chunk + "\r\n\r\n" }
	if !rt.sse {
		contentType, end = contentTypeJSON, "]"
		frame = func(i int, chunk string) string {
			if i == 0 {
				return "[" + chunk
			}
			return ",\r\n" + chunk
		}
	}
	var segments [][]byte
	for i, chunk := range split(s.response(rt, req, reply)) {
		body, err := json.Marshal(chunk)
		if err != nil {
			unmarshallable(err).write(w, !rt.sse)
			return
		}
		segments = append(segments, []byte(frame(i, string(body))))
	}
	last := len(segments) - 1
	x := reply.wire
	if reply.breakage == truncated {
		x.cut = 1 + len(bytes.Join(segments[:last], nil)) + len(segments[last])/2
	}
	segments[last] = append(segments[last], end...)
	w.Header().Set("Content-Type", contentType)
	x.write(w, r, segments, s.cfg.WordTime)
}

// split cuts a whole answer into the chunks of a stream.
func split(resp *wireResponse) []*wireResponse {
	if len(resp.Candidates) == 0 || resp.Candidates[0].Content == nil {
		return []*wireResponse{resp}
	}
	cand := resp.Candidates[0]
	var pieces [][]wirePart
	var calls []wirePart
	for _, p := range cand.Content.Parts {
		if p.FunctionCall != nil {
			calls = append(calls, p)
			continue
		}
		for _, text := range cut(*p.Text, chunkWords) {
			pieces = append(pieces, []wirePart{{Text: &text, Thought: p.Thought}})
		}
		if p.ThoughtSignature != "" {
			pieces = append(pieces, []wirePart{{Text: new(string), ThoughtSignature: p.ThoughtSignature}})
		}
	}
	if len(calls) > 0 {
		pieces = append(pieces, calls)
	}
	chunks := make([]*wireResponse, len(pieces))
	total := resp.UsageMetadata
	for i, piece := range pieces {
		c := *resp
		c.Candidates = []wireCandidate{{Content: &wireContent{Parts: piece, Role: "model"}}}
		u := total
		u.CandidatesTokenCount = total.CandidatesTokenCount * (i + 1) / len(pieces)
		u.TotalTokenCount -= total.CandidatesTokenCount - u.CandidatesTokenCount
		c.UsageMetadata = u
		chunks[i] = &c
	}
	if len(chunks) == 0 { // a turn without parts
		return []*wireResponse{resp}
	}
	last := &chunks[len(chunks)-1].Candidates[0]
	last.FinishReason, last.FinishMessage = cand.FinishReason, cand.FinishMessage
	return chunks
}

// cut splits text after every n words; the pieces joined are text again.
func cut(text string, n int) (pieces []string) {
	words := strings.SplitAfter(text, " ")
	for len(words) > n {
		pieces = append(pieces, strings.Join(words[:n], ""))
		words = words[n:]
	}
	return append(pieces, strings.Join(words, ""))
}
