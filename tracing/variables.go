package tracing

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/gemini-agent/tracing/agenttrace"
)

// variables are the settings that ConfigFromEnv reads, those of the two prefixes that may be mistyped.
func variables() []string {
	names := []string{
		"OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_PROPAGATORS", "OTEL_TRACES_EXPORTER",
		"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
		"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
		agenttrace.EnvContent,
		"TRACE_FLUSH_TIMEOUT", "TRACE_KEEP_SLOWER_THAN", "TRACE_MIN_DURATION", "TRACE_BUFFER_SPANS", "TRACE_BUFFER_BYTES",
		"TRACE_REMOTE_SAMPLED_PER_SECOND", "TRACE_DEAD_LETTER", agenttrace.EnvPreviews,
	}
	for _, suffix := range []string{
		"ENDPOINT", "HEADERS", "PROTOCOL", "TIMEOUT", "COMPRESSION", "INSECURE", "CERTIFICATE", "CLIENT_CERTIFICATE",
		"CLIENT_KEY",
	} {
		names = append(names, "OTEL_EXPORTER_OTLP_"+suffix, "OTEL_EXPORTER_OTLP_TRACES_"+suffix)
	}
	return names
}

// VariableNames gives the names of an environment's variables, as os.Environ has them, for [CheckVariables].
func VariableNames(environ []string) []string {
	names := make([]string, len(environ))
	for i, pair := range environ {
		names[i], _, _ = strings.Cut(pair, "=")
	}
	return names
}

// CheckVariables looks through the names of an environment's variables for settings without effect. The error joins one
// sentence for all OTEL_ variables that are set and not supported here (metrics and logs, the batch processor's), unless they
// say "none", and one for each name that looks like a mistyped one of ours: own are further settings, and only names with a
// prefix of theirs or TRACE_ are looked at.
func CheckVariables(names []string, getenv func(string) string, own ...string) error {
	known := append(variables(), own...)
	prefixes := []string{"TRACE_"}
	for _, name := range own {
		prefix, _, _ := strings.Cut(name, "_")
		prefixes = append(prefixes, prefix+"_")
	}
	var unsupported []string
	var errs []error
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		ours := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		switch value := strings.TrimSpace(getenv(name)); {
		case slices.Contains(known, name), value == "":
		case ours("OTEL_"):
			if near := nearest(name, known); near != "" {
				errs = append(errs, mistyped(name, near))
			} else if !strings.EqualFold(value, "none") {
				unsupported = append(unsupported, name)
			}
		case slices.ContainsFunc(prefixes, ours):
			if near := nearest(name, known); near != "" {
				errs = append(errs, mistyped(name, near))
			}
		}
	}
	if len(unsupported) > 0 {
		errs = append(errs, errors.New(strings.Join(unsupported, ", ")+": set, but not supported: without effect here"))
	}
	return errors.Join(errs...)
}

func mistyped(name, near string) error {
	return fmt.Errorf("%s: nothing reads this; is %s meant?", name, near)
}

// nearest returns the known name that name is likely a slip of, "" when there is none: one that differs by two letters at
// most, or begins as name does and is longer.
func nearest(name string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if n := distance(name, k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known {
		if _, rest, _ := strings.Cut(name, "_"); len(rest) >= 6 && strings.HasPrefix(k, name) {
			return k
		}
	}
	return ""
}

// distance is the number of letters to add, remove or change between a and b; two that are swapped count as one.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 || len(a) > 100 {
		return 3
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
