// Package env reads settings from the environment, with one wording for what is wrong with them:
//
//	NAME: "value" is not a duration from 1ms to 1m0s such as 500ms; using 2s
//
// A bad value never stops a program: it is named in [Reader.Err] and its default is taken. Blanks around a value do not
// count; an empty value is one that is not set. The package imports the standard library only.
package env

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader reads variables and gathers what is wrong with them. It is for one goroutine.
type Reader struct {
	getenv func(string) string
	errs   []error
}

// NewReader reads by getenv, such as os.Getenv.
func NewReader(getenv func(string) string) *Reader { return &Reader{getenv: getenv} }

// Err joins one error for each complaint, nil when there was none.
func (r *Reader) Err() error { return errors.Join(r.errs...) }

// Reject complains about the value of a variable: it is not what want says, and what is done instead is using, "" if
// that goes without saying. The value is quoted in part.
func (r *Reader) Reject(name, want, using string) {
	value := []rune(strings.TrimSpace(r.getenv(name)))
	if len(value) > maxQuoted {
		value = append(value[:maxQuoted:maxQuoted], '…')
	}
	r.complain(fmt.Sprintf("%s: %q is not %s", name, string(value), want), using)
}

// RejectSecret is Reject for a value that may hold a secret: it is not quoted.
func (r *Reader) RejectSecret(name, want, using string) {
	r.complain(fmt.Sprintf("%s is not %s", name, want), using)
}

// Warn complains about a variable in other words.
func (r *Reader) Warn(name, text string) { r.complain(name+": "+text, "") }

const maxQuoted = 60

func (r *Reader) complain(text, using string) {
	if using != "" {
		text += "; using " + using
	}
	r.errs = append(r.errs, errors.New(text))
}

// String reads any text.
func (r *Reader) String(name string) string { return strings.TrimSpace(r.getenv(name)) }

// First returns the first of the variables that is set, with its value, else the last one.
func (r *Reader) First(names ...string) (name, value string) {
	for _, name = range names {
		if value = r.String(name); value != "" {
			break
		}
	}
	return name, value
}

// Bool reads true or false in any case, and nothing else: OpenTelemetry takes 1 and yes for false, which hardly anybody
// means.
func (r *Reader) Bool(name string, def bool) bool {
	switch v := r.String(name); {
	case v == "":
	case strings.EqualFold(v, "true"):
		return true
	case strings.EqualFold(v, "false"):
		return false
	default:
		r.Reject(name, "true or false", strconv.FormatBool(def))
	}
	return def
}

// Duration reads a Go duration from low to high.
func (r *Reader) Duration(name string, def, low, high time.Duration) time.Duration {
	v := r.String(name)
	if v == "" {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		r.Reject(name, fmt.Sprintf("a duration from %v to %v such as 500ms or 2s", low, high), def.String())
		return def
	}
	return d
}

// Int reads a whole number from low to high.
func (r *Reader) Int(name string, def, low, high int) int {
	v := r.String(name)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		want := fmt.Sprintf("a whole number from %d to %d", low, high)
		switch {
		case low == math.MinInt:
			want = "a whole number"
		case high == math.MaxInt:
			want = fmt.Sprintf("a whole number from %d up", low)
		}
		r.Reject(name, want, strconv.Itoa(def))
		return def
	}
	return n
}

// Float reads a number from low to high.
func (r *Reader) Float(name string, def, low, high float64) float64 {
	v := r.String(name)
	if v == "" {
		return def
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || !(n >= low && n <= high) || math.IsInf(n, 0) {
		want := fmt.Sprintf("a number from %v to %v", low, high)
		if high == math.MaxFloat64 {
			want = fmt.Sprintf("a number from %v up", low)
		}
		r.Reject(name, want, strconv.FormatFloat(def, 'g', -1, 64))
		return def
	}
	return n
}

// Enum reads one of the known values, in any case.
func (r *Reader) Enum(name, def string, known ...string) string {
	v := strings.ToLower(r.String(name))
	switch {
	case v == "":
		return def
	case slices.Contains(known, v):
		return v
	}
	r.Reject(name, "one of "+strings.Join(known, ", "), def)
	return def
}

// List reads a comma list; empty items do not count.
func (r *Reader) List(name string) []string {
	var list []string
	for item := range strings.SplitSeq(r.String(name), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// Pairs reads key=value pairs, separated by commas, both percent-encoded. bad tells the number of each pair that is
// none, from 1; nil keeps quiet.
func (r *Reader) Pairs(name string, bad func(pair int)) map[string]string {
	pairs, n := map[string]string{}, 0
	for pair := range strings.SplitSeq(r.String(name), ",") {
		n++
		if strings.TrimSpace(pair) == "" {
			continue
		}
		k, v, ok := strings.Cut(pair, "=")
		key, keyErr := url.PathUnescape(strings.TrimSpace(k))
		value, valueErr := url.PathUnescape(strings.TrimSpace(v))
		if !ok || key == "" || keyErr != nil || valueErr != nil {
			if bad != nil {
				bad(n)
			}
			continue
		}
		pairs[key] = value
	}
	return pairs
}
