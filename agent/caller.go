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

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}
