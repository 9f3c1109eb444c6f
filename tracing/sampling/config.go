package sampling

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// SamplerName is a value of OTEL_TRACES_SAMPLER.
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
	defaultRemotePerSecond = 10
)

// SamplerConfig says which traces are kept from their first span on. The zero value keeps everything.
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

// SamplerConfigFromEnv reads the configuration from the environment:
//
//   - OTEL_TRACES_SAMPLER names the sampler. Default: always_on in development, else parentbased_traceidratio with
//     0.1.
//   - OTEL_TRACES_SAMPLER_ARG is its argument: for the ratio samplers the ratio from 0 to 1 (default 1, as
//     OpenTelemetry has it), for adaptive the traces kept per second and instance, above 0 (default 10).
//   - TRACE_REMOTE_SAMPLED_PER_SECOND is the budget for callers' sampled flags (default 10; 0 honours none).
//   - ENVIRONMENT is development or production; any other name, such as staging, is treated like production, where a
//     surprise costs less. Default: production where K_SERVICE is set, else development.
//
// Each value that does not parse adds an error that names the variable, what it may be and what is used instead: the
// environment's default. The configuration is usable beside an error.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	env := func(name string) string { return strings.TrimSpace(getenv(name)) }

	fallback := Config{Name: SamplerParentBasedTraceIDRatio, Ratio: defaultProductionRatio}
	if isDevelopment(env) {
		fallback = Config{Name: SamplerAlwaysOn, Ratio: 1}
	}
	cfg, samplerErr := parseSampler(env("OTEL_TRACES_SAMPLER"), env("OTEL_TRACES_SAMPLER_ARG"), fallback)

	var remoteErr error
	cfg.RemotePerSecond, remoteErr = parseRemoteBudget(env("TRACE_REMOTE_SAMPLED_PER_SECOND"))
	return cfg, errors.Join(samplerErr, remoteErr, checkEnvironment(env("ENVIRONMENT")))
}

// checkEnvironment finds mistyped names: they count as production, whose sampling a developer would wonder about.
func checkEnvironment(name string) error {
	known := []string{"", "development", "production", "staging", "test"}
	if slices.Contains(known, strings.ToLower(name)) {
		return nil
	}
	return fmt.Errorf("ENVIRONMENT: %q is not a name we know (%s); sampling as in production", name,
		strings.Join(known[1:], ", "))
}

func isDevelopment(env func(string) string) bool {
	if name := env("ENVIRONMENT"); name != "" {
		return strings.EqualFold(name, "development")
	}
	return env("K_SERVICE") == ""
}

func parseSampler(name, arg string, fallback Config) (Config, error) {
	if name == "" {
		if arg != "" {
			return fallback, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q means nothing without OTEL_TRACES_SAMPLER; using %s",
				arg, fallback)
		}
		return fallback, nil
	}
	known := []Name{
		SamplerAlwaysOn, SamplerAlwaysOff, SamplerTraceIDRatio, SamplerParentBasedAlwaysOn,
		SamplerParentBasedAlwaysOff, SamplerParentBasedTraceIDRatio, SamplerAdaptive,
	}
	cfg := Config{Name: Name(strings.ToLower(name)), Ratio: 1}
	if !slices.Contains(known, cfg.Name) {
		return fallback, fmt.Errorf("OTEL_TRACES_SAMPLER: %q is none of %v; using %s", name, known, fallback)
	}
	if arg == "" {
		return cfg, nil
	}

	n, ok := parseFinite(arg)
	switch {
	case cfg.takesRatio():
		if !ok || n < 0 || n > 1 {
			cfg.Ratio = fallback.Ratio
			return cfg, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is no ratio from 0 to 1; using %v", arg, cfg.Ratio)
		}
		cfg.Ratio = n
	case cfg.Name == SamplerAdaptive:
		if !ok || n <= 0 {
			return cfg, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %q is no number of traces per second above 0; using %d",
				arg, defaultTracesPerSecond)
		}
		cfg.TracesPerSecond = n
	default:
		return cfg, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: %s takes no argument; ignoring %q", cfg.Name, arg)
	}
	return cfg, nil
}

// parseRemoteBudget returns a value for SamplerConfig.RemotePerSecond, where 0 is the default and none is negative.
func parseRemoteBudget(value string) (float64, error) {
	if value == "" {
		return 0, nil
	}
	n, ok := parseFinite(value)
	switch {
	case !ok || n < 0:
		return 0, fmt.Errorf("TRACE_REMOTE_SAMPLED_PER_SECOND: %q is no number of traces per second from 0 up; using %d",
			value, defaultRemotePerSecond)
	case n == 0:
		return -1, nil
	}
	return n, nil
}

func parseFinite(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
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
