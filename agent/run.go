package agent

import (
	"context"
	"errors"
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/redact"
)

// stepType is the agent.step.type of every step: the model reasons over the results of its tools.
const stepType = "reasoning"

// run is one task on its way. It belongs to one goroutine.
type run struct {
	cfg   *Config
	model Model
	info  ModelInfo
	task  Task
	tools *toolset

	spending

	turns         []Turn
	result        Result
	finishReasons []string // of the latest reply
	outcome       error    // why the result is not a plain answer; for the task's span
	forming       bool     // tools are done with; what is left is the form of the answer
}

// loop asks, runs tools and asks again, until there is a result or an error.
func (r *run) loop(ctx context.Context) error {
	r.turns = append(history(r.task.History), Turn{Text: r.task.Text})
	reply, err := r.ask(ctx, 0, r.task.Text)
	for n := 1; err == nil; n++ {
		if r.exhausted || !reply.wantsTools() {
			if reply, err = r.conform(ctx, n-1, reply); err != nil {
				return err
			}
			if err := r.finish(reply); err != nil {
				return err
			}
			return r.keep(reply)
		}
		if spent := !r.fits(1); spent || n > r.task.MaxSteps {
			if err := r.stopAtLimit(reply, spent); err != nil {
				return err
			}
			r.turns = r.turns[:len(r.turns)-1] // the calls that were not run
			return r.keep(reply)
		}
		reply, err = r.step(ctx, n, reply.Calls)
	}
	return err
}

// step runs the tools the model asked for and gives it the results.
func (r *run) step(ctx context.Context, n int, calls []Call) (reply *Reply, err error) {
	ctx, span := r.cfg.Tracer.StartStep(ctx, n, stepType)
	err = errPanicked
	defer func() { span.End(err) }()

	names := make([]string, len(calls))
	for i, c := range calls {
		names[i] = c.Name
	}
	r.result.Steps = append(r.result.Steps, Step{Step: n, ToolsCalled: names, ToolsFailed: []string{}})
	if l := r.task.Listener; l != nil {
		l.Step(n, names)
	}

	results := r.callTools(ctx, calls)
	done := &r.result.Steps[len(r.result.Steps)-1]
	for _, res := range results {
		if res.Error != "" {
			done.ToolsFailed = append(done.ToolsFailed, res.Name)
		}
	}
	if e := contextError(ctx); e != nil {
		err = e
		return nil, err
	}
	r.turns = append(r.turns, Turn{Results: results})
	// The preview names the tools and shows nothing of their results, which may hold anything.
	reply, err = r.ask(ctx, n, "results of "+strings.Join(names, ", "))
	return reply, err
}

// The model is asked again once when its reply cannot be used, with a sentence that says what was wrong.
const (
	nudgeMalformed = "Your last function call could not be read. Call the function again with valid JSON arguments " +
		"that fit its schema, or answer in plain text."
	nudgeUnexpected = "You called a function that is not on offer. Call only the declared functions, or answer in " +
		"plain text."
	nudgeTooMany = "You called functions too many times in a row. Answer now in plain text with what you have found."
	nudgeEmpty   = "Your last reply held no answer. Answer the task now in plain text, or call a function."
)

// wantsTools reports whether the reply is a request for tools. Calls come whole, so one that was cut off after them
// counts; what was held back does not.
func (p *Reply) wantsTools() bool {
	return len(p.Calls) > 0 && p.Finish != FinishBlocked
}

// flaw says what makes a reply unusable: the reason for the error, the sentence for the model and the one for the
// caller. An empty reason means the reply can be used.
func (p *Reply) flaw() (reason, nudge, message string) {
	switch {
	case p.Finish == FinishMalformedCall:
		return string(p.Finish), nudgeMalformed, "The model asked for a tool in a form that cannot be read, twice."
	case p.Finish == FinishUnexpectedCall:
		return string(p.Finish), nudgeUnexpected, "The model asked for a tool where none was on offer, twice."
	case p.Finish == FinishTooManyCalls:
		return string(p.Finish), nudgeTooMany, "The model asked for too many tools in a row, twice."
	case p.Finish != FinishStop || len(p.Calls) > 0 || strings.TrimSpace(p.Text) != "":
		return "", "", ""
	case p.Thoughts:
		return "thought_only", nudgeEmpty, "The model thought but did not answer, twice."
	default:
		return "empty", nudgeEmpty, "The model gave an empty answer, twice."
	}
}

