package agent

// ToolError is the failure of a tool with a text for the model, a name for error.type and a private cause. A tool may
// return any error; this one also says of what kind the failure is.
type ToolError struct {
	Reason string // error.type: few different names, e.g. "timeout", "invalid_arguments", "404"
	Text   string // for the model and for the span
	Err    error  // private cause; may be nil
}

func (e *ToolError) Error() string { return e.Text }

// ErrorType names the failure for the error.type attribute (see semconv.ErrorType).
func (e *ToolError) ErrorType() string { return e.Reason }

// Unwrap returns the private cause.
func (e *ToolError) Unwrap() error { return e.Err }
