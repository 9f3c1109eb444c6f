package agent

import (
	"go/scanner"
	"go/token"
	"math"
	"strconv"
	"strings"
)

// expression works out what Go's scanner reads of it, by the strength of its operators.
type expression struct {
	src    string
	scan   scanner.Scanner
	file   *token.File
	depth  int
	tok    token.Token // that comes next; token.XOR, which is ^, also for **
	lit    string
	at     int         // where it begins, from 1
	second token.Token // of -- and ++, which are one token to Go
}

// strengths of operators; a sign binds stronger than a product and weaker than a power.
const (
	sum = iota + 1
	product
	power
)

// evaluate returns the value of expr, which is finite.
func evaluate(expr string) (float64, error) {
	if len(expr) > maxExpression {
		return 0, calcFault("the expression is longer than %d characters", maxExpression)
	}
	x := &expression{src: expr, file: token.NewFileSet().AddFile("", -1, len(expr))}
	x.scan.Init(x.file, []byte(expr), func(token.Position, string) {}, scanner.ScanComments) // a comment is a fault
	x.next()
	v, err := x.value(sum)
	if err == nil && x.tok != token.EOF {
		return 0, x.unexpected()
	}
	return v, err
}

func (x *expression) next() {
	if x.second != token.ILLEGAL {
		x.tok, x.second = x.second, token.ILLEGAL
		x.at++
		return
	}
	var pos token.Pos
	pos, x.tok, x.lit = x.scan.Scan()
	for x.tok == token.SEMICOLON && x.lit == "\n" { // Go's, not ours
		pos, x.tok, x.lit = x.scan.Scan()
	}
	x.at = x.file.Offset(pos) + 1
	switch x.tok {
	case token.DEC:
		x.tok, x.second = token.SUB, token.SUB
	case token.INC:
		x.tok, x.second = token.ADD, token.ADD
	case token.MUL:
		if strings.HasPrefix(x.src[x.at:], "*") { // two tokens to Go
			if _, x.tok, _ = x.scan.Scan(); x.tok == token.MUL { // else **=
				x.tok = token.XOR
			}
		}
	}
}

// value reads on for as long as operators are at least so strong.
func (x *expression) value(weakest int) (float64, error) {
	if x.depth++; x.depth > maxExpressionDepth {
		return 0, calcFault("the expression is nested deeper than %d levels", maxExpressionDepth)
	}
	defer func() { x.depth-- }()
	v, err := x.operand()
	for err == nil {
		op, strength := x.tok, product
		switch op {
		case token.ADD, token.SUB:
			strength = sum
		case token.MUL, token.QUO, token.REM:
		case token.XOR:
			strength = power
		default:
			return v, nil
		}
		if strength < weakest {
			return v, nil
		}
		x.next()
		var w float64
		if w, err = x.value(min(strength+1, power)); err == nil { // powers go to the right
			v, err = apply(op, v, w)
		}
	}
	return 0, err
}

func (x *expression) operand() (float64, error) {
	switch tok, lit, at := x.tok, x.lit, x.at; {
	case tok == token.EOF:
		return 0, calcFault("the expression ends where a number should be")
	case tok == token.SUB:
		x.next()
		v, err := x.value(power)
		return -v, err
	case tok == token.ADD:
		x.next()
		return x.value(power)
	case tok == token.LPAREN:
		x.next()
		v, err := x.value(sum)
		if err != nil {
			return 0, err
		}
		return v, x.closing()
	case tok == token.INT, tok == token.FLOAT, tok == token.IMAG:
		x.next()
		return number(lit, at)
	case tok == token.PERIOD:
		return 0, calcFault("there is no valid number at position %d", at)
	case tok == token.IDENT, tok.IsKeyword():
		x.next()
		return x.named(strings.ToLower(lit), at)
	}
	return 0, x.unexpected()
}

// number reads a decimal number; Go knows others too.
func number(lit string, at int) (float64, error) {
	v, err := strconv.ParseFloat(lit, 64)
	rest := strings.TrimLeft(lit, "0123456789.")
	switch {
	case math.IsInf(v, 0):
		return 0, calcFault("the number at position %d is too large", at)
	case err != nil, rest != "" && rest[0] != 'e' && rest[0] != 'E':
		return 0, calcFault("unexpected character at position %d", at+len(lit)-len(rest))
	}
	return v, nil
}

// named is a constant or the call of a function.
func (x *expression) named(name string, at int) (float64, error) {
	if x.tok != token.LPAREN {
		switch name {
		case "pi":
			return math.Pi, nil
		case "e":
			return math.E, nil
		}
		return 0, calcFault("the name at position %d is neither pi nor e nor a function with parentheses", at)
	}
	var args []float64
	for more := true; more; more = x.tok == token.COMMA {
		x.next()
		v, err := x.value(sum)
		if err != nil {
			return 0, err
		}
		args = append(args, v)
	}
	if err := x.closing(); err != nil {
		return 0, err
	}
	return call(name, args, at)
}

func (x *expression) closing() error {
	switch x.tok {
	case token.RPAREN:
		x.next()
		return nil
	case token.EOF:
		return calcFault("a %q is missing at the end", ")")
	}
	return x.unexpected()
}

func (x *expression) unexpected() error {
	return calcFault("unexpected character at position %d", x.at)
}
