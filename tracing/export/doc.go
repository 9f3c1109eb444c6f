// Package export holds what the exporters of spans have in common: what the error of an export means ([Fault]), and how
// a backend is dialled over gRPC.
//
//	pipeline ──ExportSpans──▶ export/otlp, export/cloudtrace, export/console, or anybody's exporter
//	    ◀── *Error: retry? for good? which spans, when? ──
//
// The exporters do not retry; the pipeline does, by [Classify]. It imports nothing of ours: exporters know no pipeline,
// and the pipeline knows no exporter.
package export
