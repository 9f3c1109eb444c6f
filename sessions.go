package function

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/session"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/redact"
)

// sessionVariables are the settings of this file.
var sessionVariables = []string{
	"SESSION_STORE", "SESSION_TTL", "SESSION_MAX_TURNS", "SESSION_MAX_TOKENS", "FIRESTORE_DATABASE", "FIRESTORE_EMULATOR_HOST",
	"SESSION_SUMMARY", "LONG_TERM_MEMORY",
}

// wireSessions settles where conversations are kept. Nothing is opened before the first request that has a session. A
// deployed function keeps none unless it was told where: its instances do not see each other's memory.
func (a *App) wireSessions(service string) {
	settings := env.NewReader(a.cfg.Getenv)
	standard := "memory"
	if settings.Environment().Production {
		standard = "none"
	}
	cfg := session.Config{
		Service:   service,
		MaxTurns:  settings.Int("SESSION_MAX_TURNS", 50, 1, 1000),
		MaxTokens: settings.Int("SESSION_MAX_TOKENS", 100_000, 1, 10_000_000),
		TTL:       settings.Duration("SESSION_TTL", 30*24*time.Hour, time.Minute, 10*365*24*time.Hour),
		Tracer:    a.provider.AgentTracer(),
	}
	a.store = a.cfg.Sessions
	switch store := settings.Enum("SESSION_STORE", standard, "memory", "firestore", "none"); {
	case a.store != nil:
	case store == "memory":
		a.store = session.NewMemory(session.MemoryConfig{})
	case store == "firestore":
		a.store = session.NewFirestore(session.FirestoreConfig{
			Project:  settings.String("GOOGLE_CLOUD_PROJECT"),
			Database: settings.String("FIRESTORE_DATABASE"),
			Emulator: settings.String("FIRESTORE_EMULATOR_HOST"),
		})
	}
	a.summaries = settings.Bool("SESSION_SUMMARY", false)
	longTerm := settings.Bool("LONG_TERM_MEMORY", false)
	if a.store != nil {
		a.sessions = session.New(a.store, cfg)
	} else if longTerm {
		settings.Warn("LONG_TERM_MEMORY", "there is nothing to remember in; set SESSION_STORE")
	}
	if a.sessions != nil && longTerm {
		a.facts = session.FactTools(a.sessions, anonymous)
	}
	a.warn(settings.Err())
}

// close frees what the app holds of other services.
func (a *App) close() {
	_ = a.mcp.Close() // has no errors
	if a.store != nil {
		_ = a.store.Close() // nobody waits for the store any more
	}
}

// turn is what one request adds to its conversation. Without a session, and without a store, it adds nothing. It belongs to
// the request's goroutine.
type turn struct {
	app  *App
	id   session.ID
	conv *session.Conversation // nil: nothing is kept
	over bool                  // completed or released

	summary session.Summary // with which the prompt begins
	upTo    int             // the last turn of the summary that the run makes, if it makes one
}

// openTurn reserves the next turn of the task's session before the model is paid for, and tells the task what was said
// before. The turn is to be released, which does nothing once it is completed.
func (a *App) openTurn(ctx context.Context, task *agent.Task, rec *taskRecord) (*turn, error) {
	t := &turn{app: a, id: session.ID{UserID: task.UserID, SessionID: task.SessionID}}
	if a.sessions == nil || task.SessionID == "" {
		return t, nil
	}
	conv, err := a.sessions.Begin(ctx, t.id)
	if err != nil {
		return nil, sessionError(ctx, err)
	}
	t.conv, rec.turn = conv, conv.Turn
	if a.summaries {
		if t.summary, task.Compact, t.upTo, err = conv.Summarize(ctx); err != nil {
			t.release(ctx)
			return nil, sessionError(ctx, err)
		}
		task.Summary = t.summary.Text
	}
	task.History = conv.Contents()
	task.Turn = agenttrace.SessionTurn{Number: conv.Turn, Dropped: conv.Dropped}
	if p := conv.Previous; p != nil {
		task.Turn.PreviousTraceID, task.Turn.PreviousSpanID = p.TraceID, p.SpanID
	}
	return t, nil
}

// complete stores what came of the run and says in its answer whether that is kept. A failure costs the caller nothing
// but the memory of this turn; the span of the writing is an error, so the trace is kept.
func (t *turn) complete(ctx context.Context, task agent.Task, result *agent.Result, answer *response) {
	if t.id.SessionID == "" {
		return
	}
	saved := false
	if t.conv != nil {
		t.over = true // after a failed writing the place stays taken: what was written may still arrive
		done := session.TurnOf(task, result, tracing.TraceID(ctx))
		if done.Summary, done.Summarized = t.summary.Text, t.summary.UpTo; result.Compacted {
			done.Summary, done.Summarized = result.Summary, t.upTo
		}
		err := t.conv.Complete(ctx, done)
		if saved = err == nil; !saved {
			t.app.warnStore(ctx, "the turn could not be stored; its answer went out with session_saved false", err)
		}
		answer.Turn = t.conv.Turn
	}
	answer.SessionID, answer.SessionSaved = t.id.SessionID, &saved
}

// release gives the place of a turn back whose run came to nothing. Without a word from us it lapses a little after the
// request's deadline.
func (t *turn) release(ctx context.Context) {
	if t == nil || t.conv == nil || t.over {
		return
	}
	t.over = true
	if err := t.conv.Release(ctx); err != nil {
		t.app.warnStore(ctx, "the place of a failed turn could not be given back; its session waits until it lapses", err)
	}
}

func (a *App) warnStore(ctx context.Context, message string, err error) {
	a.logger.WarnContext(ctx, message, "error", redact.Text(err.Error()))
}

// sessionError is what the caller is told of a session that could not be opened, read or deleted.
func sessionError(ctx context.Context, err error) error {
	busy := (*session.BusyError)(nil)
	switch ended := ctx.Err(); {
	case errors.As(err, &busy):
		text := "another request of this session is running; send the task again when it is answered"
		if wait := time.Until(busy.Until); wait > 0 {
			text += fmt.Sprintf(", or in %d s at the latest", int(wait.Seconds())+1)
		}
		return badRequest(http.StatusConflict, "session_id", text)
	case errors.Is(ended, context.DeadlineExceeded):
		return &agent.Error{Kind: agent.KindTimeout, Reason: "timeout", Err: err, Message: "The session store did not answer in time."}
	case ended != nil:
		return &agent.Error{Kind: agent.KindCanceled, Reason: "canceled", Err: err, Message: "The caller canceled the request."}
	}
	bad := badRequest(http.StatusServiceUnavailable, "",
		"the session store cannot be reached; nothing was spent. Try again later, or send the task without session_id")
	bad.logged = bad.text + ": " + err.Error()
	return bad
}
