// Package pipeline has every invocation's spans at the trace backend before the invocation returns.
//
//	span start ──▶ Collector: which Invocation?          Invocation.End ──▶ keep?  ──▶ ancestry filter
//	span end   ──▶ Invocation holds it                                      error, slow, sampled   │
//	                                                                                               ▼
//	End waits, bounded ◀── settled ── pipeline (one a backend): queue ▸ paced group commit ▸ breaker ──▶ exporter
//
// The [Collector] is an ordinary SDK span processor. All spans of an [Invocation] share its fate. What a backend does not
// take stays in a bounded buffer and is sent again; nobody waits for a backend that is down. The package knows exporters
// only by the SDK's interface and the faults of package export.
package pipeline
