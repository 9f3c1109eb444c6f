package export

import sdktrace "go.opentelemetry.io/otel/sdk/trace"

// LocalRoot reports whether s is its process's first span of the trace.
func LocalRoot(s sdktrace.ReadOnlySpan) bool {
	p := s.Parent()
	return !p.IsValid() || p.IsRemote()
}
