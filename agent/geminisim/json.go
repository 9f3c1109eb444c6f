package geminisim

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// checkSyntax says what is wrong with a body that is not one JSON value, in the API's words.
func checkSyntax(body []byte) *apiError {
	if json.Valid(body) {
		return nil
	}
	var v any
	var syntax *json.SyntaxError
	at := len(body)
	if err := json.Unmarshal(body, &v); errors.As(err, &syntax) {
		at = min(int(syntax.Offset), len(body))
	}
	what := "Unexpected token."
	if at >= len(body) {
		what = "Unexpected end of string."
	}
	line := body[max(0, at-32):min(len(body), at+32)]
	return invalidf("Invalid JSON payload received. %s\n%s\n%*s",
		what, strings.ToValidUTF8(string(line), "\uFFFD"), min(at, 32), "^")
}

// cursor walks over bytes that checkSyntax has passed; so it reports no errors and cannot run out of bounds.
type cursor struct {
	b []byte
	i int
}

// next skips white space and returns the first byte of what follows.
func (c *cursor) next() byte {
	for {
		switch b := c.b[c.i]; b {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return b
		}
	}
}

// object calls field for each member; field must take the value. The next value must be an object.
func (c *cursor) object(field func(key string)) {
	c.next()
	c.i++
	for c.next() != '}' {
		key := c.str()
		c.next()
		c.i++ // the colon
		field(key)
		if c.next() == ',' {
			c.i++
		}
	}
	c.i++
}

// array calls element for each element; element must take the value. The next value must be an array.
func (c *cursor) array(element func(i int)) {
	c.next()
	c.i++
	for n := 0; c.next() != ']'; n++ {
		element(n)
		if c.next() == ',' {
			c.i++
		}
	}
	c.i++
}

// str takes a string.
func (c *cursor) str() string {
	raw := c.raw()
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return strings.ToValidUTF8(string(inner), "\uFFFD")
	}
	var s string
	_ = json.Unmarshal(raw, &s) // cannot fail: a valid string
	return s
}

// raw takes any value and returns its bytes, which alias the body.
func (c *cursor) raw() []byte {
	first := c.next()
	start := c.i
	switch first {
	case '"':
		c.skipString()
	case '{', '[':
		for depth := 0; ; {
			switch c.b[c.i] {
			case '"':
				c.skipString()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			c.i++
			if depth == 0 {
				break
			}
		}
	default:
		for c.i < len(c.b) && bytes.IndexByte([]byte(" \t\r\n,]}"), c.b[c.i]) < 0 {
			c.i++
		}
	}
	return c.b[start:c.i]
}

func (c *cursor) skipString() {
	for c.i++; c.b[c.i] != '"'; c.i++ {
		if c.b[c.i] == '\\' {
			c.i++
		}
	}
	c.i++
}

// camel turns snake case into camel case and leaves camel case alone.
func camel(s string) string {
	if strings.IndexByte(s, '_') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	up := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_':
			up = true
		case up && 'a' <= c && c <= 'z':
			b, up = append(b, c-'a'+'A'), false
		default:
			b, up = append(b, c), false
		}
	}
	return string(b)
}

// snake turns camel case into snake case.
func snake(s string) string {
	b := make([]byte, 0, len(s)+4)
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b = append(b, '_', c-'A'+'a')
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// clip cuts s to n bytes at most, on a rune boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
