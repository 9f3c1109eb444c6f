package function

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/gemini-agent/agent"
)

const (
	maxBody     = 256 << 10 // bytes
	maxTask     = 32_768    // bytes, after trimming
	maxName     = 256       // bytes of user_id, session_id and task_type
	maxSteps    = 50
	stepDefault = 10

	anonymous = "anonymous" // the user of a request that names none
)

// request is the body of execute and delegate.
type request struct {
	Task      string `json:"task"`
	UserID    string `json:"user_id"`
	SessionID string `json:"session_id"`
	TaskType  string `json:"task_type"`
	// MaxSteps is read by wholeNumber: JSON does not tell 10 from 10.0, and many clients write the latter.
	MaxSteps       json.RawMessage `json:"max_steps"`
	MaxTokens      json.RawMessage `json:"max_tokens"`
	MaxCostUSD     json.RawMessage `json:"max_cost_usd"`
	ResponseSchema json.RawMessage `json:"response_schema"`
}

// fields are the names of a request, in the order of the documentation.
var fields = []string{"task", "user_id", "session_id", "task_type", "max_steps", "max_tokens", "max_cost_usd", "response_schema"}

// readTask reads, checks and completes the request body, for which it waits as long as ctx lives. It also returns the
// body as it came.
func readTask(ctx context.Context, w http.ResponseWriter, r *http.Request) (agent.Task, []byte, error) {
	var none agent.Task
	if !isJSON(r.Header.Get("Content-Type")) {
		return none, nil, badRequest(http.StatusUnsupportedMediaType, "",
			"send the body as JSON with the header Content-Type: application/json")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
		return none, nil, badRequest(http.StatusUnsupportedMediaType, "",
			"the body comes with a Content-Encoding, which is not taken; send it as it is")
	}
	// A read of the body does not end with a context; a deadline of the connection ends it.
	conn := http.NewResponseController(w)
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	unhook()
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return none, nil, badRequest(http.StatusRequestEntityTooLarge, "", "the body is larger than 256 KiB; send less")
		}
		switch ended := ctx.Err(); {
		case errors.Is(ended, context.DeadlineExceeded):
			return none, nil, &agent.Error{Kind: agent.KindTimeout, Message: "the request body did not arrive in time", Err: err}
		case ended != nil:
			return none, nil, &agent.Error{Kind: agent.KindCanceled, Message: "the request body did not arrive", Err: err}
		}
		return none, nil, badRequest(http.StatusBadRequest, "", "the body could not be read to its end; send it again")
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // some clients write a byte order mark
	task, err := parseTask(body)
	return task, body, err
}

