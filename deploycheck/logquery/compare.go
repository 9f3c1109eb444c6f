package logquery

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// severities in their order; a severity is compared by it.
var severities = []string{"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}

// matches reports whether a value, or one element of a list, passes one of the tests.
func matches(v any, tests []func(any) bool) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, func(element any) bool { return matches(element, tests) })
	}
	return v != nil && slices.ContainsFunc(tests, func(test func(any) bool) bool { return test(v) })
}

// compared gives the test for PATH OPERATOR TEXT.
func compared(path Path, op, text string, inQuotes bool) (func(any) bool, error) {
	switch {
	case op == "=~":
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("the expression for %s: %w", path, err)
		}
		return func(v any) bool { s, ok := v.(string); return ok && re.MatchString(s) }, nil
	case op == ":" && text == "*" && !inQuotes:
		return func(any) bool { return true }, nil
	case op == ":":
		return func(v any) bool {
			if s, ok := v.(string); ok {
				return strings.Contains(strings.ToLower(s), strings.ToLower(text))
			}
			return ordered(v, text) == equal
		}, nil
	case path.String() == "severity":
		want := slices.Index(severities, strings.ToUpper(text))
		if want < 0 {
			return nil, fmt.Errorf("%s is no severity", text)
		}
		return func(v any) bool {
			s, _ := v.(string)
			return holds(op, order(cmp.Compare(slices.Index(severities, s), want)))
		}, nil
	case path.String() == "timestamp":
		want, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf("timestamps are compared with RFC 3339: %w", err)
		}
		return func(v any) bool {
			s, _ := v.(string)
			at, err := time.Parse(time.RFC3339, s)
			return err == nil && holds(op, order(at.Compare(want)))
		}, nil
	}
	return func(v any) bool { return holds(op, ordered(v, text)) }, nil
}

type order int

const (
	less  order = -1
	equal order = 0
	more  order = 1
	// apart are values of two types, of which no comparison holds.
	apart order = 2
)

// ordered compares a value of an entry with the text of a query.
func ordered(v any, text string) order {
	switch v := v.(type) {
	case float64:
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return order(cmp.Compare(v, n))
		}
	case bool:
		if b, err := strconv.ParseBool(text); err == nil {
			if b == v {
				return equal
			}
		}
	case string:
		return order(strings.Compare(strings.ToLower(v), strings.ToLower(text)))
	}
	return apart
}

func holds(op string, o order) bool {
	switch op {
	case "=":
		return o == equal
	case ">":
		return o == more
	case ">=":
		return o == more || o == equal
	case "<":
		return o == less
	case "<=":
		return o == less || o == equal
	}
	return false
}
