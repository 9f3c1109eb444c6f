package env

import (
	"cmp"
	"slices"
	"strings"
)

// Environment says where the process runs. Every default that differs by environment follows this one answer, and so does
// the attribute deployment.environment.name of the spans.
type Environment struct {
	Name       string // as it was written
	Production bool   // everything but development, in any case: a surprise costs less there
	Known      bool   // production, development, staging or test; any other may be mistyped
}

// The names that a process gets when it does not say.
const (
	Production  = "production"
	Development = "development"
)

// KnownEnvironments are the names that are not taken for a mistake.
var KnownEnvironments = [...]string{Development, Production, "staging", "test"}

// Environment reads deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES, else ENVIRONMENT; without both it is
// production where K_SERVICE is set (Cloud Run) and development elsewhere. It never complains.
func (r *Reader) Environment() Environment {
	attrs, _ := r.ResourceAttributes()
	name := cmp.Or(strings.TrimSpace(attrs["deployment.environment.name"]), r.String("ENVIRONMENT"))
	if name == "" {
		name = Development
		if r.String("K_SERVICE") != "" {
			name = Production
		}
	}
	return Environment{
		Name:       name,
		Production: !strings.EqualFold(name, Development),
		Known:      slices.Contains(KnownEnvironments[:], strings.ToLower(name)),
	}
}

// ResourceAttributes reads OTEL_RESOURCE_ATTRIBUTES. As specified, one bad pair makes all of them count for nothing; ok is
// false then.
func (r *Reader) ResourceAttributes() (attrs map[string]string, ok bool) {
	ok = true
	attrs = r.Pairs("OTEL_RESOURCE_ATTRIBUTES", func(int) { ok = false })
	if !ok {
		return nil, false
	}
	return attrs, true
}
