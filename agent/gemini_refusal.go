package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"example.com/gemini-agent/tracing/redact"
)

// explained is what a refusal says of itself. All of it comes from the other side.
type explained struct {
	status     string // google.rpc.Code by name; "": not said
	message    string
	reason     string // of google.rpc.ErrorInfo
	service    string // metadata of it
	fields     []string
	violations []quotaViolation
	wait       time.Duration // asked for; 0: not said
}

type quotaViolation struct{ id, value string }

// explain reads a refusal: Google's error, in a list or not, the errors of gateways, or nothing that can be read.
func explain(r *refusal, now time.Time) explained {
	x := explained{wait: retryAfter(r.header, now)}
	body := bytes.TrimSpace(r.body)
	if len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) == nil && len(list) > 0 {
			body = list[0]
		}
	}
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message looseText       `json:"message"`
	}
	if json.Unmarshal(body, &outer) != nil {
		return x
	}
	x.message = string(outer.Message)
	var inner struct {
		Message looseText         `json:"message"`
		Status  looseText         `json:"status"`
		Details []json.RawMessage `json:"details"`
	}
	if json.Unmarshal(outer.Error, &inner) != nil {
		var text looseText
		_ = text.UnmarshalJSON(outer.Error)
		if text != "" {
			x.message = string(text)
		}
		return x
	}
	if inner.Message != "" {
		x.message = string(inner.Message)
	}
	x.status = statusName(string(inner.Status))
	for _, raw := range inner.Details {
		x.detail(raw)
	}
	return x
}

// detail reads one of the details that Google's errors have.
func (x *explained) detail(raw json.RawMessage) {
	var d struct {
		Type       looseText            `json:"@type"`
		Reason     looseText            `json:"reason"`
		Metadata   map[string]looseText `json:"metadata"`
		RetryDelay looseText            `json:"retryDelay"`
		Fields     []struct {
			Field       looseText `json:"field"`
			Description looseText `json:"description"`
		} `json:"fieldViolations"`
		Violations []struct {
			QuotaID    looseText `json:"quotaId"`
			QuotaValue looseText `json:"quotaValue"`
		} `json:"violations"`
	}
	if json.Unmarshal(raw, &d) != nil {
		return
	}
	switch _, kind, _ := strings.Cut(string(d.Type), "google.rpc."); kind {
	case "ErrorInfo":
		x.reason = statusName(string(d.Reason))
		if service := string(d.Metadata["service"]); hostName.MatchString(service) {
			x.service = service
		}
	case "RetryInfo":
		if wait, err := time.ParseDuration(string(d.RetryDelay)); err == nil && wait > 0 {
			x.wait = wait
		}
	case "BadRequest":
		for _, f := range d.Fields {
			if field := string(f.Field); fieldPath.MatchString(field) {
				x.fields = append(x.fields, field)
			}
			if x.message == "" {
				x.message = string(f.Description)
			}
		}
	case "QuotaFailure":
		for _, v := range d.Violations {
			x.violations = append(x.violations, quotaViolation{string(v.QuotaID), string(v.QuotaValue)})
		}
	}
}

var (
	hostName     = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+){1,6}$`)
	fieldPath    = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]{1,200}$`)
	declaration  = regexp.MustCompile(`(?:function_declarations|functionDeclarations)\[(\d{1,4})\]`)
	functionName = regexp.MustCompile("(?i)function ?declaration[s]? ['\"`]?([A-Za-z_][A-Za-z0-9_.:-]{0,127})['\"`]?")
)

// retryAfter returns the time that the Retry-After header asks to wait, in seconds or as a date; 0: none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 && seconds < 1<<30 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// lasting reports whether a spent quota is one that waiting a moment does not bring back, and how long it may take.
func (x *explained) lasting(now time.Time) (why string, wait time.Duration) {
	for _, v := range x.violations {
		switch {
		case v.value == "0":
			return "The plan of this project has no quota for the model; check GEMINI_MODEL and the billing of the project.", time.Hour
		case strings.Contains(v.id, "PerDay"):
			return "The model's quota of the day is spent. Try again tomorrow, or raise the quota of the project.", untilMidnight(now)
		}
	}
	message := strings.ToLower(x.message)
	switch {
	case strings.Contains(message, "credits are depleted"), strings.Contains(message, "prepayment"),
		strings.Contains(message, "credit balance"), strings.Contains(message, "spending cap"), strings.Contains(message, "spend cap"):
		return "The credits for the model are spent. Check the billing of the project.", time.Hour
	case strings.Contains(message, "per day"), strings.Contains(message, "daily"):
		return "The model's quota of the day is spent. Try again tomorrow, or raise the quota of the project.", untilMidnight(now)
	}
	return "", 0
}

