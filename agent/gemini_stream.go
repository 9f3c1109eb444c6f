package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/gemini-agent/agent/remote"
)

// longerStreamed is in the names of models that cut an answer short where it does not come as a stream: 32,768 tokens
// instead of 65,536.
const longerStreamed = "gemini-4-argon"

// maxGeminiStream bounds what is read of a stream. It says little with every few words, so that this is many times what
// can be kept of it.
const maxGeminiStream = 4 * maxGeminiReply

// stream asks for the answer as a stream; text, where it is set, gets the pieces of the text.
func (g *Gemini) stream(ctx context.Context, req *Request, text func(string)) (*Reply, error) {
	said := false
	say := func(piece string) {
		if text != nil {
			said = true
			text(piece)
		}
	}
	return g.ask(ctx, req, func() bool { return said }, func(ctx context.Context, body []byte, answering func()) (*Reply, error) {
		s := &geminiStream{say: say, answering: answering}
		err := g.endpoint.post(ctx, g.cfg.Model, methodStream, body, s.read)
		if err != nil && s.candidate == nil && s.response.Usage == (geminiUsage{}) {
			return nil, err
		}
		reply := s.reply()
		if reply == nil && err == nil {
			err = errBadShape
		}
		return reply, err
	})
}

// geminiStream puts the chunks of a stream together to the answer that the service would have given at once.
//
//	chunks   text ▸ text ▸ call ▸ call's rest ▸ "" with a signature
//	parts    text────────▸ call─────────────▸ "" with a signature
//
// Texts that follow each other become one; every other part stays as it came, for the service wants its signatures back
// where they stood.
type geminiStream struct {
	say       func(string)
	answering func()

	response  geminiResponse // without its candidate
	candidate *geminiCandidate
	parts     []json.RawMessage
	text      strings.Builder // of the texts that follow each other
	thought   bool            // they are thoughts
	call      *partialCall    // that has begun and not ended
	kept      int             // bytes
	first     time.Time
}

// read reads a stream to its end: server-sent events, or a list of chunks, or one, where somebody between does not stream.
func (s *geminiStream) read(body io.ReadCloser) error {
	in := bufio.NewReader(remote.Body(body, maxGeminiStream))
	chunks := 0
	start, err := in.Peek(1)
	if err == nil && (start[0] == '[' || start[0] == '{') {
		return s.readWhole(in)
	}
	for event, err := range remote.Events(in, maxGeminiReply) {
		if err != nil {
			return fmt.Errorf("reading the stream: %w", err)
		}
		if data := bytes.TrimSpace(event.Data); len(data) == 0 || string(data) == "[DONE]" {
			continue
		}
		if err := s.add(event.Data); err != nil {
			return err
		}
		chunks++
	}
	if s.candidate != nil && s.candidate.FinishReason == "" { // cut between two chunks: such a stream ends well, but for no reason
		chunks = 0
	}
	return s.ended(chunks)
}

func (s *geminiStream) readWhole(in io.Reader) error {
	answer, err := io.ReadAll(remote.Body(io.NopCloser(in), maxGeminiReply))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	chunks := []json.RawMessage{answer}
	if answer[0] == '[' && json.Unmarshal(answer, &chunks) != nil {
		return errBadShape
	}
	for _, chunk := range chunks {
		if err := s.add(chunk); err != nil {
			return err
		}
	}
	return s.ended(len(chunks))
}

// ended judges the end of a stream of so many chunks.
func (s *geminiStream) ended(chunks int) error {
	if chunks == 0 {
		return fmt.Errorf("reading the stream: %w", io.ErrUnexpectedEOF)
	}
	if s.call != nil && geminiFinish(string(s.candidate.FinishReason)) == FinishStop {
		s.candidate.FinishReason = "MALFORMED_FUNCTION_CALL"
	}
	return nil
}

