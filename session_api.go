package function

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/session"
)

// shownTurns is how many turns of a conversation can be read, the newest: each may have some hundred kilobytes.
const shownTurns = 100

// storedSession is the answer of GET.
type storedSession struct {
	SessionID string       `json:"session_id"`
	UserID    string       `json:"user_id"`
	Turns     []storedTurn `json:"turns"` // oldest first
}

type storedTurn struct {
	Turn         int       `json:"turn"`
	Task         string    `json:"task"`
	Response     string    `json:"response"`
	FinishReason string    `json:"finish_reason"`
	Model        string    `json:"model"`
	Usage        tokens    `json:"usage"`
	TraceID      string    `json:"trace_id,omitempty"`
	Time         time.Time `json:"time"`
}

// readSession answers with what is kept of a conversation.
func (a *App) readSession(w http.ResponseWriter, r *http.Request) {
	a.withSession(w, r, "session read", func(ctx context.Context, id session.ID) error {
		turns, err := a.sessions.Turns(ctx, id, shownTurns)
		if err != nil {
			return sessionError(ctx, err)
		}
		if len(turns) == 0 {
			return badRequest(http.StatusNotFound, "", "nothing is kept of this session: it has no turn, has expired or was deleted")
		}
		answer := storedSession{SessionID: id.SessionID, UserID: id.UserID, Turns: make([]storedTurn, len(turns))}
		for i, t := range turns {
			answer.Turns[i] = storedTurn{
				Turn: t.Number, Task: t.Task, Response: t.Response, FinishReason: t.FinishReason, Model: t.Model,
				Usage: tokens{
					Input: t.Usage.InputTokens, Output: t.Usage.OutputTokens,
					Cached: t.Usage.CachedTokens, Reasoning: t.Usage.ReasoningTokens,
				},
				TraceID: t.TraceID, Time: t.Time.UTC(),
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		writeJSON(w, http.StatusOK, "application/json", answer)
		return nil
	})
}

// deleteSession erases a conversation, and what is remembered of its user beyond it.
func (a *App) deleteSession(w http.ResponseWriter, r *http.Request) {
	a.withSession(w, r, "session deleted", func(ctx context.Context, id session.ID) error {
		if err := a.sessions.Delete(ctx, id); err != nil {
			return sessionError(ctx, err)
		}
		if id.UserID != anonymous {
			if err := a.sessions.Forget(ctx, id); err != nil {
				return sessionError(ctx, err)
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// withSession serves a request about the session in its path and the user in its query.
func (a *App) withSession(
	w http.ResponseWriter, r *http.Request, done string, serve func(context.Context, session.ID) error,
) {
	ctx, cancel := a.deadline(r.Context(), r.Header)
	defer cancel()
	id := session.ID{UserID: cmp.Or(r.URL.Query().Get("user_id"), anonymous), SessionID: r.PathValue("id")}
	rec := recordOf(r.Context())
	rec.message = done
	err := checkName("user_id", id.UserID)
	if err == nil {
		err = checkName("session_id", id.SessionID)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	rec.task = &agent.Task{UserID: id.UserID, SessionID: id.SessionID}
	if a.sessions == nil {
		a.fail(w, r, &agent.Error{Kind: agent.KindNotConfigured, Reason: "no_sessions",
			Message: "no conversations are kept here; set SESSION_STORE and restart"})
		return
	}
	if err := serve(ctx, id); err != nil {
		a.fail(w, r, err)
	}
}
