package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"go/token"
	"math"
	"strconv"
)

type calculateIn struct {
	Expression string `json:"expression" jsonschema:"the expression, such as (1250 * 1.21 - 90) / 12 or sqrt(2) ^ 3"`
}

type calculateOut struct {
	Result json.Number `json:"result"`
}

// Calculate returns the tool calculate, which works out an arithmetic expression in float64: + - * / % (remainder,
// with the sign of the dividend) and ^ (to the right, stronger than a leading minus), parentheses, decimals,
// scientific notation, pi and e, and the functions listed in its description. Errors say what is wrong and where;
// there is no infinity and no NaN.
func Calculate() Tool {
	return MustTool(NewTool("calculate",
		"Works out an arithmetic expression exactly as written. Operators: + - * / % ^ and parentheses; "+
			"numbers such as 3.5 or 6.02e23, without thousands separators; constants pi, e; functions "+
			"sqrt, abs, round, floor, ceil, exp, ln, log (base 10), log2, sin, cos, tan (radians), "+
			"and min, max, pow with commas between arguments.",
		func(_ context.Context, in calculateIn) (calculateOut, error) {
			v, err := evaluate(in.Expression)
			if err != nil {
				return calculateOut{}, err
			}
			return calculateOut{Result: formatNumber(v)}, nil
		}))
}

// Limits of an expression; the depth keeps the recursion small.
const (
	maxExpression      = 2000 // bytes
	maxExpressionDepth = 100
)

// formatNumber writes whole numbers exactly as far as float64 holds them, and everything else in 15 digits, so that
// 0.1 + 0.2 is 0.3.
func formatNumber(v float64) json.Number {
	switch {
	case v == 0:
		return "0" // never "-0"
	case v == math.Trunc(v) && math.Abs(v) <= 1<<53:
		return json.Number(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return json.Number(strconv.FormatFloat(v, 'g', 15, 64))
}

// call applies a function. The name is not quoted in errors: it is whatever stood in the expression.
func call(name string, args []float64, at int) (float64, error) {
	x := args[0]
	switch name {
	case "min", "max":
		for _, a := range args[1:] {
			if (a < x) == (name == "min") {
				x = a
			}
		}
		return x, nil
	case "pow":
		if len(args) != 2 {
			return 0, calcFault("pow takes 2 arguments, not %d", len(args))
		}
		return pow(x, args[1])
	}
	f, ok := unary(name)
	if !ok {
		return 0, calcFault("there is no function of the name at position %d", at)
	}
	if len(args) != 1 {
		return 0, calcFault("%s takes 1 argument, not %d", name, len(args))
	}
	v := f(x)
	if math.IsNaN(v) || math.IsInf(v, -1) { // sqrt(-1), ln(0)
		return 0, calcFault("%s is not defined for this value", name)
	}
	return finite(v)
}

func unary(name string) (func(float64) float64, bool) {
	switch name {
	case "sqrt":
		return math.Sqrt, true
	case "abs":
		return math.Abs, true
	case "round":
		return math.Round, true
	case "floor":
		return math.Floor, true
	case "ceil":
		return math.Ceil, true
	case "exp":
		return math.Exp, true
	case "ln":
		return math.Log, true
	case "log", "log10":
		return math.Log10, true
	case "log2":
		return math.Log2, true
	case "sin":
		return math.Sin, true
	case "cos":
		return math.Cos, true
	case "tan":
		return math.Tan, true
	}
	return nil, false
}

// apply works out v op w; token.XOR stands for a power.
func apply(op token.Token, v, w float64) (float64, error) {
	switch op {
	case token.ADD:
		return finite(v + w)
	case token.SUB:
		return finite(v - w)
	case token.MUL:
		return finite(v * w)
	case token.XOR:
		return pow(v, w)
	}
	switch {
	case w == 0:
		return 0, calcFault("division by zero")
	case op == token.REM:
		return math.Mod(v, w), nil
	}
	return finite(v / w)
}

func pow(v, w float64) (float64, error) {
	if v == 0 && w < 0 {
		return 0, calcFault("division by zero")
	}
	r := math.Pow(v, w)
	if math.IsNaN(r) {
		return 0, calcFault("a negative number has no power with a fraction")
	}
	return finite(r)
}

func finite(v float64) (float64, error) {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, calcFault("the result is too large")
	}
	return v, nil
}

func calcFault(format string, args ...any) error {
	return &ToolError{Reason: "invalid_expression", Text: fmt.Sprintf(format, args...)}
}
