package redact

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask stands where a secret was.
const Mask = "[REDACTED]"

// secretWords are the one list of what makes a key's value a secret: a key that contains one of them, in any case
// and with or without '_', '-', '.' or blanks between its parts (api_key, apiKey, X-Api-Key).
var secretWords = [...]string{
	"password", "apikey", "secret", "token", // the contract
	"passwd", "passphrase", "privatekey", "accesskey", "authorization", "credential", // their cousins
}

const (
	maxArgsRunes  = 500 // of tool.args
	maxValueRunes = 200 // of one string in it
	maxDepth      = 32  // of nested values; deeper ones are left out
)

// Args returns the arguments of a tool call as JSON with sorted keys for the tool.args attribute: the values of
// secret keys are [REDACTED] at any depth, other strings are cut at 200 runes and go through Text, and the
// whole is cut at 500 runes (only then is it no longer valid JSON). The result is valid UTF-8 whatever comes in; args
// is not changed. It costs no more for large arguments than for those that fit.
func Args(args map[string]any) string {
	if len(args) == 0 {
		return "{}"
	}
	j := JSON{Runes: maxValueRunes, Limit: maxArgsRunes * utf8.UTFMax}
	j.Buf = make([]byte, 0, 256)
	j.Object(args, 0)
	return Runes(string(j.Buf), maxArgsRunes)
}

// secretKey reports whether the value of a key of this name is a secret.
func secretKey(key string) bool {
	var stack [64]byte
	folded := stack[:0]
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'A' <= c && c <= 'Z':
			folded = append(folded, c+'a'-'A')
		case c == '_' || c == '-' || c == '.' || c == ' ':
		case c < utf8.RuneSelf:
			folded = append(folded, c)
		default: // letters such as the Kelvin sign have an ASCII lower case
			r, size := utf8.DecodeRuneInString(key[i:])
			folded = utf8.AppendRune(folded, unicode.ToLower(unicode.ToUpper(r)))
			i += size - 1
		}
	}
	for i, c := range folded {
		switch c {
		case 'a', 'c', 'p', 's', 't': // the first letters of secretWords
			for _, word := range &secretWords {
				if len(folded)-i >= len(word) && string(folded[i:i+len(word)]) == word {
					return true
				}
			}
		}
	}
	return false
}

// JSON writes JSON with the values of secret keys masked. It stops writing once buf holds more than limit
// bytes, which leaves broken JSON, and says so in full.
type JSON struct {
	Buf       []byte
	Runes     int // strings are cut after so many
	Limit     int // bytes of buf
	Full      bool
	Shortened bool // a string was cut or a deep value left out
}

// OverLimit reports whether writing on is in vain.
func (j *JSON) OverLimit() bool {
	j.Full = j.Full || len(j.Buf) > j.Limit
	return j.Full
}

// Value writes v, which lies depth levels deep. Values below the 32nd level are left out.
func (j *JSON) Value(v any, depth int) {
	if j.OverLimit() {
		return
	}
	if depth > maxDepth {
		j.Shortened = true
		v = nil
	}
	switch v := v.(type) {
	case nil:
		j.Buf = append(j.Buf, "null"...)
	case string:
		j.Text(v)
	case bool:
		j.Buf = strconv.AppendBool(j.Buf, v)
	case float64:
		j.float(v)
	case int:
		j.Buf = strconv.AppendInt(j.Buf, int64(v), 10)
	case int64:
		j.Buf = strconv.AppendInt(j.Buf, v, 10)
	case map[string]any:
		j.Object(v, depth)
	case []any:
		j.array(v, depth)
	default:
		j.other(v, depth)
	}
}

// Object writes m with sorted keys.
func (j *JSON) Object(m map[string]any, depth int) {
	var stack [16]string
	keys := stack[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	j.Buf = append(j.Buf, '{')
	for i, k := range keys {
		if i > 0 {
			j.Buf = append(j.Buf, ',')
		}
		j.Text(k)
		j.Buf = append(j.Buf, ':')
		if secretKey(k) {
			j.Buf = append(j.Buf, `"`+Mask+`"`...)
		} else {
			j.Value(m[k], depth+1)
		}
		if j.OverLimit() {
			return
		}
	}
	j.Buf = append(j.Buf, '}')
}

func (j *JSON) array(a []any, depth int) {
	j.Buf = append(j.Buf, '[')
	for i, v := range a {
		if i > 0 {
			j.Buf = append(j.Buf, ',')
		}
		if j.Value(v, depth+1); j.OverLimit() {
			return
		}
	}
	j.Buf = append(j.Buf, ']')
}

// other takes what is not one of the types JSON decodes to the long way round.
func (j *JSON) other(v any, depth int) {
	var plain any
	if data, err := Marshal(v); err != nil || json.Unmarshal(data, &plain) != nil {
		plain = nil
	}
	j.Value(plain, depth)
}

// Marshal is json.Marshal, except that a panicking MarshalJSON is an error: recording a value never ends a request.
func Marshal(v any) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("marshalling panicked")
		}
	}()
	return json.Marshal(v)
}

func (j *JSON) float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		j.Buf = append(j.Buf, "null"...)
		return
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	j.Buf = strconv.AppendFloat(j.Buf, f, format, -1, 64)
}

// Text writes s as a string, cut and without the secrets that Text knows.
func (j *JSON) Text(s string) {
	short := Preview(s, j.Runes)
	if len(short) < len(s) && utf8.RuneCountInString(s) > j.Runes {
		j.Shortened = true
	}
	j.Buf = appendJSONString(j.Buf, short)
}

// appendJSONString appends s, valid UTF-8, as a JSON string.
func appendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[done:i]...)
		done = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	return append(append(dst, s[done:]...), '"')
}

// previewMargin is how far a preview looks beyond its end, so that a secret at its end is seen whole.
const previewMargin = 256

// Preview returns the first n runes of s, without the secrets Text knows. It looks no further than it must.
func Preview(s string, n int) string {
	return Runes(Text(Runes(s, n+previewMargin)), n)
}

// Runes returns the first n runes of s as valid UTF-8. A short piece of a long string is a copy, so that
// recording it does not keep the long one in memory.
func Runes(s string, n int) string {
	whole := len(s)
	if whole > n {
		count := 0
		for i := range s {
			if count == n {
				s = s[:i]
				break
			}
			count++
		}
	}
	if !utf8.ValidString(s) {
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	if whole > 2*len(s)+64 {
		return strings.Clone(s)
	}
	return s
}

// Bytes shortens s to at most n bytes without splitting a rune.
func Bytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
