package toolschema

import (
	"errors"
	"strings"
)

// withoutValues says which rule of the schema was broken, and where, without the value that broke it: the error text
// of the schema library quotes values, and this text goes to a span. Only words of the schema and names of arguments
// are kept.
func withoutValues(err error) string {
	where, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "validating "), ": ")
	// The path of the innermost rule is in the innermost wrapping.
	inner := err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
		if s, ok := strings.CutPrefix(inner.Error(), "validating "); ok {
			where, _, _ = strings.Cut(s, ": ")
		}
		inner = next
	}
	rule, detail, _ := strings.Cut(inner.Error(), ": ")
	place := argumentName(where)
	switch rule {
	case "required":
		return place + detail // names of the schema only
	case "type":
		return place + "must be " + after(detail, ", want ")
	case "enum":
		return place + "must be one of " + after(detail, " does not equal any of: ")
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return place + "out of range: " + after(detail, " is ")
	}
	if names, ok := strings.CutPrefix(inner.Error(), "unexpected additional properties "); ok {
		return place + "unknown arguments " + names
	}
	if !isKeyword(rule) { // not the name of a rule
		return place + "does not fit the schema"
	}
	return place + "breaks the rule " + rule
}

// argumentName makes "items[0]: "-like words of a schema path such as /properties/zone; empty for the whole object.
func argumentName(path string) string {
	path = strings.TrimPrefix(path, "/")
	var names []string
	parts := strings.Split(path, "/")
	for i := 0; i < len(parts); i++ {
		switch {
		case parts[i] == "properties" && i+1 < len(parts):
			i++
			names = append(names, parts[i])
		case parts[i] == "items":
			names = append(names, "items")
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ".") + ": "
}

// after returns what follows the last marker in s; nothing of s when there is none.
func after(s, marker string) string {
	i := strings.LastIndex(s, marker)
	if i < 0 {
		return "as the schema says"
	}
	return s[i+len(marker):]
}

// isKeyword reports whether s can be a keyword of JSON Schema.
func isKeyword(s string) bool {
	return s != "" && strings.Trim(s, "$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