// ask asks the model, and once more when the reply is flawed. A reply with calls is in the conversation afterwards.
func (r *run) ask(ctx context.Context, step int, preview string) (*Reply, error) {
	if last, err := r.atBudget(ctx, step); last != nil || err != nil {
		return last, err
	}
	reply, err := r.generate(ctx, step, preview)
	if err != nil {
		return nil, err
	}
	if _, nudge, _ := reply.flaw(); nudge != "" {
		if last, err := r.atBudget(ctx, step); last != nil || err != nil {
			return last, err
		}
		// The flawed reply itself stays out: without parts the service would refuse it, and it holds no call to answer.
		r.turns = append(r.turns, Turn{Text: nudge, nudge: true})
		if reply, err = r.generate(ctx, step, nudge); err != nil {
			return nil, err
		}
		if reason, _, message := reply.flaw(); reason != "" {
			return nil, &Error{Kind: KindModel, Reason: reason, Message: message + " Try again, or put the task differently."}
		}
	}
	if reply.wantsTools() {
		r.turns = append(r.turns, reply.turn())
	}
	return reply, nil
}

// generate makes one logical call of the model, with its span.
func (r *run) generate(ctx context.Context, step int, preview string) (reply *Reply, err error) {
	req := r.request()
	ctx, span := r.cfg.Tracer.StartModelCall(ctx, r.info.Parameters.onSpan(agenttrace.ModelCallStart{
		Model:         r.info.Name,
		Step:          step,
		Compacted:     r.result.Summary != "",
		Provider:      r.info.Provider,
		ServerAddress: r.info.ServerAddress,
		ServerPort:    r.info.ServerPort,
		Prompt:        preview,
		SessionID:     r.task.SessionID,
		Content:       req.content,
		OutputType:    req.outputType(),
		Stream:        r.streams(),
	}))
	var out agenttrace.ModelCallResult
	end := errPanicked
	defer func() { span.End(out, end) }()

	if err = r.cfg.Hooks.beforeModel(ctx, req); err == nil {
		reply, err = r.answer(ctx, req, step, span)
	}
	if reply != nil { // beside an error: what there was of it
		out = r.described(ctx, reply)
	}
	if err != nil {
		failure := asError(ctx, err)
		r.result.Attempts += failure.Attempts
		end = failure
		return nil, failure
	}
	r.result.Attempts += reply.Attempts
	if err = r.cfg.Hooks.afterModel(ctx, req, reply); err != nil {
		failure := asError(ctx, err)
		end = failure
		return nil, failure
	}
	end = replyError(reply)
	return reply, nil
}

// described keeps what the result says of a reply, and returns what its span says.
func (r *run) described(ctx context.Context, reply *Reply) agenttrace.ModelCallResult {
	out := agenttrace.ModelCallResult{
		CostUSD:       r.note(ctx, reply),
		ResponseModel: reply.Model,
		ResponseID:    reply.ID,
		Usage:         reply.Usage,
		FinishReasons: reply.FinishReasons,
		FirstContent:  reply.FirstContent,
	}
	if reply.Turn.Message != nil {
		out.Output = func() []agenttrace.Message { return []agenttrace.Message{reply.Turn.Message()} }
	}
	return out
}

// note keeps what the result says about all replies, and returns what this one cost.
func (r *run) note(ctx context.Context, reply *Reply) (cost *float64) {
	if reply.Model != "" {
		r.result.Model = reply.Model
	}
	r.finishReasons = reply.FinishReasons
	cost = r.cfg.Prices.Cost(r.result.Model, r.cfg.Now(), reply.Usage)
	r.result.add(reply.Usage, cost)
	r.spend(ctx, reply, cost)
	return cost
}

// maxSaid bounds what is shown of a call that cannot be read, in runes.
const maxSaid = 300

// replyError is what the model call's span says about a reply that is not a good one; nil for a good one.
func replyError(p *Reply) error {
	reason, _, _ := p.flaw()
	switch {
	case reason == "" && (p.Finish == FinishStop || p.wantsTools()):
		return nil
	case p.Finish == FinishStop:
		return &Error{Kind: KindModel, Reason: reason, Message: "The reply holds no answer."}
	}
	e := &Error{Kind: KindModel, Reason: string(p.Finish), Message: "The reply ended early."}
	if p.Detail != "" {
		e.Message = "The reply ended early: " + p.Detail + "."
	}
	if p.Said != "" { // only the span of the call shows it, as a preview
		e.Err = errors.New(redact.Preview(p.Said, maxSaid))
	}
	return e
}
