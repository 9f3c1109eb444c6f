package agent

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestCalculate(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{"1 + 2", "3"},
		{"2 + 3 * 4", "14"},
		{"(2 + 3) * 4", "20"},
		{"10 - 3 - 2", "5"},
		{"100 / 10 / 2", "5"},
		{"7 % 3", "1"},
		{"-7 % 3", "-1"},
		{"2 ^ 3 ^ 2", "512"},
		{"2 ** 10", "1024"},
		{"-2 ^ 2", "-4"},
		{"-2 ** 2 - 2 ** 3 ** 2", "-516"},
		{"1--2+++3", "6"},
		{"2 ^ -3 ^ 2 * 512", "1"},
		{"2 ^ -1", "0.5"},
		{"2 * -3", "-6"},
		{"--3", "3"},
		{"+3", "3"},
		{"-0", "0"},
		{"0.1 + 0.2", "0.3"},
		{".5 + 1.", "1.5"},
		{"6.02e23 / 1E23", "6.02"},
		{"1e-3", "0.001"},
		{"2 ^ 53", "9007199254740992"},
		{"3 ^ 40", "1.21576654590569e+19"},
		{"1 / 3", "0.333333333333333"},
		{"sqrt(16) + abs(-3)", "7"},
		{"min(3, 1, 2) + max(3, 1, 2)", "4"},
		{"max(2, 2)", "2"},
		{"round(2.5) + floor(1.9) + ceil(1.1)", "6"},
		{"ln(e)", "1"},
		{"log(1000) + log2(8) + log10(10)", "7"},
		{"pow(2, 0.5) ^ 2", "2"},
		{"SIN(0) + cos(0) + tan(0)", "1"},
		{"exp(0)", "1"},
		{"2 * PI", "6.28318530717959"},
		{"\t( 1\n+ 2 )\r", "3"},
	} {
		v, err := evaluate(tc.expr)
		if err != nil {
			t.Errorf("%s: %v", tc.expr, err)
		} else if got := string(formatNumber(v)); got != tc.want {
			t.Errorf("%s = %s, want %s", tc.expr, got, tc.want)
		}
	}
}

func TestCalculateErrors(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{"", "the expression ends where a number should be"},
		{"  ", "the expression ends where a number should be"},
		{"1 +", "the expression ends where a number should be"},
		{"1 / 0", "division by zero"},
		{"1 % 0", "division by zero"},
		{"0 ^ -1", "division by zero"},
		{"10 ^ 400", "the result is too large"},
		{"1e308 * 10", "the result is too large"},
		{"exp(1000)", "the result is too large"},
		{"1e999", "the number at position 1 is too large"},
		{"sqrt(-1)", "sqrt is not defined for this value"},
		{"ln(0)", "ln is not defined for this value"},
		{"(-8) ^ 0.5", "a negative number has no power with a fraction"},
		{"(1 + 2", `a ")" is missing at the end`},
		{"1 + 2)", "unexpected character at position 6"},
		{"1 2", "unexpected character at position 3"},
		{"2e", "unexpected character at position 2"},
		{"1,000", "unexpected character at position 2"},
		{"5 × 3", "unexpected character at position 3"},
		{"2 * * 3", "unexpected character at position 5"},
		{"2 *** 3", "unexpected character at position 5"},
		{"2 **= 3", "unexpected character at position 3"},
		{"1 // 2", "unexpected character at position 3"},
		{"0x10", "unexpected character at position 2"},
		{"1_000", "unexpected character at position 2"},
		{"1 if 2", "unexpected character at position 3"},
		{"func(1)", "there is no function of the name at position 1"},
		{".", "there is no valid number at position 1"},
		{"x + 1", "the name at position 1 is neither pi nor e nor a function with parentheses"},
		{"evil(1)", "there is no function of the name at position 1"},
		{"sqrt(1, 2)", "sqrt takes 1 argument, not 2"},
		{"pow(1)", "pow takes 2 arguments, not 1"},
		{"sqrt()", "unexpected character at position 6"},
		{strings.Repeat("(", 101) + "1", "the expression is nested deeper than 100 levels"},
		{strings.Repeat("-", 500) + "1", "the expression is nested deeper than 100 levels"},
		{strings.Repeat("1+", 2000), "the expression is longer than 2000 characters"},
	} {
		_, err := evaluate(tc.expr)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%.40q: got %v, want %q", tc.expr, err, tc.want)
		}
	}
}

// FuzzCalculate: whatever the expression, the result is a finite number that is valid JSON and reads back as itself,
// or the error has a text and does not quote the expression.
func FuzzCalculate(f *testing.F) {
	for _, s := range []string{"1+2*3", "-2^-2", "min(1,2)", "((1)", "1e308*10", "0/0", "sqrt(-1)", "2**3**2", "e",
		"1..2", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		v, err := evaluate(expr)
		if err != nil {
			if len(expr) > 12 && strings.Contains(err.Error(), expr) {
				t.Fatalf("the error quotes the expression: %v", err)
			}
			return
		}
		n := formatNumber(v)
		if math.IsInf(v, 0) || math.IsNaN(v) || !json.Valid([]byte(n)) {
			t.Fatalf("%q = %v, written %s", expr, v, n)
		}
		back, err := evaluate(string(n))
		if err != nil || formatNumber(back) != n {
			t.Fatalf("%s reads back as %v, %v", n, back, err)
		}
		if want, _ := strconv.ParseFloat(string(n), 64); want != back {
			t.Fatalf("%s evaluates to %v", n, back)
		}
	})
}
