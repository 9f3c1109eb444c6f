package live

import (
	"encoding/json"
	"time"
)

// Turn is a request that the page sent to the agent, with what came back.
type Turn struct {
	ID        string          `json:"id"` // the request's correlation id, which its spans carry
	Task      string          `json:"task"`
	UserID    string          `json:"user_id,omitempty"`
	SessionID string          `json:"session_id,omitempty"`
	MaxSteps  int             `json:"max_steps,omitempty"`
	Fault     string          `json:"fault,omitempty"` // the name of the fault that was armed for it
	Stream    bool            `json:"stream,omitempty"`
	Began     int64           `json:"began_us"` // microseconds since 1970, as all times here
	Ended     int64           `json:"ended_us,omitempty"`
	TraceID   string          `json:"trace_id,omitempty"` // known with the answer's headers
	Status    int             `json:"status,omitempty"`
	Answer    json.RawMessage `json:"answer,omitempty"` // the answer or the problem, whichever came
	Error     string          `json:"error,omitempty"`  // why neither came
}

// turnRecord is a turn with its last change.
type turnRecord struct {
	Turn
	seq uint64
}

// keptTurns is how many turns are kept.
const keptTurns = 50

func (h *Hub) beginTurn(t Turn) *turnRecord {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &turnRecord{t, h.nextLocked()}
	if len(h.turns) >= keptTurns {
		h.turns = append(h.turns[:0:0], h.turns[1:]...)
	}
	h.turns = append(h.turns, r)
	return r
}

func (h *Hub) updateTurn(r *turnRecord, change func(*Turn)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&r.Turn)
	r.seq = h.nextLocked()
}

func micros(t time.Time) int64 { return t.UnixMicro() }
