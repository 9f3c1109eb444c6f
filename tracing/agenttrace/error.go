package agenttrace

import (
	"errors"
	"fmt"
	"reflect"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// maxMessageRunes bounds what of an error's text is recorded.
const maxMessageRunes = 1000

// failure is what spans record of an error.
type failure struct {
	kind    string // error.type
	goType  string // exception.type
	message string // without secrets
}

// describe reads err. Its text may quote what was said, so it is a preview like the others: where previews are off, the
// kind of the failure stands in its place.
func (t *AgentTracer) describe(err error) failure {
	f := failure{kind: semconv.ErrorType(err), goType: goType(err)}
	if f.message = f.kind; t.previews() {
		f.message = errorMessage(err)
	}
	return f
}

// goType is the type that tells most: that of the first error which is not fmt.Errorf's wrapping.
func goType(err error) string {
	if named, ok := err.(runOutcome); ok {
		return string(named)
	}
	for reflect.TypeOf(err) == wrapType {
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	return reflect.TypeOf(err).String()
}

var wrapType = reflect.TypeOf(fmt.Errorf("%w", errors.ErrUnsupported))

// errorMessage is the error's text, cut and without secrets. An Error method that panics is not our caller's problem.
func errorMessage(err error) (message string) {
	defer func() {
		if recover() != nil {
			message = "the error has no text"
		}
	}()
	return redact.Preview(err.Error(), maxMessageRunes)
}

// runOutcome is the failure of a run that ended without an error but not well: max_steps, blocked, ….
type runOutcome string

func (o runOutcome) Error() string     { return "the run ended with " + string(o) }
func (o runOutcome) ErrorType() string { return string(o) }
