// Package tracing takes the spans of an agent function from the caller's headers to the trace backend, without losing
// one.
//
//	headers ──▶ propagator ──▶ Middleware: Begin, server span ──▶ handler ──▶ AgentTracer, Transport: spans
//	                               │                                              │ sampler: keep, or undecided
//	                               │                                              ▼
//	                               └── End ──▶ decide, filter ──▶ pipeline ◀── collector: spans by Invocation
//	                                   wait ◀──────────────────── │ │ │
//	                                                       Cloud Trace, OTLP, terminal
//
// A request is an [Invocation]: the spans started from its context belong to it and share its fate. The sampler decides
// at the first span of this process whether the trace is kept; if not, the spans are recorded all the same and held
// until the end, because one span with status Error keeps them all. What is kept is handed to one pipeline for each
// backend, some of it already while the model is thinking, and [Invocation.End] waits, for a bounded time, until it has
// arrived.
//
// [Setup] builds all of it from a [Config], which [ConfigFromEnv] reads from the environment. Several Providers can live
// in one process; nothing here touches OpenTelemetry's globals. The package imports nothing of ours.
//
// Where to look:
//
//   - headers: propagation*.go, correlation.go; HTTP spans: http.go, transport.go
//   - the agent's spans: agent_tracer*.go; every name and key: attributes.go; what may be recorded: redact*.go, content*.go
//   - what is kept: sampler*.go, invocation.go, filter_duration.go
//   - what is told of a span after its end: finished_span.go; its limits: limits.go
//   - the way out: collector.go, pipeline*.go, exporter*.go, console*.go
//   - log lines that belong to spans: log*.go
package tracing
