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
// The package is the front door: it reads settings and wires the rooms below it, which know one another only as the
// arrows say.
//
//	tracing ─┬▶ httptrace ────┐
//	         ├▶ agenttrace ───┤
//	         ├▶ pipeline ─────┼▶ export (faults) ─┐
//	         ├▶ sampling ─────┤                   ├▶ redact, semconv, correlation
//	         ├▶ propagation ──┘                   │
//	         └▶ export/otlp, cloudtrace, console ─┘  googleauth
//
// Where to look:
//
//   - headers: propagation, correlation; HTTP spans and the held answer: httptrace
//   - the agent's spans: agenttrace; every name and key: semconv; what may be recorded: redact
//   - what is kept: sampling, pipeline/invocation.go, pipeline/ancestry.go; a span's limits: limits.go
//   - the way out: pipeline, export/…; the end of the process: drain.go
//   - log lines that belong to spans: log*.go
package tracing
