package agent

// remoteToolError is the failure of a tool that runs elsewhere: a text for the model, a name for error.type, and the
// private cause.
type remoteToolError struct {
	reason string
	text   string
	err    error
}

func (e *remoteToolError) Error() string     { return e.text }
func (e *remoteToolError) ErrorType() string { return e.reason }
func (e *remoteToolError) Unwrap() error     { return e.err }
