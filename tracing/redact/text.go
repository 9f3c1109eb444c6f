package redact

import (
	"strings"
	"unicode/utf8"
)

// Text returns s with the secrets masked that show in free text such as an error message: the values in
// key=value, key: value and "key":"value" pairs whose key is a secret's (see Args), what follows Bearer, the
// user part of URLs, Google API keys and access tokens, and JSON web tokens. It masks rather too much than too
// little. The result is valid UTF-8, and redacting it again changes nothing.
func Text(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	if !mayHoldSecret(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], "://") {
			out = append(out, "://"...)
			i += len("://")
			if at := userEnd(s, i); at > 0 {
				out = append(out, Mask...)
				i = at
			}
			continue
		}
		if !wordByte(s[i]) {
			out = append(out, s[i])
			i++
			continue
		}
		end := i
		for end < len(s) && wordByte(s[end]) {
			end++
		}
		word := s[i:end]
		out = appendWithoutTokens(out, word)
		if from, to := secretAfter(s, i, end); to > from {
			out = append(out, s[end:from]...)
			out = append(out, Mask...)
			end = to
		}
		i = end
	}
	if string(out) == s {
		return s
	}
	return string(out)
}

// mayHoldSecret is false for text without any of the marks Text goes by, which is nearly all text.
func mayHoldSecret(s string) bool {
	return strings.IndexByte(s, '=') >= 0 || strings.IndexByte(s, ':') >= 0 ||
		strings.Contains(s, apiKeyMark) || strings.Contains(s, jwtMark) || strings.Contains(s, accessTokenMark) ||
		containsBearer(s)
}

func containsBearer(s string) bool {
	for _, first := range [...]byte{'b', 'B'} {
		for rest := s; ; {
			i := strings.IndexByte(rest, first)
			if i < 0 || len(rest)-i < len(bearer) {
				break
			}
			if strings.EqualFold(rest[i:i+len(bearer)], bearer) {
				return true
			}
			rest = rest[i+1:]
		}
	}
	return false
}

const bearer = "bearer"

// authSchemes are the words that stand before a credential in an Authorization header.
var authSchemes = [...]string{bearer, "basic", "digest", "token", "apikey", "negotiate"}

func authScheme(word string) bool {
	for _, scheme := range &authSchemes {
		if strings.EqualFold(word, scheme) {
			return true
		}
	}
	return false
}

// secretAfter returns where the secret begins and ends that the word s[start:end] announces; nothing if from == to.
func secretAfter(s string, start, end int) (from, to int) {
	word := s[start:end]
	if secretKey(word) || plainKey(s, start, word) {
		if at := afterSeparator(s, end); at > 0 {
			if from, to = secretValue(s, at); to > from {
				return from, to
			}
		}
	}
	if strings.EqualFold(word, bearer) {
		if at := skipSpace(s, end); at > end {
			return secretValue(s, at)
		}
	}
	return 0, 0
}

// plainKey reports whether the word is the key of "?key=", "&key=" or "API key:".
func plainKey(s string, start int, word string) bool {
	if start == 0 || !strings.EqualFold(word, "key") {
		return false
	}
	if c := s[start-1]; c == '?' || c == '&' {
		return true
	}
	return start >= 4 && strings.EqualFold(s[start-4:start], "api ")
}

// afterSeparator returns where the value begins after a key: in `=…`, ` : …`, `": …`, `\":…`, `"]=…`, ` => …`. It is 0
// if none does.
func afterSeparator(s string, i int) int {
	for i < len(s) && strings.IndexByte("\\\"'`]", s[i]) >= 0 {
		i++
	}
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	if i == len(s) || s[i] != ':' && s[i] != '=' {
		return 0
	}
	for i < len(s) && (s[i] == ':' || s[i] == '=' || s[i] == '>') {
		i++
	}
	return skipSpace(s, i)
}

func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

// secretValue returns the extent of the value at i: what is inside quotes (escaped ones too), a bracketed group, or
// all up to a blank or delimiter. What is not closed goes to the end of s.
func secretValue(s string, i int) (from, to int) {
	open := i
	for open < len(s) && s[open] == '\\' {
		open++
	}
	if open == len(s) {
		return i, i
	}
	switch c := s[open]; c {
	case '"', '\'', '`':
		return open + 1, closingQuote(s, open+1, c, open-i)
	case '{', '[':
		return i, closingBracket(s, open)
	}
	to = i
	for to < len(s) && !valueDelimiter(s[to]) {
		to++
	}
	if authScheme(s[i:to]) {
		if next := skipSpace(s, to); next > to {
			if _, end := secretValue(s, next); end > next {
				to = end
			}
		}
	}
	return i, to
}

// closingQuote returns where the quoted value ends that begins at i, after a quote with so many backslashes before it.
func closingQuote(s string, i int, quote byte, backslashes int) int {
	run := 0
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			run++
		case s[i] == quote && run <= backslashes:
			return i - run
		default:
			run = 0
		}
	}
	return i
}

func closingBracket(s string, i int) int {
	depth, quoted := 0, false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// userEnd returns where the @ stands that ends the user part of a URL whose authority begins at i; 0 if none does.
func userEnd(s string, i int) int {
	at := 0
	for ; i < len(s) && !isSpace(s[i]) && strings.IndexByte("/?#\"'`<>", s[i]) < 0; i++ {
		if s[i] == '@' {
			at = i
		}
	}
	return at
}

const (
	apiKeyMark      = "AIza"  // Google API keys: this and 35 more
	accessTokenMark = "ya29." // Google access tokens
	jwtMark         = "eyJ"   // JSON web tokens: {" in base64
	minMarkedLength = 20      // shorter words that begin like a secret are none
)

// appendWithoutTokens appends word without what looks like a key or token by itself.
func appendWithoutTokens(dst []byte, word string) []byte {
	if len(word) < minMarkedLength {
		return append(dst, word...)
	}
	first := len(word)
	for _, mark := range [...]string{apiKeyMark, accessTokenMark, jwtMark} {
		if i := strings.Index(word, mark); i >= 0 && i < first && len(word)-i >= minMarkedLength &&
			(mark != jwtMark || strings.IndexByte(word[i:], '.') > 0) {
			first = i
		}
	}
	if first == len(word) {
		return append(dst, word...)
	}
	return append(append(dst, word[:first]...), Mask...)
}

// wordByte reports whether c may be part of a key's name or of a token.
func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '-' || c == '.' || c >= utf8.RuneSelf
}

func valueDelimiter(c byte) bool {
	return isSpace(c) || strings.IndexByte(",;&\"'`<>)}", c) >= 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