// isJSON reports whether a media type is JSON in UTF-8.
func isJSON(contentType string) bool {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != "application/json" {
		return false
	}
	charset := params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// parseTask turns a request body into a task. Every error is a *requestError that names the field and what it takes.
func parseTask(body []byte) (agent.Task, error) {
	var none agent.Task
	if !utf8.Valid(body) {
		return none, badRequest(http.StatusBadRequest, "", "the body is not valid UTF-8; encode it as UTF-8")
	}
	var in request
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return none, explainJSON(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return none, badRequest(http.StatusBadRequest, "", "the body holds more than one JSON value; send one object")
	}
	if err := checkNames(body); err != nil {
		return none, err
	}
	in.Task = strings.TrimSpace(in.Task)
	switch n := len(in.Task); {
	case n == 0:
		return none, badRequest(http.StatusBadRequest, "task", "task is empty; say what the agent should do")
	case n > maxTask:
		return none, badRequest(http.StatusBadRequest, "task",
			fmt.Sprintf("task has %d bytes; at most %d are allowed", n, maxTask))
	}
	for _, f := range []struct{ name, value string }{
		{"user_id", in.UserID}, {"session_id", in.SessionID}, {"task_type", in.TaskType},
	} {
		if err := checkName(f.name, f.value); err != nil {
			return none, err
		}
	}
	steps, err := wholeNumber("max_steps", in.MaxSteps, 1, maxSteps, stepDefault)
	if err != nil {
		return none, err
	}
	budget, err := readBudget(in)
	if err != nil {
		return none, err
	}
	schema, err := responseSchema(in.ResponseSchema)
	if err != nil {
		return none, err
	}
	return agent.Task{
		Text: in.Task, UserID: cmp.Or(in.UserID, anonymous), SessionID: in.SessionID,
		Type: cmp.Or(in.TaskType, "general"), MaxSteps: steps, Budget: budget, ResponseSchema: schema,
	}, nil
}

// checkName checks a user, a session or a type of task.
func checkName(field, value string) error {
	switch {
	case len(value) > maxName:
		return badRequest(http.StatusBadRequest, field,
			fmt.Sprintf("%s has %d bytes; at most %d are allowed", field, len(value), maxName))
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return badRequest(http.StatusBadRequest, field, field+" holds control characters or is not UTF-8; send plain text")
	}
	return nil
}

// responseSchema reads the schema that the answer must satisfy; nil where the field is not there, or null.
func responseSchema(raw json.RawMessage) (*agent.ResponseSchema, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	schema, err := agent.ParseResponseSchema(raw)
	if err != nil {
		bad := badRequest(http.StatusBadRequest, "response_schema", "response_schema "+err.Error())
		bad.logged = "response_schema cannot be used" // its words are the caller's
		return nil, bad
	}
	return schema, nil
}

// wholeNumber reads a field that is a JSON number without a fraction (10, 10.0 and 1e1 are the same) from least to most.
// Where the field is not there, or null, it is absent.
func wholeNumber(field string, raw json.RawMessage, least, most, absent int) (int, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return absent, nil
	}
	var f float64
	if json.Unmarshal(raw, &f) != nil || f != math.Trunc(f) || math.Abs(f) > 1e9 {
		return 0, badRequest(http.StatusBadRequest, field, fmt.Sprintf("%s must be a whole number from %d to %d", field, least, most))
	}
	n := int(f)
	if n < least || n > most {
		return 0, badRequest(http.StatusBadRequest, field, fmt.Sprintf("%s is %d; it must be from %d to %d", field, n, least, most))
	}
	return n, nil
}

// explainJSON turns a decoder's error into a text for the caller that repeats no value of the body.
func explainJSON(err error) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return badRequest(http.StatusBadRequest, "", `the body is empty; send a JSON object such as {"task": "..."}`)
	case errors.As(err, &syntax):
		return badRequest(http.StatusBadRequest, "", fmt.Sprintf("the body is not valid JSON at byte %d", syntax.Offset))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest(http.StatusBadRequest, "", "the body is not valid JSON: it ends too early")
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return badRequest(http.StatusBadRequest, "", `the body must be a JSON object such as {"task": "..."}`)
	case errors.As(err, &wrongType):
		return badRequest(http.StatusBadRequest, wrongType.Field, wrongType.Field+" must be a string")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return unknownField(strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`))
	}
	return badRequest(http.StatusBadRequest, "", "the body is not valid JSON")
}

// checkNames refuses what the decoder lets pass in an object of known fields: a name that differs from a field's in
// case only, and one that comes twice, of which every reader takes another.
func checkNames(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		return explainJSON(err)
	}
	seen := make(map[string]bool, len(fields))
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return explainJSON(err)
		}
		name, _ := token.(string)
		switch {
		case !slices.Contains(fields, name):
			return unknownField(name)
		case seen[name]:
			return badRequest(http.StatusBadRequest, name, name+" is there twice; send it once")
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return explainJSON(err)
		}
	}
	return nil
}

func unknownField(name string) error {
	name = cutRunes(name, 64)
	bad := badRequest(http.StatusBadRequest, name, name+" is not a field; known are "+strings.Join(fields, ", "))
	bad.logged = "the body has an unknown field" // its name is the caller's text
	return bad
}

func cutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}
