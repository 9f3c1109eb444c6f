package sampling

import (
	"fmt"
	"math"
	"slices"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/env"
)

// Name is a value of OTEL_TRACES_SAMPLER.
type Name string

// The samplers. What one of them does not sample is recorded all the same, undecided, so that it can be kept if it
// turns out to hold an error; only SamplerAlwaysOff drops. The parent-based ones and the adaptive one honour a
// caller's sampled flag within a budget; the others do not look at it.
const (
	SamplerAlwaysOn                Name = "always_on"                // everything
	SamplerAlwaysOff               Name = "always_off"               // nothing, not even errors
	SamplerTraceIDRatio            Name = "traceidratio"             // a share of all traces
	SamplerParentBasedAlwaysOn     Name = "parentbased_always_on"    // everything
	SamplerParentBasedAlwaysOff    Name = "parentbased_always_off"   // what callers sampled
	SamplerParentBasedTraceIDRatio Name = "parentbased_traceidratio" // the same, and a share of the rest
	SamplerAdaptive                Name = "adaptive"                 // the same, and so many a second
)

const (
	defaultProductionRatio = 0.1
	defaultTracesPerSecond = 10
	minTracesPerSecond     = 0.001
	defaultRemotePerSecond = 10
)

// Config says which traces are kept from their first span on. The zero value keeps everything.
type Config struct {
	Name Name // default SamplerAlwaysOn, which also stands for unknown names
	// Ratio is the share of traces the two ratio samplers keep, cut to [0, 1]. At 0 they keep none of their own.
	Ratio float64
	// TracesPerSecond is what SamplerAdaptive keeps per instance, beside what it keeps for callers. Default 10.
	TracesPerSecond float64
	// RemotePerSecond is how many traces per second and instance a caller can have kept by sending the sampled flag;
	// above it we decide as if the flag were not there. Default 10; negative: the flag is never honoured.
	RemotePerSecond float64
	// Custom decides instead, on every span; the fields above are not looked at then. What it drops is not recorded and
	// cannot be kept for an error, and AgentTracer starts nothing below it; what it only records is undecided. One
	// sampled span keeps what is recorded of its whole invocation. Default: nil.
	Custom sdktrace.Sampler
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = SamplerAlwaysOn
	}
	if !(c.TracesPerSecond > 0) {
		c.TracesPerSecond = defaultTracesPerSecond
	}
	if c.RemotePerSecond == 0 {
		c.RemotePerSecond = defaultRemotePerSecond
	}
	return c
}

// ConfigFromEnv reads the configuration from the environment:
//
//   - OTEL_TRACES_SAMPLER names the sampler. Default: always_on in development, else parentbased_traceidratio with
//     0.1.
//   - OTEL_TRACES_SAMPLER_ARG is its argument: for the ratio samplers the ratio from 0 to 1 (default 1, as
//     OpenTelemetry has it), for adaptive the traces kept per second and instance, above 0 (default 10).
//   - TRACE_REMOTE_SAMPLED_PER_SECOND is the budget for callers' sampled flags (default 10; 0 honours none).
//   - The environment (see env.Reader) decides the default.
//
// Each value that does not parse adds an error that names the variable, what it may be and what is used instead. The
// configuration is usable beside an error.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	r := env.NewReader(getenv)
	fallback := Config{Name: SamplerAlwaysOn, Ratio: 1}
	if r.Environment().Production {
		fallback = Config{Name: SamplerParentBasedTraceIDRatio, Ratio: defaultProductionRatio}
	}
	cfg := readSampler(r, fallback)
	// 0 is the default in a Config, where none is negative.
	cfg.RemotePerSecond = r.Float("TRACE_REMOTE_SAMPLED_PER_SECOND", defaultRemotePerSecond, 0, math.MaxFloat64)
	if cfg.RemotePerSecond == 0 {
		cfg.RemotePerSecond = -1
	}
	return cfg, r.Err()
}

func readSampler(r *env.Reader, fallback Config) Config {
	const variable, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	name, arg := r.String(variable), r.String(argument)
	if name == "" {
		if arg != "" {
			r.Reject(argument, "of use without "+variable, fallback.String())
		}
		return fallback
	}
	known := []Name{
		SamplerAlwaysOn, SamplerAlwaysOff, SamplerTraceIDRatio, SamplerParentBasedAlwaysOn,
		SamplerParentBasedAlwaysOff, SamplerParentBasedTraceIDRatio, SamplerAdaptive,
	}
	cfg := Config{Name: Name(strings.ToLower(name)), Ratio: 1}
	switch {
	case !slices.Contains(known, cfg.Name):
		r.Reject(variable, fmt.Sprintf("one of %v", known), fallback.String())
		return fallback
	case arg == "":
	case cfg.takesRatio():
		cfg.Ratio = r.Float(argument, fallback.Ratio, 0, 1)
	case cfg.Name == SamplerAdaptive:
		cfg.TracesPerSecond = r.Float(argument, defaultTracesPerSecond, minTracesPerSecond, math.MaxFloat64)
	default:
		r.Reject(argument, fmt.Sprintf("of use to %s, which takes no argument", cfg.Name), "")
	}
	return cfg
}

// String returns the sampler as it would be written in the environment, for example parentbased_traceidratio 0.1, or
// the description of a custom one.
func (c Config) String() string {
	c = c.withDefaults()
	switch {
	case c.Custom != nil:
		return c.Custom.Description()
	case c.takesRatio():
		return fmt.Sprintf("%s %v", c.Name, c.Ratio)
	case c.Name == SamplerAdaptive:
		return fmt.Sprintf("%s %v", c.Name, c.TracesPerSecond)
	}
	return string(c.Name)
}

func (c Config) takesRatio() bool {
	return c.Name == SamplerTraceIDRatio || c.Name == SamplerParentBasedTraceIDRatio
}

// honoursParent reports whether a caller's sampled flag counts, within the budget.
func (c Config) honoursParent() bool {
	return c.Name == SamplerAdaptive || strings.HasPrefix(string(c.Name), "parentbased_")
}