// add takes a chunk into the answer.
func (s *geminiStream) add(chunk []byte) error {
	var c struct {
		geminiResponse
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(chunk, &c) != nil {
		return errBadShape
	}
	if present(c.Error) {
		var inner struct {
			Code looseCount `json:"code"`
		}
		_ = json.Unmarshal(c.Error, &inner) // the status then stands for any failure
		status := int(inner.Code)
		if status < 400 || status > 599 {
			status = 500
		}
		return &refusal{status: status, body: chunk}
	}
	r := &s.response
	r.Usage.update(c.Usage)
	r.PromptFeedback.BlockReason = orNew(r.PromptFeedback.BlockReason, c.PromptFeedback.BlockReason)
	r.ModelVersion = orNew(r.ModelVersion, c.ModelVersion)
	r.ResponseID = orNew(r.ResponseID, c.ResponseID)
	for _, candidate := range c.Candidates {
		if candidate != nil && candidate.Index == 0 {
			return s.addCandidate(candidate)
		}
	}
	return nil
}

func orNew(known, said looseText) looseText {
	if said != "" {
		return said
	}
	return known
}

// update takes what a chunk says about the use so far.
func (u *geminiUsage) update(said geminiUsage) {
	for _, n := range []struct {
		known *looseCount
		said  looseCount
	}{
		{&u.Prompt, said.Prompt}, {&u.ToolUse, said.ToolUse}, {&u.Candidates, said.Candidates},
		{&u.Thoughts, said.Thoughts}, {&u.Cached, said.Cached},
	} {
		if n.said != 0 {
			*n.known = n.said
		}
	}
}

func (s *geminiStream) addCandidate(c *geminiCandidate) error {
	if s.candidate == nil {
		s.candidate = new(geminiCandidate)
	}
	s.candidate.FinishReason = orNew(s.candidate.FinishReason, c.FinishReason)
	s.candidate.FinishMessage = orNew(s.candidate.FinishMessage, c.FinishMessage)
	if c.Content == nil {
		return nil
	}
	var content struct {
		Parts json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(*c.Content, &content) != nil {
		return errBadShape
	}
	parts, _, err := decodeParts(content.Parts)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if s.first.IsZero() {
			s.first = time.Now()
			s.answering()
		}
		if s.kept += len(part.raw); s.kept > maxGeminiReply {
			return fmt.Errorf("reading the stream: %w", remote.ErrTooLarge)
		}
		if err := s.addPart(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *geminiStream) addPart(part geminiPart) error {
	if present(part.FunctionCall) {
		s.endText()
		return s.addCall(part)
	}
	isThought := part.Thought == true
	if part.Text == "" || part.Signature != "" || !part.onlyText() {
		s.endText()
		s.parts = append(s.parts, part.raw)
	} else {
		if isThought != s.thought {
			s.endText()
		}
		s.thought = isThought
		s.text.WriteString(string(part.Text))
	}
	if part.Text != "" && !isThought {
		s.say(string(part.Text))
	}
	return nil
}

// endText makes one part of the texts before.
func (s *geminiStream) endText() {
	if s.text.Len() == 0 {
		return
	}
	raw, _ := marshal(struct { // cannot fail
		Text    string `json:"text"`
		Thought bool   `json:"thought,omitempty"`
	}{s.text.String(), s.thought})
	s.parts = append(s.parts, raw)
	s.text.Reset()
}

// addCall takes a call, or a piece of one.
func (s *geminiStream) addCall(part geminiPart) error {
	piece, ok := decodeCallPiece(part)
	switch {
	case s.call == nil && (!ok || !piece.partial()):
		s.parts = append(s.parts, part.raw) // the reply is the judge of it
		return nil
	case s.call == nil:
		s.call = new(partialCall)
	}
	if !ok || !s.call.add(piece) {
		return errBadShape
	}
	if !piece.WillContinue {
		s.parts = append(s.parts, s.call.part())
		s.call = nil
	}
	return nil
}

// reply is the answer, or as much of it as there is; nil when there is none.
func (s *geminiStream) reply() *Reply {
	s.endText()
	if s.candidate != nil {
		if len(s.parts) > 0 {
			content, _ := marshal(struct { // of JSON that was read
				Parts []json.RawMessage `json:"parts"`
				Role  string            `json:"role"`
			}{s.parts, "model"})
			s.candidate.Content = &content
		}
		s.response.Candidates = []*geminiCandidate{s.candidate}
	}
	reply, err := s.response.reply()
	if err != nil {
		return nil
	}
	reply.FirstContent = s.first
	if s.candidate != nil && s.candidate.FinishReason == "" {
		reply.FinishReasons = nil
	}
	return reply
}
