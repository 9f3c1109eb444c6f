package geminisim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

type wireResponse struct {
	Candidates     []wireCandidate `json:"candidates,omitempty"`
	PromptFeedback *wireFeedback   `json:"promptFeedback,omitempty"`
	UsageMetadata  wireUsage       `json:"usageMetadata"`
	ModelVersion   string          `json:"modelVersion"`
	ResponseID     string          `json:"responseId"`
}

type wireFeedback struct {
	BlockReason string `json:"blockReason"`
}

type wireCandidate struct {
	Content       *wireContent `json:"content,omitempty"`
	FinishReason  string       `json:"finishReason,omitempty"`
	FinishMessage string       `json:"finishMessage,omitempty"`
	Index         int          `json:"index"`
}

type wireContent struct {
	Parts []wirePart `json:"parts,omitempty"`
	Role  string     `json:"role"`
}

type wirePart struct {
	Text             *string   `json:"text,omitempty"`
	Thought          bool      `json:"thought,omitempty"`
	FunctionCall     *wireCall `json:"functionCall,omitempty"`
	ThoughtSignature string    `json:"thoughtSignature,omitempty"`
}

type wireCall struct {
	Name string         `json:"name"`
	Args map[string]any `json:"args"`
	ID   string         `json:"id,omitempty"`
}

// answer plays reply, or the model when there is none.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt route, req Request, reply *Reply) {
	if reply == nil {
		if s.cfg.Strict {
			errorf(500, "script exhausted").write(w, rt.stream && !rt.sse)
			return
		}
		played := play(req.Body).After(s.cfg.ThinkTime).ServedBy(servedAs(rt.model) + simulated)
		reply = &played
	}
	if !wait(r, reply.delay) {
		return
	}
	if reply.dynamic != nil {
		made := reply.dynamic(req)
		s.answer(w, r, rt, req, &made)
		return
	}
	switch {
	case reply.breakage == hang:
		<-r.Context().Done()
	case reply.breakage == reset:
		panic(http.ErrAbortHandler) // net/http drops the connection without a word
	case reply.err != nil:
		reply.err.write(w, rt.stream && !rt.sse)
	case reply.raw != nil && reply.wire != wire{} && rt.stream:
		w.Header().Set("Content-Type", reply.raw.contentType)
		reply.wire.write(w, r, [][]byte{[]byte(reply.raw.body)}, 0)
	case reply.raw != nil:
		writeBody(w, reply.raw.code, reply.raw.contentType, []byte(reply.raw.body))
	case rt.stream:
		s.writeStream(w, r, rt, req, reply)
	default:
		s.writeWhole(w, rt, req, reply)
	}
}

// wait answers false when the client went away first.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Server) writeWhole(w http.ResponseWriter, rt route, req Request, reply *Reply) {
	body, err := json.Marshal(s.response(rt, req, reply))
	if err != nil {
		unmarshallable(err).write(w, false)
		return
	}
	if reply.breakage == truncated {
		abort(w, contentTypeJSON, body)
	}
	writeBody(w, http.StatusOK, contentTypeJSON, body)
}

func unmarshallable(err error) *apiError {
	return errorf(500, "the script holds arguments that are no JSON: %v", err)
}

// abort writes half of body and drops the connection.
func abort(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush() // so that the half arrives
	panic(http.ErrAbortHandler)
}

// response is reply as one message, with ids and signatures where the API puts them: on the first call of a turn, else
// on the last text.
func (s *Server) response(rt route, req Request, reply *Reply) *wireResponse {
	id := s.nonce.Add(1)
	resp := &wireResponse{ModelVersion: servedAs(rt.model), ResponseID: opaqueID(id, 22)}
	if reply.model != "" {
		resp.ModelVersion = reply.model
	}
	cand := wireCandidate{FinishReason: reply.finish, FinishMessage: reply.finishDetail}
	if cand.FinishReason == "" {
		cand.FinishReason = "STOP"
	}
	parts := make([]wirePart, 0, len(reply.parts))
	signed, said, spoken := false, 0, -1
	for i := range reply.parts {
		p := &reply.parts[i]
		if p.call == nil {
			if !p.thought {
				spoken = len(parts)
			}
			said += tokens(p.text)
			parts = append(parts, wirePart{Text: &p.text, Thought: p.thought})
			continue
		}
		call := &wireCall{Name: p.call.Name, Args: p.call.Args, ID: p.call.ID}
		if call.Args == nil {
			call.Args = map[string]any{}
		}
		if call.ID == "" && !isGemini2(rt.model) {
			call.ID = opaqueID(s.nonce.Add(1), 8)
		}
		part := wirePart{FunctionCall: call}
		if !signed {
			part.ThoughtSignature, signed = signCall(id, call.Name, call.ID), true
		}
		said += 8 + 4*len(call.Args)
		parts = append(parts, part)
	}
	if !signed && spoken >= 0 && !isGemini2(rt.model) {
		parts[spoken].ThoughtSignature = signText(id)
	}
	switch {
	case reply.noCandidate:
		if reply.blockReason != "" {
			resp.PromptFeedback = &wireFeedback{BlockReason: reply.blockReason}
		}
	case reply.noContent:
		resp.Candidates = []wireCandidate{cand}
	default:
		cand.Content = &wireContent{Parts: parts, Role: "model"}
		resp.Candidates = []wireCandidate{cand}
	}
	if reply.usage != nil {
		resp.UsageMetadata = reply.usage.wire()
		return resp
	}
	u := Usage{Prompt: req.Body.promptTokens()}
	if !reply.noCandidate {
		u.Candidates = said
		if b := req.Body.Generation.ThinkingBudget; b == nil || *b != 0 {
			u.Thoughts = 16 + said/2
		}
	}
	resp.UsageMetadata = u.wire()
	return resp
}

// opaqueID spreads n over length letters and digits, so that ids look like the API's and still count up.
func opaqueID(n uint64, length int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, length)
	x := n
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = alphabet[(x>>33)%uint64(len(alphabet))]
	}
	return string(b)
}
