package agent

import "context"

// caller is who a request is served for, as they said themselves. The zero value is nobody in particular.
type caller struct{ userID, sessionID string }

type callerKey struct{}

// ContextWithCaller returns a context that says for whom a request is served, "" where the caller did not say.
// Delegations in it name the session on their spans, and the tool of [SubAgent.Tool] passes both on. [Agent.Run] does
// it for its tools by itself.
func ContextWithCaller(ctx context.Context, userID, sessionID string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{userID, sessionID})
}

// Caller says whom the run that ctx belongs to is for: the user_id and session_id of its task, as the caller gave them,
// unproven. sessionID is "" for a task without a conversation; both are "" outside of a run. Tools call it with the
// context they are given.
func Caller(ctx context.Context) (userID, sessionID string) {
	c := callerOf(ctx)
	return c.userID, c.sessionID
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}
