// Package tracingtest looks at finished spans in tests: it records them, renders them as a tree for golden files, and
// checks them against the OpenTelemetry conventions.
//
//	rec := tracingtest.NewRecorder()
//	… run something with rec as its tracer provider …
//	tracingtest.Golden(t, "testdata/one_tool.trace.golden", tracingtest.Tree(rec.Spans(), tracingtest.TreeConfig{}))
//	for _, v := range tracingtest.Conformance(rec.Spans()) { t.Error(v) }
//
// It imports nothing of this module, so that every package's tests can use it and a typing error in a key cannot hide
// behind the constant that holds it.
package tracingtest
