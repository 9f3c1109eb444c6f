// Package cloudtrace exports spans to the Cloud Trace API with Google's exporter, around its traps: what the API cannot
// hold (lists) becomes text, one attempt a call, no spans of its own, nothing looked up before the first export.
package cloudtrace
