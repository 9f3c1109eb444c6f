package logquery

import (
	"fmt"
	"regexp"
	"strings"
)

type kind int

const (
	end      kind = iota
	word          // a bare word: part of a path, a number, a value, AND, OR or NOT
	quoted        // text in double quotes, without them
	operator      // a comparison
	mark          // a parenthesis or a dot
)

type token struct {
	kind kind
	text string
}

var lexeme = regexp.MustCompile(`^(?:(\s+|--[^\n]*)|"((?:[^"\\]|\\.)*)"|(=~|!~|>=|<=|!=|[=<>:])|([().-])|([A-Za-z0-9_*/+][A-Za-z0-9_*/+-]*))`)

// scan cuts a query into tokens. A number with a fraction is three of them, as a path of two names is.
func scan(text string) ([]token, error) {
	var tokens []token
	for text != "" {
		m := lexeme.FindStringSubmatchIndex(text)
		if m == nil {
			return nil, fmt.Errorf("no token at %.20q", text)
		}
		for group, kind := range map[int]kind{2: quoted, 3: operator, 4: mark, 5: word} {
			if from, to := m[2*group], m[2*group+1]; from >= 0 {
				tokens = append(tokens, token{kind, text[from:to]})
			}
		}
		text = text[m[1]:]
	}
	for i, t := range tokens {
		if t.kind == quoted {
			tokens[i].text = regexp.MustCompile(`\\(["\\])`).ReplaceAllString(t.text, "$1")
		}
	}
	return tokens, nil
}

// parser reads tokens by descent, one method for each rule of the grammar.
type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

// take reads the next token if it is of this kind and text.
func (p *parser) take(k kind, text string) bool {
	if t := p.peek(); t.kind == k && t.text == text {
		p.at++
		return true
	}
	return false
}

// and = or { ["AND"] or }
func (p *parser) and() (node, error) {
	left, err := p.or()
	for err == nil && p.peek().kind != end && p.peek() != (token{mark, ")"}) {
		p.take(word, "AND")
		a, b := left, node(nil)
		b, err = p.or()
		left = func(entry map[string]any) bool { return a(entry) && b(entry) }
	}
	return left, err
}

// or = not { "OR" not }
func (p *parser) or() (node, error) {
	left, err := p.not()
	for err == nil && p.take(word, "OR") {
		a, b := left, node(nil)
		b, err = p.not()
		left = func(entry map[string]any) bool { return a(entry) || b(entry) }
	}
	return left, err
}

// not = [ "NOT" | "-" ] ( "(" and ")" | "log_id" "(" text ")" | comparison )
func (p *parser) not() (node, error) {
	if p.take(word, "NOT") || p.take(mark, "-") {
		inner, err := p.not()
		return func(entry map[string]any) bool { return !inner(entry) }, err
	}
	if p.take(mark, "(") {
		inner, err := p.and()
		if err == nil && !p.take(mark, ")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return inner, err
	}
	if p.take(word, "log_id") {
		if id := p.tokens[p.at:]; len(id) >= 3 && id[0] == (token{mark, "("}) && id[1].kind == quoted && id[2] == (token{mark, ")"}) {
			p.at += 3
			suffix := "/logs/" + strings.ReplaceAll(id[1].text, "/", "%2F")
			return func(entry map[string]any) bool {
				name, _ := entry["logName"].(string)
				return strings.HasSuffix(name, suffix)
			}, nil
		}
		return nil, fmt.Errorf(`log_id wants one text: log_id("NAME")`)
	}
	return p.comparison()
}

// comparison = path operator ( value | "(" value { "OR" value } ")" )
func (p *parser) comparison() (node, error) {
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	op := p.peek()
	if op.kind != operator || strings.HasPrefix(op.text, "!") {
		return nil, fmt.Errorf("%q after %s is no comparison known here", op.text, path)
	}
	p.at++
	list := p.take(mark, "(")
	var tests []func(any) bool
	for {
		test, err := p.value(path, op.text)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
		if !list || !p.take(word, "OR") {
			break
		}
	}
	if list && !p.take(mark, ")") {
		return nil, fmt.Errorf("the list after %s is not closed", path)
	}
	return func(entry map[string]any) bool { return matches(path.In(entry), tests) }, nil
}

// path = name { "." name }, a name being a bare word or in quotes.
func (p *parser) path() (Path, error) {
	var path Path
	for {
		t := p.peek()
		if t.kind != word && t.kind != quoted || len(path) == 0 && t.kind == quoted {
			return nil, fmt.Errorf("%q is no name of a field", t.text)
		}
		path = append(path, t.text)
		p.at++
		if !p.take(mark, ".") {
			return path, nil
		}
	}
}

// value = text in quotes | bare word or number
func (p *parser) value(path Path, op string) (func(any) bool, error) {
	t := p.peek()
	text := t.text
	p.at++
	negative := t == token{mark, "-"}
	if negative {
		t = p.peek()
		text += t.text
		p.at++
	}
	if t.kind != word && (t.kind != quoted || negative) {
		return nil, fmt.Errorf("%q is no value to compare %s with", text, path)
	}
	if t.kind == word && p.take(mark, ".") {
		text += "." + p.peek().text
		p.at++
	}
	return compared(path, op, text, t.kind == quoted)
}
