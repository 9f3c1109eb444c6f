// Package agenttrace makes the spans of an agent run: the task, its steps, model calls, tool calls, memory operations and
// calls of other agents, each with our names and the ones of the GenAI conventions.
//
//	agent.task ─▶ agent.step.TYPE ─┬▶ llm.generate
//	                               ├▶ tool.NAME
//	                               └▶ invoke_agent NAME
//
// An [AgentTracer] works on any OpenTelemetry tracer provider; a nil one does nothing at no cost. It imports the
// OpenTelemetry API, redact and semconv: no SDK, no exporter.
package agenttrace
