package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"example.com/gemini-agent/agent/toolschema"
	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// toolGrace is how long a tool may take to return once its context has ended, before it is left behind. Tools that
// mind their context end their own spans in that time, so that the trace is whole.
const toolGrace = 100 * time.Millisecond

// maxToolError is the longest error text of a tool that the model gets, in bytes.
const maxToolError = 2 << 10

// callTools runs the calls of one reply at the same time, at most MaxParallelTools of them, and returns their results
// in the order of the calls. Their spans start in that order too.
func (r *run) callTools(ctx context.Context, calls []Call) []ToolResult {
	results := make([]ToolResult, len(calls))
	shares := r.allot(calls)
	if len(calls) == 1 {
		results[0] = r.startTool(context.WithValue(ctx, allowanceKey{}, shares[0]), calls[0])()
		return results
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, r.cfg.MaxParallelTools)
	for i, c := range calls {
		slots <- struct{}{}
		wait := r.startTool(context.WithValue(ctx, allowanceKey{}, shares[i]), c)
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = wait()
		})
	}
	wg.Wait()
	return results
}

// startTool opens the span of one call and returns the function that runs the tool, ends the span and returns the
// result.
func (r *run) startTool(ctx context.Context, c Call) func() ToolResult {
	i, known := r.tools.index[c.Name]
	var tool Tool
	if known {
		tool = r.tools.tools[i]
	}
	step := len(r.result.Steps)
	ctx, span := r.cfg.Tracer.StartToolCall(ctx, agenttrace.ToolCallStart{
		Name:        spanName(c.Name),
		CallID:      c.ID,
		Description: tool.Description,
		Type:        tool.Type,
		AgentName:   r.cfg.Name,
		SessionID:   r.task.SessionID,
		Args:        c.Args,
		ReadOnly:    tool.ReadOnly,
	})
	return func() ToolResult {
		res := ToolResult{ID: c.ID, Name: c.Name}
		var err error
		if !known {
			err = &ToolError{Reason: "unknown_tool",
				Text: "there is no tool of that name; the tools on offer are: " + r.tools.names()}
		} else {
			res.Output, err = r.callTool(ctx, tool, r.tools.schemas[i], c.Args)
		}
		if err != nil {
			if semconv.ErrorType(err) == "_OTHER" { // an error of the tool's own without a name
				err = &ToolError{Reason: "tool_error", Text: err.Error(), Err: err}
			}
			r.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "tool failed",
				slog.String("tool", spanName(c.Name)), slog.String("error_type", semconv.ErrorType(err)))
			res.Output, res.Error = nil, errorForModel(err)
		}
		span.End(agenttrace.ToolCallResult{
			Size: len(res.Output) + len(res.Error),
			Result: func() any {
				if res.Error != "" {
					return map[string]any{"error": res.Error}
				}
				return decoded(res.Output)
			},
		}, err)
		if l := r.task.Listener; l != nil {
			l.Tool(step, c.Name, err == nil)
		}
		return res
	}
}

// callTool checks the arguments, runs the tool within its time and returns its result as JSON of bounded size.
func (r *run) callTool(ctx context.Context, t Tool, schema *toolschema.Schema, args map[string]any) (json.RawMessage, error) {
	// The tool gets a copy: the original is part of the conversation, and a tool left behind may still use its arguments
	// while the conversation is being sent.
	args, _ = clone(args).(map[string]any)
	if args == nil {
		args = map[string]any{}
	}
	if err := schema.Check(args); err != nil {
		return nil, &ToolError{Reason: "invalid_arguments", Text: "invalid arguments: " + err.Error()}
	}
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = r.cfg.ToolTimeout
	}
	toolCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	return await(ctx, toolCtx, timeout, r.runTool(toolCtx, t, args))
}

// outcome is what a tool returned.
type outcome struct {
	out json.RawMessage
	err error
}

// runTool starts the tool on a goroutine of its own. The channel gets one value whatever the tool does, if it ever
// ends.
func (r *run) runTool(ctx context.Context, t Tool, args map[string]any) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		o := outcome{err: &ToolError{Reason: "exited", Text: "the tool ended without a result"}} // runtime.Goexit
		defer func() {
			if v := recover(); v != nil {
				o = outcome{err: panicFault(v)}
			}
			done <- o
		}()
		if out, err := r.cfg.Hooks.call(ctx, t, args); err != nil {
			o = outcome{err: err}
		} else {
			raw, err := encode(out, r.cfg.MaxResultBytes)
			o = outcome{raw, err}
		}
	}()
	return done
}

// await waits for the tool until its context ends, and then a little longer. Which context ended decides what is
// said: the tool was too slow, or the run is over.
func await(ctx, toolCtx context.Context, timeout time.Duration, done <-chan outcome) (json.RawMessage, error) {
	var o outcome
	select {
	case o = <-done:
	case <-toolCtx.Done():
		grace := time.NewTimer(toolGrace)
		defer grace.Stop()
		select {
		case o = <-done:
		case <-grace.C:
			o.err = toolCtx.Err()
		}
	}
	if o.err == nil || toolCtx.Err() == nil {
		return o.out, o.err
	}
	if e := contextError(ctx); e != nil {
		return nil, &ToolError{Reason: e.Reason, Text: "the task ended before the tool did"}
	}
	if errors.Is(o.err, context.DeadlineExceeded) {
		return nil, &ToolError{Reason: "timeout", Text: fmt.Sprintf("the tool did not answer within %s", timeout)}
	}
	return nil, o.err
}

// encode returns out as JSON. A result of more than maxBytes is replaced by a text of its first part which says so.
func encode(out any, maxBytes int) (json.RawMessage, error) {
	raw, err := marshal(out)
	if err != nil {
		return nil, &ToolError{Reason: "invalid_result", Text: "the tool's result cannot be written as JSON"}
	}
	if len(raw) <= maxBytes {
		return raw, nil
	}
	text := string(raw)
	if s, ok := out.(string); ok {
		text = s
	}
	note := fmt.Sprintf("\n[cut: the result has %d bytes, more than the %d a tool may return; ask for less]",
		len(raw), maxBytes)
	return marshal(redact.Bytes(text, maxBytes) + note)
}

// marshal is json.Marshal without the escapes for HTML, which would only cost the model tokens.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// errorForModel is the text of a tool's error that the model gets: of an *Error the part for callers, redacted and
// cut.
func errorForModel(err error) string {
	text := err.Error()
	if e, ok := errors.AsType[*Error](err); ok {
		text = e.Message
	}
	if text == "" {
		text = "the tool failed"
	}
	return redact.Bytes(redact.Text(text), maxToolError)
}

// panicFault describes a panic without its value, which may hold anything; runtime errors say only what went wrong in
// the code. The place is the line that panicked.
func panicFault(v any) *ToolError {
	text := "the tool failed unexpectedly"
	if err, ok := v.(runtime.Error); ok {
		text += ": " + err.Error()
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			text += fmt.Sprintf(" (%s:%d)", filepath.Base(f.File), f.Line)
			break
		}
	}
	return &ToolError{Reason: "panic", Text: text}
}

// clone copies a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		s := make([]any, len(v))
		for i, e := range v {
			s[i] = clone(e)
		}
		return s
	}
	return v
}
