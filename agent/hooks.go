package agent

import (
	"context"
	"errors"
)

// Hooks are called around each call of the model and of a tool: to guard, to approve, to mask, to count. Each may be nil.
// They run within the call's span and time, those of tools at the same time for several calls, so they must be safe for
// concurrent use; one that does not mind its context holds up the run.
//
//   - An error of a model's hook ends the run, an *Error as it is, any other as KindInternal with the reason hook. So does a
//     panic.
//   - An error of a tool's hook is the call's: the model gets its text as the tool's error, and the run goes on. A panic is
//     one of the tool.
type Hooks struct {
	// BeforeModel gets the request to be sent. It may change Instructions and Tools of this one call, and nothing else.
	BeforeModel func(ctx context.Context, req *Request) error
	// AfterModel gets the reply to a request that did not fail, and must not change it. After an error it is as if there
	// had been none; its tokens are counted all the same.
	AfterModel func(ctx context.Context, req *Request, reply *Reply) error
	// BeforeTool gets a copy of the arguments, which have been checked. After an error the tool is not called.
	BeforeTool func(ctx context.Context, tool Tool, args map[string]any) error
	// AfterTool gets what the tool returned, which is nil beside an error, and returns what the model gets in its place. It is
	// not called when BeforeTool has failed.
	AfterTool func(ctx context.Context, tool Tool, out any, err error) (any, error)
}

// modelHook calls a hook of the model.
func modelHook(hook func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			fault := panicFault(v)
			err = &Error{Kind: KindInternal, Reason: "hook_panic", Err: fault, Message: "A hook of the agent failed unexpectedly."}
		}
	}()
	if err = hook(); err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Kind: KindInternal, Reason: "hook", Err: err, Message: "A hook of the agent refused the call of the model."}
}

func (h *Hooks) beforeModel(ctx context.Context, req *Request) error {
	if h.BeforeModel == nil {
		return nil
	}
	return modelHook(func() error { return h.BeforeModel(ctx, req) })
}

func (h *Hooks) afterModel(ctx context.Context, req *Request, reply *Reply) error {
	if h.AfterModel == nil {
		return nil
	}
	return modelHook(func() error { return h.AfterModel(ctx, req, reply) })
}

// call calls the tool between its hooks.
func (h *Hooks) call(ctx context.Context, t Tool, args map[string]any) (any, error) {
	if h.BeforeTool != nil {
		shown, _ := clone(args).(map[string]any)
		if err := h.BeforeTool(ctx, t, shown); err != nil {
			return nil, err
		}
	}
	out, err := t.Call(ctx, args)
	if h.AfterTool != nil {
		if err != nil {
			out = nil
		}
		return h.AfterTool(ctx, t, out, err)
	}
	return out, err
}
