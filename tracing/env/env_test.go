package env_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/tracing/env"
)

func of(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// What is not set, set to nothing or set to something bad gives the default; only the last is complained about.
func TestBadValuesGiveTheDefaultAndOneComplaint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value     string
		read      func(*env.Reader) any
		want      any
		complaint string
	}{
		{"", func(r *env.Reader) any { return r.Bool("X", true) }, true, ""},
		{" TRUE\n", func(r *env.Reader) any { return r.Bool("X", false) }, true, ""},
		{"false", func(r *env.Reader) any { return r.Bool("X", true) }, false, ""},
		{"1", func(r *env.Reader) any { return r.Bool("X", false) }, false, `X: "1" is not true or false; using false`},

		{"", func(r *env.Reader) any { return r.Duration("X", 5, 1, 9) }, time.Duration(5), ""},
		{" 7ns", func(r *env.Reader) any { return r.Duration("X", 5, 1, 9) }, time.Duration(7), ""},
		{"5", func(r *env.Reader) any { return r.Duration("X", time.Second, 0, time.Hour) }, time.Second,
			`X: "5" is not a duration from 0s to 1h0m0s such as 500ms or 2s; using 1s`},
		{"2h", func(r *env.Reader) any { return r.Duration("X", time.Second, 0, time.Hour) }, time.Second, `X: "2h" is not`},

		{"", func(r *env.Reader) any { return r.Int("X", 3, 1, 9) }, 3, ""},
		{"9", func(r *env.Reader) any { return r.Int("X", 3, 1, 9) }, 9, ""},
		{"10", func(r *env.Reader) any { return r.Int("X", 3, 1, 9) }, 3,
			`X: "10" is not a whole number from 1 to 9; using 3`},
		{"0", func(r *env.Reader) any { return r.Int("X", 3, 1, math.MaxInt) }, 3,
			`X: "0" is not a whole number from 1 up; using 3`},
		{"1e3", func(r *env.Reader) any { return r.Int("X", 3, math.MinInt, math.MaxInt) }, 3,
			`X: "1e3" is not a whole number; using 3`},

		{"0.5", func(r *env.Reader) any { return r.Float("X", 1, 0, 1) }, 0.5, ""},
		{"nan", func(r *env.Reader) any { return r.Float("X", 1, 0, 1) }, 1.0, `X: "nan" is not a number from 0 to 1; using 1`},
		{"inf", func(r *env.Reader) any { return r.Float("X", 1, 0, math.MaxFloat64) }, 1.0,
			`X: "inf" is not a number from 0 up; using 1`},

		{"GZIP", func(r *env.Reader) any { return r.Enum("X", "none", "none", "gzip") }, "gzip", ""},
		{"zstd", func(r *env.Reader) any { return r.Enum("X", "none", "none", "gzip") }, "none",
			`X: "zstd" is not one of none, gzip; using none`},

		{" a, ,b,", func(r *env.Reader) any { return fmt.Sprint(r.List("X")) }, "[a b]", ""},
		{strings.Repeat("ü", 99), func(r *env.Reader) any { return r.Bool("X", false) }, false,
			`X: "` + strings.Repeat("ü", 60) + `…" is not true or false`},
	} {
		r := env.NewReader(of("X", tt.value))
		if got := tt.read(r); got != tt.want {
			t.Errorf("%q gives %v, want %v", tt.value, got, tt.want)
		}
		switch err := r.Err(); {
		case tt.complaint == "" && err != nil:
			t.Errorf("%q: complaint %v", tt.value, err)
		case tt.complaint != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.complaint)):
			t.Errorf("%q: complaint %v, want %s", tt.value, err, tt.complaint)
		}
	}
}

func TestComplaintsAreGathered(t *testing.T) {
	t.Parallel()
	r := env.NewReader(of("A", "x", "B", "y", "SECRET", "hush"))
	r.Bool("A", true)
	r.Int("B", 1, 0, 9)
	r.RejectSecret("SECRET", "a key", "")
	want := "A: \"x\" is not true or false; using true\n" +
		"B: \"y\" is not a whole number from 0 to 9; using 1\n" +
		"SECRET is not a key"
	if got := r.Err().Error(); got != want {
		t.Errorf("complaints:\n%s\nwant:\n%s", got, want)
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	var bad []int
	got := env.NewReader(of("X", "a=1, b%3D = x%20y ,,c,d=%zz,=e,f=")).Pairs("X", func(n int) { bad = append(bad, n) })
	if fmt.Sprint(got) != "map[a:1 b=:x y f:]" || fmt.Sprint(bad) != "[4 5 6]" {
		t.Errorf("pairs %v, bad %v", got, bad)
	}
}

// One answer for all who ask: the spans' attribute and the defaults.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env  []string
		want env.Environment
	}{
		{nil, env.Environment{Name: "development", Known: true}},
		{[]string{"K_SERVICE", "s"}, env.Environment{Name: "production", Production: true, Known: true}},
		{[]string{"K_SERVICE", "s", "ENVIRONMENT", " Development "}, env.Environment{Name: "Development", Known: true}},
		{[]string{"ENVIRONMENT", "staging"}, env.Environment{Name: "staging", Production: true, Known: true}},
		{[]string{"ENVIRONMENT", "prodution"}, env.Environment{Name: "prodution", Production: true}},
		{[]string{"K_SERVICE", "s", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=development"},
			env.Environment{Name: "development", Known: true}},
		{[]string{"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production,x", "ENVIRONMENT", "test"},
			env.Environment{Name: "test", Production: true, Known: true}},
	} {
		if got := env.NewReader(of(tt.env...)).Environment(); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.env, got, tt.want)
		}
	}
}

// Whatever stands in the variables, nothing is read beside a complaint about it, and no key is empty.
func FuzzReader(f *testing.F) {
	f.Add("a=b,c=d%20e")
	f.Add("=,%")
	f.Add("-1e400")
	f.Fuzz(func(t *testing.T, v string) {
		r := env.NewReader(of("OTEL_RESOURCE_ATTRIBUTES", v, "X", v))
		attrs, ok := r.ResourceAttributes()
		if !ok && attrs != nil {
			t.Error("attributes beside a bad pair")
		}
		for k := range attrs {
			if k == "" {
				t.Error("an empty key")
			}
		}
		if n := r.Int("X", 5, 1, 9); n < 1 || n > 9 {
			t.Error(n)
		}
		if n := r.Float("X", 5, 1, 9); !(n >= 1 && n <= 9) {
			t.Error(n)
		}
		if d := r.Duration("X", 5, 1, 9); d < 1 || d > 9 {
			t.Error(d)
		}
		if err := r.Err(); err != nil && !strings.HasPrefix(err.Error(), "X: ") {
			t.Error(err)
		}
	})
}
