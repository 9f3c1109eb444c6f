// Package propagation reads the caller's trace context from the headers of W3C, B3 and Google's front end, in the order
// that finds the true parent, and writes ours: see [New].
//
// It imports OpenTelemetry's propagators only, and logs nothing: headers come from anybody.
package propagation
