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
	task      *agent.Task   // nil: the request was refused before
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

// logDone writes the one line of an invocation, when it is known what became of its trace. It holds no prompt, no
// argument and no answer; with LOG_IDENTITIES=false no user and no session either. The names of its fields are
// contracts: metrics and alerts read them.
func (a *App) logDone(r *http.Request, status int, o httptrace.Outcome) {
	rec := recordOf(r.Context())
	message, level := "task done", slog.LevelInfo
	if rec.task == nil && r.URL.Path != executePath && r.URL.Path != delegatePath {
		message = "request refused"
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
	fields = appendRun(fields, rec)
	fields = append(fields, slog.Float64("duration_ms", float64(time.Since(rec.began).Microseconds())/1000), slog.Bool("kept", o.Kept))
	if o.Reason != "" {
		fields = append(fields, slog.String("reason", o.Reason))
	}
	if rec.err != nil {
		text := rec.err.Error()
		if bad := (*requestError)(nil); errors.As(rec.err, &bad) && bad.logged != "" {
			text = bad.logged
		}
		fields = append(fields, slog.String("error", redact.Text(text)))
		if failed := (*agent.Error)(nil); errors.As(rec.err, &failed) {
			fields = append(fields, slog.String("error_type", failed.Reason))
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
			slog.Int("steps", len(res.Steps)), slog.Any("tools", tools), slog.Any("tools_failed", failed),
			slog.Int("input_tokens", res.Usage.InputTokens), slog.Int("output_tokens", res.Usage.OutputTokens),
			slog.Int("cached_tokens", res.Usage.CachedInputTokens), slog.Int("reasoning_tokens", res.Usage.ReasoningTokens))
		if res.CostUSD != nil {
			fields = append(fields, slog.Float64("cost_usd", *res.CostUSD))
		}
		rec.delegated = res.Delegated
	}
	if d := rec.delegated; d != (agent.Spent{}) {
		group := []any{
			slog.Int("input_tokens", d.Usage.InputTokens), slog.Int("output_tokens", d.Usage.OutputTokens),
			slog.Int("cached_tokens", d.Usage.CachedInputTokens), slog.Int("reasoning_tokens", d.Usage.ReasoningTokens),
		}
		if d.CostUSD != nil {
			group = append(group, slog.Float64("cost_usd", *d.CostUSD))
		}
		fields = append(fields, slog.Group("delegated", group...))
	}
	return fields
}
