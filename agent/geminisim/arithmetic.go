package geminisim

import (
	"strings"
	"unicode"
)

// term is a piece of a text as arithmetic sees it.
type term struct {
	kind byte // n number, o operator, ( ), space for anything else
	s    string
}

var operatorWords = map[string]string{
	"plus": "+", "mas": "+", "minus": "-", "menos": "-", "times": "*", "por": "*", "multiplied": "*", "multiplicado": "*",
	"divided": "/", "dividido": "/", "over": "/",
}

// expressions are the arithmetic expressions in t: at least two numbers with an operator between.
func (t task) expressions() (found []string) {
	var run []term
	flush := func() {
		if e := expression(run); e != "" {
			found = append(found, e)
		}
		run = run[:0]
	}
	for _, x := range t.terms() {
		if x.kind == ' ' || x.kind == 'n' && len(run) > 0 && run[len(run)-1].kind == 'n' {
			flush()
		}
		if x.kind != ' ' {
			run = append(run, x)
		}
	}
	flush()
	return found
}

// expression joins terms when they are one, with what hangs over at the ends cut off.
func expression(run []term) string {
	for len(run) > 0 && (run[0].kind == ')' || run[0].kind == 'o' && run[0].s != "-") {
		run = run[1:]
	}
	for len(run) > 0 && (run[len(run)-1].kind == 'o' || run[len(run)-1].kind == '(') {
		run = run[:len(run)-1]
	}
	numbers, operators, depth := 0, 0, 0
	s := make([]string, len(run))
	for i, x := range run {
		switch x.kind {
		case 'n':
			numbers++
		case 'o':
			operators++
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return ""
			}
		}
		s[i] = x.s
	}
	if numbers < 2 || operators < 1 || depth != 0 {
		return ""
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(s, " "))
}

func (t task) terms() (terms []term) {
	for i := 0; i < len(t.runes); {
		switch r := t.runes[i]; {
		case unicode.IsSpace(r):
			i++
		case t.isDate(i):
			terms, i = append(terms, term{kind: ' '}), i+len("2006-01-02")
		case '0' <= r && r <= '9':
			number, end := t.number(i)
			x := term{'n', number}
			before := i > 0 && unicode.IsLetter(t.runes[i-1]) && !t.isTimesSign(i-1)
			after := end < len(t.runes) && unicode.IsLetter(t.runes[end]) && !t.isTimesSign(end)
			if before || after || len(number) > 1 && number[0] == '0' && number[1] != '.' {
				x = term{kind: ' '} // gpt4, 3rd, 007
			}
			terms, i = append(terms, x), end
		case unicode.IsLetter(r):
			end := i
			for end < len(t.runes) && unicode.IsLetter(t.runes[end]) {
				end++
			}
			if t.isTimesSign(i) && end > i {
				terms, i = append(terms, term{'o', "*"}), i+1
				break
			}
			terms, i = appendWord(terms, plain(t.runes[i:end])), end
		default:
			terms, i = append(terms, symbol(r)), i+1
		}
	}
	return terms
}

// appendWord adds a word: an operator, the «by» of «divided by», the «of» of «15% of 200», or a break.
func appendWord(terms []term, w string) []term {
	last := term{kind: ' '}
	if len(terms) > 0 {
		last = terms[len(terms)-1]
	}
	switch op := operatorWords[w]; {
	case w == "por" && last.kind == 'o' || w == "entre" && last.s == "/", w == "by" && last.kind == 'o':
		return terms
	case w == "entre" && last.kind == 'n':
		return append(terms, term{'o', "/"})
	case (w == "of" || w == "de") && last.s == "%":
		return append(terms[:len(terms)-1], term{'o', "/"}, term{'n', "100"}, term{'o', "*"})
	case op != "":
		return append(terms, term{'o', op})
	}
	return append(terms, term{kind: ' '})
}

func symbol(r rune) term {
	switch r {
	case '+', '-', '*', '/', '^', '%':
		return term{'o', string(r)}
	case '×', '·':
		return term{'o', "*"}
	case '÷':
		return term{'o', "/"}
	case '−', '–':
		return term{'o', "-"}
	case '(', ')':
		return term{byte(r), string(r)}
	}
	return term{kind: ' '}
}

// isDate says whether a date such as 2026-11-22 begins at i.
func (t task) isDate(i int) bool {
	const form = "2006-01-02"
	for j := range len(form) {
		if i+j >= len(t.runes) || form[j] == '-' && t.runes[i+j] != '-' || form[j] != '-' && !unicode.IsDigit(t.runes[i+j]) {
			return false
		}
	}
	return true
}

// isTimesSign says whether the rune at i is the x of 3x4 or 3 x 4.
func (t task) isTimesSign(i int) bool {
	if t.runes[i] != 'x' {
		return false
	}
	before, after := i-1, i+1
	for before >= 0 && t.runes[before] == ' ' {
		before--
	}
	for after < len(t.runes) && t.runes[after] == ' ' {
		after++
	}
	return before >= 0 && after < len(t.runes) && unicode.IsDigit(t.runes[before]) && unicode.IsDigit(t.runes[after])
}

// number reads a number at i: 1234, 1,234, 3.5, and 3,5 as it is written in Spanish.
func (t task) number(i int) (number string, end int) {
	digits := func(i int) int {
		for i < len(t.runes) && '0' <= t.runes[i] && t.runes[i] <= '9' {
			i++
		}
		return i
	}
	var b strings.Builder
	end = digits(i)
	b.WriteString(string(t.runes[i:end]))
	for end+1 < len(t.runes) && (t.runes[end] == ',' || t.runes[end] == '.') {
		next := digits(end + 1)
		n := next - end - 1
		if n == 0 {
			break
		}
		if t.runes[end] == '.' || n != 3 {
			b.WriteByte('.')
		}
		b.WriteString(string(t.runes[end+1 : next]))
		end = next
	}
	if s := b.String(); strings.Count(s, ".") > 1 { // a version, an address
		return "0" + s, end // a leading zero: not arithmetic
	}
	return b.String(), end
}
