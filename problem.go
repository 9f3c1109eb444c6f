package function

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/tracing"
)

// statusClientGone is logged and traced when the caller went away; nobody receives it.
const statusClientGone = 499

// statuses is the one table from the agent's failures to HTTP statuses.
var statuses = map[agent.ErrorKind]int{
	agent.KindQuota:         http.StatusTooManyRequests,
	agent.KindModel:         http.StatusBadGateway,
	agent.KindSubAgent:      http.StatusBadGateway,
	agent.KindNotConfigured: http.StatusServiceUnavailable,
	agent.KindTimeout:       http.StatusGatewayTimeout,
	agent.KindCanceled:      statusClientGone,
	agent.KindLoop:          http.StatusBadGateway, // it is the agents behind this one that are misconfigured
	agent.KindInternal:      http.StatusInternalServerError,
}

// quotaRetryAfter is told to the caller when the model did not say how long its quota stays spent.
const quotaRetryAfter = 30 * time.Second

// problem is an error answer as of RFC 9457, section 3.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail"`
	Field   string `json:"field,omitempty"` // of the request body, or agent of the query
	Usage   *usage `json:"usage,omitempty"` // what a failed task had used up, for the budget of who delegated it
	TraceID string `json:"trace_id,omitempty"`

	retryAfter time.Duration // 0: nothing is said
}

const internalError = "internal error; try again later"

// requestError is a request that cannot be served as it is. Its text is for the caller.
type requestError struct {
	status int
	field  string
	text   string
	logged string // for the log in place of text, which repeats something of the caller's or keeps a cause to itself; else ""
}

func badRequest(status int, field, text string) *requestError {
	return &requestError{status: status, field: field, text: text}
}

func (e *requestError) Error() string { return e.text }

// fail answers err: its public text to the caller, its cause to the log.
func (a *App) fail(w http.ResponseWriter, r *http.Request, err error) {
	recordOf(r.Context()).err = err
	p := newProblem(r.Context(), err)
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// newProblem is what a caller is told of err.
func newProblem(ctx context.Context, err error) problem {
	p := problem{
		Type: "about:blank", Status: http.StatusInternalServerError, Detail: internalError,
		TraceID: tracing.TraceID(ctx), Usage: recordOf(ctx).usage(),
	}
	var bad *requestError
	var failed *agent.Error
	switch {
	case errors.As(err, &bad):
		p.Status, p.Field, p.Detail = bad.status, bad.field, bad.text
	case errors.As(err, &failed):
		if status, ok := statuses[failed.Kind]; ok {
			p.Status = status
		}
		p.Detail = failed.Message
		if failed.Kind == agent.KindCanceled && context.Cause(ctx) == tracing.ErrDraining {
			p.Status, p.Detail = http.StatusServiceUnavailable, "this instance is shutting down; send the task again"
		}
		if failed.Kind == agent.KindQuota {
			if p.retryAfter = failed.RetryAfter; p.retryAfter <= 0 {
				p.retryAfter = quotaRetryAfter
			}
		}
	}
	if p.Title = http.StatusText(p.Status); p.Title == "" {
		p.Title = "Client Closed Request"
	}
	return p
}

func (a *App) notFound(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, badRequest(http.StatusNotFound, "", "there is nothing here; POST to "+executePath+" or "+delegatePath))
}

func (a *App) methodNotAllowed(methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		a.fail(w, r, badRequest(http.StatusMethodNotAllowed, "", "this path takes "+strings.Join(methods, " and ")+" only"))
	}
}

// panicked answers after a panic in a handler. The value of the panic may hold anything: only its type is logged,
// the span has the rest.
func (a *App) panicked(w http.ResponseWriter, r *http.Request, v any) {
	a.fail(w, r, &agent.Error{Kind: agent.KindInternal, Reason: "panic", Message: internalError, Err: fmt.Errorf("panic of type %T", v)})
}