// untilMidnight is the time until daily quotas begin anew, at midnight in California; an hour where its time is not known.
func untilMidnight(now time.Time) time.Duration {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.Hour
	}
	there := now.In(zone)
	return time.Date(there.Year(), there.Month(), there.Day()+1, 0, 0, 0, 0, zone).Sub(now)
}

// tool names the declaration that a refusal speaks of, nil when it speaks of none.
func (x *explained) tool(offered []Declaration) *Declaration {
	for _, text := range append(x.fields, x.message) {
		if m := declaration.FindStringSubmatch(text); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n < len(offered) {
				return &offered[n]
			}
		}
		if m := functionName.FindStringSubmatch(text); m != nil {
			for i := range offered {
				if offered[i].Name == m[1] {
					return &offered[i]
				}
			}
		}
	}
	return nil
}

// cause is what log and span say of the refusal: the status, names, and the message without what the request said.
func (x *explained) cause(status int, req *Request) string {
	text := fmt.Sprintf("the service answered %d %s", status, x.status)
	if x.reason != "" {
		text += " " + x.reason
	}
	if len(x.fields) > 0 {
		text += " at " + redact.Bytes(strings.Join(x.fields, ", "), 200)
	}
	if t := x.tool(req.Tools); t != nil {
		text += " (tool " + t.label() + ")"
	}
	if message := withoutRequest(redact.Bytes(x.message, maxRefusal), req); message != "" {
		text += ": " + message
	}
	return strings.ReplaceAll(text, " :", ":")
}

// label names a tool and who offers it.
func (d Declaration) label() string {
	if d.Source == "" {
		return d.Name
	}
	return d.Name + " of " + d.Source
}

const (
	maxRefusal = 500 // bytes of a refusal's message
	quoted     = 12  // bytes in a row that make a quotation
	shortWord  = 4   // bytes; shorter words are no quotation
)

// withoutRequest masks what a message repeats of the conversation: services quote what they do not like. Words that are in
// both go, and so does a longer run of anything, for scripts without spaces between words.
func withoutRequest(message string, req *Request) string {
	said := strings.ToLower(conversation(req))
	folded := strings.ToLower(message)
	if len(folded) != len(message) { // letters that change their length: the places would not fit
		message = folded
	}
	masked := make([]bool, len(message))
	mask := func(from, to int) {
		if strings.Contains(said, folded[from:to]) {
			for i := from; i < to; i++ {
				masked[i] = true
			}
		}
	}
	for i := 0; i+quoted <= len(folded); i++ {
		mask(i, i+quoted)
	}
	from := -1
	for i, c := range folded + " " {
		switch inWord := unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_'; {
		case inWord && from < 0:
			from = i
		case !inWord && from >= 0:
			if i-from >= shortWord {
				mask(from, i)
			}
			from = -1
		}
	}
	var b strings.Builder
	for i := 0; i < len(message); i++ {
		switch {
		case !masked[i]:
			b.WriteByte(message[i])
		case i == 0 || !masked[i-1]:
			b.WriteString(redact.Mask)
		}
	}
	return strings.ToValidUTF8(b.String(), "")
}

// conversation is all that was said by anybody but the author of the instructions, who is the one to read the message.
func conversation(req *Request) string {
	var b strings.Builder
	for _, t := range req.Turns {
		b.WriteString(t.Text + "\n")
		if native, ok := t.Native.(json.RawMessage); ok {
			b.Write(native)
		}
		for _, r := range t.Results {
			b.Write(r.Output)
			b.WriteString(r.Error + "\n")
		}
	}
	return b.String()
}
