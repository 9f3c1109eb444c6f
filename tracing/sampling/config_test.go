package sampling

import (
	"fmt"
	"strings"
	"testing"
)

func samplerEnv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestSamplerConfigFromEnv(t *testing.T) {
	type env = map[string]string
	production := Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1}
	development := Config{Name: SamplerAlwaysOn, Ratio: 1}
	with := func(c Config, remotePerSecond float64) Config {
		c.RemotePerSecond = remotePerSecond
		return c
	}
	for _, tt := range []struct {
		name string
		env  env
		want Config
		errs []string // one an error, each part of its text
	}{
		{name: "a laptop", want: development},
		{name: "the platform", env: env{"K_SERVICE": "agent"}, want: production},
		{name: "ENVIRONMENT beats the platform", env: env{"K_SERVICE": "agent", "ENVIRONMENT": " Development "},
			want: development},
		{name: "production on a laptop", env: env{"ENVIRONMENT": "production"}, want: production},
		{name: "any other environment", env: env{"ENVIRONMENT": "staging"}, want: production},

		{name: "always_on", env: env{"ENVIRONMENT": "production", "OTEL_TRACES_SAMPLER": "always_on"},
			want: Config{Name: SamplerAlwaysOn, Ratio: 1}},
		{name: "always_off, in other letters", env: env{"OTEL_TRACES_SAMPLER": " ALWAYS_OFF\n"},
			want: Config{Name: SamplerAlwaysOff, Ratio: 1}},
		{name: "parentbased_always_on", env: env{"OTEL_TRACES_SAMPLER": "parentbased_always_on"},
			want: Config{Name: SamplerParentBasedAlwaysOn, Ratio: 1}},
		{name: "parentbased_always_off", env: env{"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
			want: Config{Name: SamplerParentBasedAlwaysOff, Ratio: 1}},
		{name: "a ratio", env: env{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
			want: Config{Name: SamplerTraceIDRatio, Ratio: 0.25}},
		{name: "a ratio of 0", env: env{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
			want: Config{Name: SamplerParentBasedTraceIDRatio, Ratio: 0}},
		{name: "no ratio given", env: env{"ENVIRONMENT": "production", "OTEL_TRACES_SAMPLER": "traceidratio"},
			want: Config{Name: SamplerTraceIDRatio, Ratio: 1}},
		{name: "adaptive", env: env{"OTEL_TRACES_SAMPLER": "adaptive", "OTEL_TRACES_SAMPLER_ARG": "2.5"},
			want: Config{Name: SamplerAdaptive, Ratio: 1, TracesPerSecond: 2.5}},
		{name: "adaptive without a target", env: env{"OTEL_TRACES_SAMPLER": "adaptive"},
			want: Config{Name: SamplerAdaptive, Ratio: 1}},

		{name: "budget", env: env{"TRACE_REMOTE_SAMPLED_PER_SECOND": "0.5"}, want: with(development, 0.5)},
		{name: "no budget", env: env{"TRACE_REMOTE_SAMPLED_PER_SECOND": "0"}, want: with(development, -1)},

		{name: "unknown sampler", env: env{"K_SERVICE": "agent", "OTEL_TRACES_SAMPLER": "jaeger_remote",
			"OTEL_TRACES_SAMPLER_ARG": "endpoint=x"}, want: production,
			errs: []string{`OTEL_TRACES_SAMPLER: "jaeger_remote" is not one of [always_on always_off traceidratio ` +
				`parentbased_always_on parentbased_always_off parentbased_traceidratio adaptive]; ` +
				`using parentbased_traceidratio 0.1`}},
		{name: "ratio too large", env: env{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10"},
			want: Config{Name: SamplerTraceIDRatio, Ratio: 1},
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "10" is not a number from 0 to 1; using 1`}},
		{name: "ratio negative, in production", env: env{"K_SERVICE": "agent",
			"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "-0.1"}, want: production,
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "-0.1" is not a number from 0 to 1; using 0.1`}},
		{name: "ratio that is no number", env: env{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"},
			want: Config{Name: SamplerTraceIDRatio, Ratio: 1},
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "nan" is not a number`}},
		{name: "adaptive with 0", env: env{"OTEL_TRACES_SAMPLER": "adaptive", "OTEL_TRACES_SAMPLER_ARG": "0"},
			want: Config{Name: SamplerAdaptive, Ratio: 1},
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "0" is not a number from 0.001 up; using 10`}},
		{name: "adaptive with infinity", env: env{"OTEL_TRACES_SAMPLER": "adaptive", "OTEL_TRACES_SAMPLER_ARG": "inf"},
			want: Config{Name: SamplerAdaptive, Ratio: 1}, errs: []string{`OTEL_TRACES_SAMPLER_ARG: "inf"`}},
		{name: "argument without a use", env: env{"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
			want: Config{Name: SamplerAlwaysOn, Ratio: 1},
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "0.1" is not of use to always_on, which takes no argument`}},
		{name: "argument without a sampler", env: env{"OTEL_TRACES_SAMPLER_ARG": "0.5"}, want: development,
			errs: []string{`OTEL_TRACES_SAMPLER_ARG: "0.5" is not of use without OTEL_TRACES_SAMPLER; using always_on`}},
		{name: "several at once", env: env{"OTEL_TRACES_SAMPLER": "sometimes", "TRACE_REMOTE_SAMPLED_PER_SECOND": "-1"},
			want: development,
			errs: []string{`OTEL_TRACES_SAMPLER: "sometimes"`,
				`TRACE_REMOTE_SAMPLED_PER_SECOND: "-1" is not a number from 0 up; using 10`}},
		{name: "budget that is no number", env: env{"TRACE_REMOTE_SAMPLED_PER_SECOND": "many"}, want: development,
			errs: []string{`TRACE_REMOTE_SAMPLED_PER_SECOND: "many"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ConfigFromEnv(samplerEnv(tt.env))
			if got.withDefaults() != tt.want.withDefaults() {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if len(lines) != len(tt.errs) {
				t.Fatalf("errors %q, want %d", lines, len(tt.errs))
			}
			for i, want := range tt.errs {
				if !strings.Contains(lines[i], want) {
					t.Errorf("error %q does not say %q", lines[i], want)
				}
			}
		})
	}
}

func TestSamplerConfigString(t *testing.T) {
	for want, cfg := range map[string]Config{
		"always_on":                    {},
		"parentbased_traceidratio 0.1": {Name: SamplerParentBasedTraceIDRatio, Ratio: 0.1},
		"adaptive 10":                  {Name: SamplerAdaptive},
		"parentbased_always_off":       {Name: SamplerParentBasedAlwaysOff, Ratio: 1},
	} {
		if got := cfg.String(); got != want {
			t.Errorf("%#v is %q, want %q", cfg, got, want)
		}
	}
}

func ExampleConfigFromEnv() {
	env := map[string]string{
		"K_SERVICE":               "agent",
		"OTEL_TRACES_SAMPLER":     "adaptive",
		"OTEL_TRACES_SAMPLER_ARG": "5%",
	}
	cfg, err := ConfigFromEnv(func(name string) string { return env[name] })
	fmt.Println(cfg)
	fmt.Println(err)
	// Output:
	// adaptive 10
	// OTEL_TRACES_SAMPLER_ARG: "5%" is not a number from 0.001 up; using 10
}
