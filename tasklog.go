package function

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
	"example.com/gemini-agent/tracing/httptrace"
	"example.com/gemini-agent/tracing/redact"
)

// taskRecord gathers what the one log line of a request says. It belongs to the request's goroutine.
type taskRecord struct {
	began     time.Time
	message   string        // of the line, where the request is no task
	task      *agent.Task   // nil: the request was refused before
	turn      int           // of its session; 0: none is kept
	result    *agent.Result // nil: the agent did not run here
	delegated agent.Spent   // by a sub-agent that did all of the work
	err       error         // why it was answered with a problem
}

type recordContextKey struct{}

// recordOf is the record of a request; outside of one, a record that nobody reads.
func recordOf(ctx context.Context) *taskRecord {
	if rec, ok := ctx.Value(recordContextKey{}).(*taskRecord); ok {
		return rec
	}
	return new(taskRecord)
}

// recorded gives each request its record.
func recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordContextKey{}, &taskRecord{began: time.Now()})))
	})
}

// logDone writes the one line of an invocation, when it is known what became of its trace: "task done" for execute and
// delegate, "request refused" for what is neither. INFO up to 399, WARN up to 499, ERROR from 500. It holds no prompt, no
// argument and no answer. The names of its fields are contracts: metrics, alerts and queries read them.
//
//	http.response.status_code          number  499: the client went away first
//	user, session                      string  as the caller says; not with LOG_IDENTITIES=false
//	turn                               number  of the session; absent without one
//	finish_reason                      string  stop, max_steps, max_tokens, budget, blocked, other; "" of a failed run
//	model                              string  the one that answered
//	prompt_version                     string  of instructions and tools, as agent.prompt.version
//	steps                              number  rounds of tools
//	tools, tools_failed                list    names, one a call, in their order
//	attempts                           number  requests to the model's service, those that were tried again included
//	input_tokens, output_tokens,       number  of this service's model calls; cached is part of input, reasoning of output
//	cached_tokens, reasoning_tokens
//	cost_usd                           number  of the same; absent when a price is not known
//	delegated                          object  the same five of sub-agents, as they say; absent without any
//	budget                             object  unit (tokens or usd), limit and used, of the closest limit; absent without any
//	duration_ms                        number
//	kept                               bool    the trace is at the backend, or on its way
//	reason                             string  why it was kept, as sampling.reason has it; absent when it was not
//	spans_kept, spans_dropped,         number  of the process since its last line that has them: their sums over all
//	spans_retried                              lines are the totals
//	error                              string  the cause of a problem, redacted; absent of an answer
//	error_type                         string  its error.type; absent when the request is at fault, of which the status tells
//
// From finish_reason to cost_usd, and budget, the fields are there whenever the agent has run, failed or not.
func (a *App) logDone(r *http.Request, status int, o httptrace.Outcome) {
	rec := recordOf(r.Context())
	message, level := "task done", slog.LevelInfo
	if rec.task == nil && r.URL.Path != executePath && r.URL.Path != delegatePath {
		message = "request refused"
	}
	if rec.message != "" && rec.task != nil {
		message = rec.message
	}
	switch {
	case status >= 500 || status == 0 && rec.err != nil:
		level = slog.LevelError
	case status >= 400:
		level = slog.LevelWarn
	}
	fields := make([]slog.Attr, 0, 32)
	fields = append(fields, tracing.HTTPStatus(status))
	if t := rec.task; t != nil && a.logIdentities {
		fields = append(fields, slog.String("user", t.UserID))
		if t.SessionID != "" {
			fields = append(fields, slog.String("session", t.SessionID))
		}
	}
	if rec.turn > 0 {
		fields = append(fields, slog.Int("turn", rec.turn))
	}
	fields = appendRun(fields, rec)
	fields = append(fields, slog.Float64("duration_ms", float64(time.Since(rec.began).Microseconds())/1000), slog.Bool("kept", o.Kept))
	if o.Reason != "" {
		fields = append(fields, slog.String("reason", o.Reason))
	}
	if a.logger.Enabled(r.Context(), level) { // what is told here is told nowhere else
		fields = append(fields, a.provider.UnreportedSpans()...)
	}
	if rec.err != nil {
		text := rec.err.Error()
		if bad := (*requestError)(nil); errors.As(rec.err, &bad) && bad.logged != "" {
			text = bad.logged
		}
		fields = append(fields, slog.String("error", redact.Text(text)))
		if failed := (*agent.Error)(nil); errors.As(rec.err, &failed) {
			fields = append(fields, slog.String("error_type", failed.ErrorType()))
		}
	}
	a.logger.LogAttrs(r.Context(), level, message, fields...)
}

// appendRun appends what is known of the run.
func appendRun(fields []slog.Attr, rec *taskRecord) []slog.Attr {
	if res := rec.result; res != nil {
		tools, failed := []string{}, []string{}
		for _, s := range res.Steps {
			tools, failed = append(tools, s.ToolsCalled...), append(failed, s.ToolsFailed...)
		}
		fields = append(fields,
			slog.String("finish_reason", res.FinishReason), slog.String("model", res.Model),
			slog.String("prompt_version", res.PromptVersion),
			slog.Int("steps", len(res.Steps)), slog.Any("tools", tools), slog.Any("tools_failed", failed), slog.Int("attempts", res.Attempts))
		fields = appendSpent(fields, res.Spent)
		if b := res.Budget; b != nil {
			fields = append(fields, slog.Group("budget",
				slog.String("unit", b.Unit), slog.Float64("limit", b.Limit), slog.Float64("used", b.Used)))
		}
		rec.delegated = res.Delegated
	}
	if d := rec.delegated; d != (agent.Spent{}) {
		fields = append(fields, slog.GroupAttrs("delegated", appendSpent(nil, d)...))
	}
	return fields
}

// appendSpent appends what model calls have used up.
func appendSpent(fields []slog.Attr, s agent.Spent) []slog.Attr {
	fields = append(fields,
		slog.Int("input_tokens", s.Usage.InputTokens), slog.Int("output_tokens", s.Usage.OutputTokens),
		slog.Int("cached_tokens", s.Usage.CachedInputTokens), slog.Int("reasoning_tokens", s.Usage.ReasoningTokens))
	if s.CostUSD != nil {
		fields = append(fields, slog.Float64("cost_usd", *s.CostUSD))
	}
	return fields
}
