// Package otlp exports spans over OTLP, by gRPC or HTTP, to a collector, Jaeger, or Google's Telemetry API.
//
//	spans ──encoder (one buffer, no intermediate messages)──▶ requests of at most 4 MiB ──▶ grpcSender | httpSender
//
// The encoding is tested field by field against the official one. An [Exporter] reads no environment, never retries, and
// says with *export.Error what became of which spans.
package otlp
