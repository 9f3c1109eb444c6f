package agent

import (
	"context"
	_ "embed"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
)

// DefaultMaxSteps is the step limit of a task that names none.
const DefaultMaxSteps = 10

//go:embed prompt.md
var defaultInstructions string

// Config is what an [Agent] may be told beyond its model. The zero value is an agent without tools or spans.
type Config struct {
	Name             string       // for the spans; default "gemini-agent"
	Description      string       // for the spans; default: none
	Instructions     string       // system instruction; default: prompt.md
	Tools            []Tool       // always on offer; of one name the first is taken, and before those of Sources
	Sources          []ToolSource // asked at each run, e.g. MCP servers
	Hooks            Hooks        // around each call of the model and of a tool
	Tracer           *agenttrace.AgentTracer
	Logger           *slog.Logger     // default: none
	ToolTimeout      time.Duration    // of one call; default 10s
	MaxParallelTools int              // calls of one reply that run at the same time; default 8
	MaxResultBytes   int              // longer tool results are cut before the model sees them; default 64 KiB
	Prices           *Prices          // what models cost; default PublishedPrices
	Now              func() time.Time // default time.Now; a price depends on the day
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "gemini-agent"
	}
	if c.Instructions == "" {
		c.Instructions = defaultInstructions
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ToolTimeout <= 0 {
		c.ToolTimeout = 10 * time.Second
	}
	if c.MaxParallelTools <= 0 {
		c.MaxParallelTools = 8
	}
	if c.MaxResultBytes <= 0 {
		c.MaxResultBytes = 64 << 10
	}
	if c.Prices == nil {
		c.Prices = PublishedPrices()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Agent runs tasks. It holds no state between runs and is safe for concurrent use.
type Agent struct {
	model    Model
	cfg      Config
	unpriced sync.Once // warns that limits of cost are not held

	tools atomic.Pointer[toolset] // of the latest run; its compiled schemas serve the next one
}

// New returns an agent on model. Tools with a name that Gemini would refuse, or that is taken, are left out with a
// warning in the log: one bad name would make the service refuse every request.
func New(model Model, cfg Config) *Agent {
	a := &Agent{model: model, cfg: cfg.withDefaults()}
	a.cfg.Tools = a.offer(context.Background(), a.cfg.Tools, nil).tools // what is left out is said once, not at each run with Sources
	return a
}

// Task is one thing to do. The caller has checked the limits of its fields.
type Task struct {
	Text      string
	UserID    string
	SessionID string // "" when the caller gave none
	Type      string
	MaxSteps  int    // default [DefaultMaxSteps]
	Budget    Budget // default: no limit

	// Turn is the task's place in its conversation, for the spans.
	Turn    agenttrace.SessionTurn
	Summary string   // of what was said before History; "": none
	Compact *Compact // to be summed up with it before the run; nil: nothing

	// ResponseSchema, when set, makes Response JSON text that satisfies it; a run that ends without fails with KindModel
	// and the reason response_schema.
	ResponseSchema *ResponseSchema

	// History is what was said before, oldest first, as Gemini contents; see [Result.Contents].
	History []json.RawMessage

	// Listener is told how the run goes on, and has the model stream its answers. Nil: nobody listens.
	Listener Listener
}

// Step is one round of tools.
type Step struct {
	Step        int      `json:"step"` // from 1
	ToolsCalled []string `json:"tools_called"`
	ToolsFailed []string `json:"tools_failed"` // of those, the ones whose call failed; not null
}

// The ways a run ends with a [Result]. All but ReasonStop mark the task's span as an error, so that its trace is
// kept.
const (
	ReasonStop      = "stop"       // Response is the answer
	ReasonMaxSteps  = "max_steps"  // the model wanted more tools than the task allows
	ReasonMaxTokens = "max_tokens" // Response is cut off at the model's limit
	ReasonBudget    = "budget"     // the task's budget ended it; Response is an answer without tools, or what was said before
	ReasonBlocked   = "blocked"    // prompt or answer held back; Response names the reason
	ReasonOther     = "other"      // the model stopped early and did not say why; Response is what it had said
)

// Result is what came of a task. Response is never empty.
type Result struct {
	Response     string
	Steps        []Step     // not nil
	FinishReason string     // one of the Reason constants
	Model        string     // the model that answered, as the service names it
	Spent                   // by the calls of the model
	Delegated    Spent      // by the sub-agents that were called
	Budget       *BudgetUse // nil: the task has none
	Attempts     int        // requests to the model's service, those that were tried again included; 0: the model does not say

	// PromptVersion is a short hash of the instructions and of the tools on offer: the same for runs with the same ones.
	PromptVersion string

	// Contents is what was said in this run as Gemini contents, for the History of a later one: the task, calls and
	// results, and the answer. What the model said is kept as it came, with its signatures. The sentences with which the
	// agent asked again are left out, and so are calls that were not run: every call in it has its result. An answer that
	// was held back is not in it. It is nil beside an error.
	Contents []json.RawMessage
	// SpanID is that of the run's agent.task in hexadecimal; "": it was not recorded.
	SpanID string

	Summary   string // with which the prompt began; "": none
	Compacted bool   // it was made in this run
}

// Run does the task within ctx. The Result is never nil: beside an error it says what is known, which is everything but
// Response and FinishReason. Failures are *Error: KindTimeout and KindCanceled when ctx ends, otherwise those of
// the model; tools cannot fail a run. When Run returns, its spans have ended. A tool that ignores its context may
// still be running; nothing waits for it.
func (a *Agent) Run(ctx context.Context, t Task) (*Result, error) {
	if t.MaxSteps <= 0 {
		t.MaxSteps = DefaultMaxSteps
	}
	r := &run{
		cfg:    &a.cfg,
		model:  a.model,
		info:   a.model.Info(),
		task:   t,
		result: Result{Steps: []Step{}},

		spending: spending{unpriced: &a.unpriced},
	}
	r.result.Model = r.info.Name

	ctx, span := a.cfg.Tracer.StartTask(ctx, agenttrace.TaskStart{
		AgentName:        a.cfg.Name,
		AgentDescription: a.cfg.Description,
		Description:      t.Text,
		Type:             t.Type,
		UserID:           t.UserID,
		SessionID:        t.SessionID,
		Model:            r.info.Name,
		Turn:             t.Turn,
	})
	r.result.SpanID = span.SpanID()
	end := errPanicked
	defer func() { span.End(r.taskResult(end), end) }()

	ctx = ContextWithCaller(ctx, t.UserID, t.SessionID)
	ctx, r.delegated = ContextWithDelegated(ctx)
	if t.Listener != nil {
		t.Listener.Begin()
	}
	r.tools = a.toolset(ctx)
	r.result.PromptVersion = r.tools.promptVersion
	err := r.converse(ctx)
	r.result.Delegated = r.delegated.Spent()
	if r.result.Budget == nil {
		r.result.Budget = r.budgetUse()
	}
	if err != nil {
		end = err
		return &r.result, err
	}
	end = r.outcome
	return &r.result, nil
}

// toolset returns the tools on offer now: the fixed ones, and what the sources have.
func (a *Agent) toolset(ctx context.Context) *toolset {
	latest := a.tools.Load()
	if len(a.cfg.Sources) == 0 {
		return latest
	}
	offers := make([][]Tool, len(a.cfg.Sources)) // asked at once: none waits for another
	var wg sync.WaitGroup
	for i, s := range a.cfg.Sources {
		wg.Go(func() { offers[i] = s.Tools(ctx) })
	}
	wg.Wait()
	return a.offer(ctx, slices.Concat(append([][]Tool{a.cfg.Tools}, offers...)...), latest)
}

// offer makes a toolset and keeps it for the runs to come.
func (a *Agent) offer(ctx context.Context, tools []Tool, before *toolset) *toolset {
	ts := newToolset(ctx, tools, before, a.cfg.Logger)
	ts.promptVersion = promptVersion(a.cfg.Instructions, ts.declarations)
	a.tools.Store(ts)
	return ts
}
