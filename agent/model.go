package agent

import (
	"context"
	"encoding/json"
	"time"

	"example.com/gemini-agent/tracing/agenttrace"
)

// Model answers a conversation. Implementations are safe for concurrent use.
type Model interface {
	// Info describes the model and the service behind it. It is cheap and always the same.
	Info() ModelInfo

	// Generate answers the conversation in req, which it does not change or keep. A reply that cannot be used as
	// it is (blocked, malformed, empty) is a Reply with its Finish, not an error. Errors are *Error, also when ctx
	// ends. Generate makes its own retries; the caller counts one logical call.
	Generate(ctx context.Context, req *Request) (*Reply, error)
}

// Streamer is a [Model] that can hand on its answer while it makes it.
type Streamer interface {
	Model

	// Stream is Generate that calls text with each piece of the answer's text when it comes, on the goroutine of Stream:
	// the pieces put together are the Reply's Text. Thoughts and calls are not in them. Beside an error there may be a
	// Reply: what there was of it when the answer broke off, its Usage first of all.
	Stream(ctx context.Context, req *Request, text func(string)) (*Reply, error)
}

// ModelInfo describes a model for the spans.
type ModelInfo struct {
	Name          string // as asked for
	Provider      string // name of the GenAI conventions: gcp.gemini, gcp.vertex_ai
	ServerAddress string
	ServerPort    int
	Parameters    Parameters // of every call

	// JSONBesideTools: the model takes a Request with JSON and Tools. For others the schema of the answer is kept back
	// until there are no more tools to call.
	JSONBesideTools bool
}

// Request is one question to a model.
type Request struct {
	Instructions string // the system instruction
	Tools        []Declaration
	NoTools      bool   // they stay declared, but none may be called
	Turns        []Turn // the conversation so far, oldest first

	// JSON asks for an answer in JSON that satisfies Schema; without one, for any JSON object.
	JSON   bool
	Schema json.RawMessage
}

// Declaration offers one tool to the model.
type Declaration struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON Schema of the arguments; nil: no arguments
	Source      string          // who offers it, for messages; "": this program
}

// Turn is one message of the conversation. Exactly one of Native, Results and Text is set.
type Turn struct {
	Text    string       // said by the user
	Results []ToolResult // results of the calls of the turn before, in their order
	Native  any          // what the model said, as its Model keeps it; handed back to it untouched

	// Message describes a Native turn for spans. It is called only when content is recorded; nil: nothing to show.
	Message func() agenttrace.Message

	nudge   bool            // the agent's own words, which are no part of the conversation to be kept
	content json.RawMessage // of a Native turn that is in another form; nil: the turn is what is kept
}

// ToolResult answers one Call.
type ToolResult struct {
	ID, Name string          // those of the call, letter for letter
	Output   json.RawMessage // the result; nil when Error is set
	Error    string          // what went wrong, for the model
}

// Call asks for a tool.
type Call struct {
	ID   string         // may be empty
	Name string         // as the model said it: not necessarily one that exists
	Args map[string]any // as JSON decodes; a number that float64 would change is a json.Number
}

// Finish says how a reply ended.
type Finish string

// The ways a reply ends. A reply with Calls or Text and FinishStop is a good one.
const (
	FinishStop           Finish = "stop"
	FinishMaxTokens      Finish = "max_tokens"      // cut off; Text holds what there is
	FinishBlocked        Finish = "blocked"         // prompt or answer held back; Detail names the reason
	FinishMalformedCall  Finish = "malformed"       // the call of a tool could not be read
	FinishUnexpectedCall Finish = "unexpected_call" // a tool was called where none was on offer
	FinishTooManyCalls   Finish = "too_many_calls"  // the service stopped a chain of calls
	FinishNoCandidates   Finish = "no_candidates"   // nothing came back, and no reason was given
	FinishOther          Finish = "other"           // stopped for a reason without a name of its own; Detail names it
)

// Reply is one answer of a model.
type Reply struct {
	Turn  Turn   // to be put into the conversation as it is; no Native value: nothing to put there
	Text  string // the answer without thoughts
	Calls []Call // tools asked for, in order

	Finish        Finish
	Detail        string   // the service's own name for the reason, e.g. SAFETY
	Said          string   // what the service shows of a call that cannot be read; may hold anything the model said
	Prompt        bool     // FinishBlocked: it was the prompt that was held back
	Thoughts      bool     // the reply holds thoughts
	FinishReasons []string // one a candidate, in the names of the GenAI conventions
	Model         string   // the model that answered; "": not said
	ID            string
	Usage         agenttrace.Usage
	Attempts      int       // requests that it took; 0: not said
	FirstContent  time.Time // when the first of its content was there; zero: it did not come as a stream
}

// outputType is what kind of answer is asked for, in the name of the GenAI conventions.
func (req *Request) outputType() string {
	if req.JSON {
		return "json"
	}
	return ""
}
