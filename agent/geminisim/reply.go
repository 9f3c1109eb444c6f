package geminisim

import (
	"net/http"
	"time"
)

// Reply is one scripted answer, made by a constructor of this package and refined by the methods of Reply, which
// return a changed copy.
type Reply struct {
	delay    time.Duration
	dynamic  func(Request) Reply
	err      *apiError
	raw      *rawReply
	breakage breakage
	wire     wire // of a stream

	parts        []replyPart
	noCandidate  bool
	blockReason  string
	finish       string // default STOP
	finishDetail string
	usage        *Usage
	model        string // modelVersion, when not the one asked for
	noContent    bool
}

type replyPart struct {
	text    string
	thought bool
	call    *Call
}

type rawReply struct {
	code              int
	contentType, body string
}

// breakage is a way for an answer to go wrong on the wire.
type breakage int

const (
	whole     breakage = iota
	hang               // says nothing until the client goes
	reset              // drops the connection before the headers
	truncated          // drops the connection in the middle of the body
)

// Call is a function call the model makes. Nil Args is an empty object. ID is made up when empty.
type Call struct {
	Name string
	Args map[string]any
	ID   string
}

// Text answers with a text.
func Text(text string) Reply { return Reply{parts: []replyPart{{text: text}}} }

// Calls calls functions, all in one turn. The functions need not be declared: models err.
func Calls(calls ...Call) Reply {
	r := Reply{}
	for i := range calls {
		r.parts = append(r.parts, replyPart{call: &calls[i]})
	}
	return r
}

// ThoughtOnly thinks and says nothing.
func ThoughtOnly(thought string) Reply {
	return Reply{parts: []replyPart{{text: thought, thought: true}}}
}

// Blocked refuses the prompt for a reason such as SAFETY or PROHIBITED_CONTENT: status 200 without a candidate.
func Blocked(reason string) Reply { return Reply{blockReason: reason, noCandidate: true} }

// NoCandidates answers 200 with neither a candidate nor a reason.
func NoCandidates() Reply { return Reply{noCandidate: true} }

// Finish ends an answer for a reason such as SAFETY, RECITATION or OTHER, with what was said until then; with no text
// the candidate has no content.
func Finish(reason, text string) Reply {
	r := Reply{finish: reason, noContent: text == ""}
	if text != "" {
		r.parts = []replyPart{{text: text}}
	}
	return r
}

// MaxTokens ends an answer in the middle.
func MaxTokens(partial string) Reply { return Finish("MAX_TOKENS", partial) }

// MalformedCall is what the API says when the model garbled a function call.
func MalformedCall(detail string) Reply {
	r := Finish("MALFORMED_FUNCTION_CALL", "")
	r.finishDetail = detail
	return r
}

// Error answers with the API's error JSON. An empty status is the one that belongs to the code.
func Error(code int, status, message string) Reply {
	e := errorf(code, "%s", message)
	if status != "" {
		e.Status = status
	}
	return Reply{err: e}
}

// QuotaExceeded answers 429 and, when retryIn is not zero, says so in a RetryInfo.
func QuotaExceeded(retryIn time.Duration) Reply {
	r := Error(http.StatusTooManyRequests, "",
		"You exceeded your current quota, please check your plan and billing details.")
	if retryIn > 0 {
		r = r.RetryIn(retryIn)
	}
	return r
}

// Raw answers with these bytes.
func Raw(code int, contentType, body string) Reply {
	return Reply{raw: &rawReply{code, contentType, body}}
}

// BrokenJSON answers 200 with JSON that ends too early.
func BrokenJSON() Reply {
	return Raw(200, contentTypeJSON, `{"candidates": [{"content": {"parts": [{"te`)
}

// HTML answers with a proxy's page, as Google's front end does when it has a bad day.
func HTML(code int) Reply {
	return Raw(code, "text/html; charset=UTF-8", "<!DOCTYPE html><html lang=en><title>Error</title><p>"+
		"<b>"+http.StatusText(code)+".</b> The server encountered a temporary error. Please try again in 30 seconds.")
}

// Hang says nothing until the client gives up.
func Hang() Reply { return Reply{breakage: hang} }

// Reset drops the connection without an answer.
func Reset() Reply { return Reply{breakage: reset} }

// Truncated begins to answer with a text and drops the connection in the middle.
func Truncated(text string) Reply {
	r := Text(text)
	r.breakage = truncated
	return r
}

// Dynamic asks f for the reply when the request is there. f may be called from several goroutines at once.
func Dynamic(f func(Request) Reply) Reply { return Reply{dynamic: f} }

// After delays the reply; a client that goes away ends the wait.
func (r Reply) After(d time.Duration) Reply {
	r.delay += d
	return r
}

// RetryIn adds a RetryInfo to an Error.
func (r Reply) RetryIn(d time.Duration) Reply {
	if r.err != nil {
		e := *r.err
		e.Details = append(e.Details[:len(e.Details):len(e.Details)], retryInfo(d))
		r.err = &e
	}
	return r
}

// WithText puts a text before what r says, as models do before they call a function.
func (r Reply) WithText(text string) Reply { return r.prepend(replyPart{text: text}) }

// WithThought puts a thought summary before what r says.
func (r Reply) WithThought(thought string) Reply {
	return r.prepend(replyPart{text: thought, thought: true})
}

func (r Reply) prepend(p replyPart) Reply {
	r.parts = append([]replyPart{p}, r.parts...)
	r.noContent = false
	return r
}

// WithUsage sets the token counts; the total is computed.
func (r Reply) WithUsage(u Usage) Reply {
	r.usage = &u
	return r
}

// ServedBy names another model as the one that answered, as the API does when it reroutes a retired one.
func (r Reply) ServedBy(model string) Reply {
	r.model = model
	return r
}
