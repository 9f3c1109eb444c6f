package geminisim

import (
	"regexp"
	"strings"
)

const (
	number   = `\d+(?:[.,]\d+)*`
	term     = `(?:\(\s*)*-?(?:\(\s*)*` + number
	operator = `(?:\*\*|[-+*/^%x]|plus|minus|times|multiplied by|divided by|to the power of|mas|menos|multiplicado por|` +
		`dividido (?:por|entre)|por|entre|(?:% )?of|(?:% )?de)`
)

var (
	percent  = regexp.MustCompile(`\s*(?:percent|por ciento)\b`)
	sum      = regexp.MustCompile(term + `(?:\s*%)?(?:\s*\))*(?:\s*` + operator + `\s*` + term + `(?:\s*\))*)+`)
	operand  = regexp.MustCompile(number)
	part     = regexp.MustCompile(operator + `|[()]|` + number)
	dates    = regexp.MustCompile(`\b(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})\b`)
	asksSum  = regexp.MustCompile(`\b(?:calculate|compute|evaluate|solve|what(?: i|')s|how much is|cuanto (?:es|son|da)|calcula|resuelve)\W*$`)
	partOf   = regexp.MustCompile(`(` + number + `)\s*%\s*(?:of|de)\b`)
	thousand = regexp.MustCompile(`^\d{1,3}(?:,\d{3})+(?:\.\d+)?$`)
)

var signs = map[string]string{
	"plus": "+", "mas": "+", "minus": "-", "menos": "-", "times": "*", "por": "*", "x": "*", "multiplied by": "*", "multiplicado por": "*",
	"divided by": "/", "dividido por": "/", "dividido entre": "/", "entre": "/", "to the power of": "^", "of": "*", "de": "*",
}

// sums are the arithmetic expressions in t: numbers with operators between. Ranges, phone numbers, dates and versions
// look alike: what has hyphens or slashes only, without blanks, counts when the text asks to work it out.
func (t task) sums() (sums []string) {
	text := percent.ReplaceAllString(dates.ReplaceAllString(t.plain, "~"), "%")
	for _, m := range sum.FindAllStringIndex(text, -1) {
		found := text[m[0]:m[1]]
		glued := strings.Trim(found, "0123456789.,-") == "" || strings.Trim(found, "0123456789.,/") == ""
		before, after := byte(' '), byte(' ')
		if m[0] > 0 {
			before = text[m[0]-1]
		}
		if m[1] < len(text) {
			after = text[m[1]]
		}
		switch {
		case isWordByte(before), isWordByte(after), before == '.', before == '-' && !asksSum.MatchString(text[:m[0]]):
		case glued && !asksSum.MatchString(text[:m[0]]):
		default:
			if s := sumText(partOf.ReplaceAllString(found, "$1 / 100 *")); s != "" {
				sums = append(sums, s)
			}
		}
	}
	return sums
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '@' || c == '#'
}

// sumText is a sum as the calculator takes it; "" when it is none after all.
func sumText(found string) string {
	parts := part.FindAllString(found, -1)
	depth := 0
	for i, p := range parts {
		switch {
		case p == "(":
			depth++
		case p == ")":
			if depth--; depth < 0 {
				return ""
			}
		case operand.MatchString(p):
			if len(p) > 1 && p[0] == '0' && p[1] != '.' && p[1] != ',' {
				return "" // 007
			}
			switch {
			case thousand.MatchString(p): // 1,000.5
				p = strings.ReplaceAll(p, ",", "")
			case strings.Count(p, ",") == 1: // 3,5 as it is written in Spanish
				p = strings.ReplaceAll(p, ",", ".")
			}
			if strings.Contains(p, ",") || strings.Count(p, ".") > 1 { // a version, an address
				return ""
			}
			parts[i] = p
		case signs[p] != "":
			parts[i] = signs[p]
		}
	}
	if depth != 0 {
		return ""
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(parts, " "))
}
