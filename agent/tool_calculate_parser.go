package agent

import (
	"math"
	"strconv"
	"strings"
)

// calcParser works out an expression while it reads it. The rules, weakest first:
//
//	sum     = product { ("+" | "-") product }
//	product = signed { ("*" | "/" | "%") signed }
//	signed  = ("-" | "+") signed | power
//	power   = operand [ ("^" | "**") signed ]
//	operand = number | name [ "(" sum { "," sum } ")" ] | "(" sum ")"
type calcParser struct {
	src   string
	pos   int
	depth int
}

func (p *calcParser) sum() (float64, error) {
	v, err := p.product()
	for err == nil {
		var w float64
		switch {
		case p.take("+"):
			if w, err = p.product(); err == nil {
				v, err = finite(v + w)
			}
		case p.take("-"):
			if w, err = p.product(); err == nil {
				v, err = finite(v - w)
			}
		default:
			return v, nil
		}
	}
	return 0, err
}

func (p *calcParser) product() (float64, error) {
	v, err := p.signed()
	for err == nil {
		var w float64
		switch {
		case p.take("*"):
			if w, err = p.signed(); err == nil {
				v, err = finite(v * w)
			}
		case p.take("/"):
			if w, err = p.signed(); err == nil {
				v, err = divide(v, w)
			}
		case p.take("%"):
			if w, err = p.signed(); err == nil {
				v, err = remainder(v, w)
			}
		default:
			return v, nil
		}
	}
	return 0, err
}

// signed is the rule that every recursion passes, so the depth is counted here.
func (p *calcParser) signed() (float64, error) {
	if p.depth++; p.depth > maxExpressionDepth {
		return 0, calcFault("the expression is nested deeper than %d levels", maxExpressionDepth)
	}
	defer func() { p.depth-- }()
	if p.take("-") {
		v, err := p.signed()
		return -v, err
	}
	if p.take("+") {
		return p.signed()
	}
	return p.power()
}

func (p *calcParser) power() (float64, error) {
	v, err := p.operand()
	if err != nil || !p.take("^") && !p.take("**") {
		return v, err
	}
	w, err := p.signed()
	if err != nil {
		return 0, err
	}
	return pow(v, w)
}

func (p *calcParser) operand() (float64, error) {
	if p.space(); p.pos >= len(p.src) {
		return 0, calcFault("the expression ends where a number should be")
	}
	switch c := p.src[p.pos]; {
	case c == '(':
		p.pos++
		v, err := p.sum()
		if err != nil {
			return 0, err
		}
		return v, p.want(")")
	case '0' <= c && c <= '9' || c == '.':
		return p.number()
	case isLetter(c):
		return p.name()
	}
	return 0, p.unexpected()
}

func (p *calcParser) number() (float64, error) {
	start := p.pos
	p.digits()
	if p.pos < len(p.src) && p.src[p.pos] == '.' {
		p.pos++
		p.digits()
	}
	if p.pos < len(p.src) && (p.src[p.pos] == 'e' || p.src[p.pos] == 'E') {
		mark := p.pos
		p.pos++
		if p.pos < len(p.src) && (p.src[p.pos] == '+' || p.src[p.pos] == '-') {
			p.pos++
		}
		if p.digits() == 0 {
			p.pos = mark // not an exponent: whatever follows is reported as such
		}
	}
	v, err := strconv.ParseFloat(p.src[start:p.pos], 64)
	if math.IsInf(v, 0) {
		return 0, calcFault("the number at position %d is too large", start+1)
	}
	if err != nil {
		return 0, calcFault("there is no valid number at position %d", start+1)
	}
	return v, nil
}

func (p *calcParser) digits() int {
	start := p.pos
	for p.pos < len(p.src) && '0' <= p.src[p.pos] && p.src[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

func (p *calcParser) name() (float64, error) {
	start := p.pos
	for p.pos < len(p.src) && (isLetter(p.src[p.pos]) || '0' <= p.src[p.pos] && p.src[p.pos] <= '9') {
		p.pos++
	}
	name := strings.ToLower(p.src[start:p.pos])
	if !p.take("(") {
		switch name {
		case "pi":
			return math.Pi, nil
		case "e":
			return math.E, nil
		}
		return 0, calcFault("the name at position %d is neither pi nor e nor a function with parentheses", start+1)
	}
	var args []float64
	for {
		v, err := p.sum()
		if err != nil {
			return 0, err
		}
		args = append(args, v)
		if !p.take(",") {
			break
		}
	}
	if err := p.want(")"); err != nil {
		return 0, err
	}
	return call(name, args, start)
}

func (p *calcParser) space() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// take reads op when it comes next. A "*" that is half of "**" is not one.
func (p *calcParser) take(op string) bool {
	p.space()
	rest := p.src[p.pos:]
	if !strings.HasPrefix(rest, op) || op == "*" && strings.HasPrefix(rest, "**") {
		return false
	}
	p.pos += len(op)
	return true
}

func (p *calcParser) want(op string) error {
	if p.take(op) {
		return nil
	}
	if p.pos >= len(p.src) {
		return calcFault("a %q is missing at the end", op)
	}
	return p.unexpected()
}

func (p *calcParser) unexpected() error {
	return calcFault("unexpected character at position %d", p.pos+1)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
