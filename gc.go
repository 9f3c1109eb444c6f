package function

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The live heap is a few MB, which Go would collect every few requests: it may grow to five times that. A trace backend that
// is down makes it a hundred times as large, and then five times that is more than an instance has.
const (
	gcPercent  = 400
	gcHeadroom = 48 << 20 // bytes that garbage may take beyond a small heap
)

// paceGC sets the pace of garbage collection by the live heap, now and after each collection.
func paceGC(last int) {
	live := [1]metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live[:])
	percent := percentFor(live[0].Value.Uint64())
	if percent != last {
		debug.SetGCPercent(percent)
	}
	runtime.SetFinalizer(new(gcCycle), func(*gcCycle) { paceGC(percent) })
}

// gcCycle is garbage from the start, so its finalizer runs after the next collection.
type gcCycle struct{ _ [64]byte }

// percentFor leaves gcHeadroom to garbage, a quarter of the live heap at least.
func percentFor(live uint64) int {
	percent := gcPercent
	if live > 0 {
		percent = int(min(gcPercent, max(25, 100*gcHeadroom/live)))
	}
	return percent / 5 * 5 // so that it seldom changes
}
