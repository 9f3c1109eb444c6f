// Package httptrace traces the HTTP requests that a process serves and makes.
//
//	request ──▶ Middleware: caller's context, server span ──▶ handler ──▶ Transport: client span, context out
//	answer  ◀── held until the trace is safe, traceresponse ◀──┘
//
// A [Tracer] works on any tracer provider and propagator. What "safe" means comes from outside ([Config.Begin]), so the
// package imports no pipeline, no SDK and no exporter.
package httptrace
