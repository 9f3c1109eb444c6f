// Package sampling decides at the first span of a process whether a trace is kept.
//
//	caller's decision, if it is honoured ──▶ budget ──┐
//	                                                  ├──▶ keep (with the probability in tracestate), or undecided
//	trace id against the ratio, fixed or adaptive ────┘
//
// Undecided spans are recorded all the same: who holds them (the pipeline) may keep them later, because something
// failed. The sampler is an ordinary SDK sampler; it allocates nothing per decision that keeps nothing. It imports the
// OpenTelemetry SDK and names of semconv.
package sampling
