package sampling

import (
	"math"
	"sync/atomic"
	"time"
)

// remoteBudget is a token bucket that bounds how many traces per second callers may make us keep by sending the
// sampled flag: perSecond in the long run, one second's worth (at least one) at once. It is refilled when asked, so
// it needs no timer and survives a process that is frozen between requests. Lock-free; a nil budget has no tokens.
//
// The bucket is kept as the time at which it will be full again. A token moves that time one interval ahead, and
// there is one left as long as it stays within the burst of now.
type remoteBudget struct {
	now      func() time.Time
	start    time.Time
	interval time.Duration // of one token
	burst    time.Duration // time to fill an empty bucket
	fullAt   atomic.Int64  // time.Duration since start
}

// newRemoteBudget returns a full bucket, or nil when perSecond is not above 0.
func newRemoteBudget(perSecond float64, now func() time.Time) *remoteBudget {
	if !(perSecond > 0) {
		return nil
	}
	// A quarter of the range is 73 years and leaves room for the sums in take.
	interval := time.Duration(min(float64(time.Second)/perSecond, math.MaxInt64/4))
	return &remoteBudget{
		now:      now,
		start:    now(),
		interval: interval,
		burst:    max(time.Second, interval),
	}
}

// take takes a token and reports whether there was one.
func (b *remoteBudget) take() bool {
	if b == nil {
		return false
	}
	now := b.now().Sub(b.start)
	for {
		old := b.fullAt.Load()
		next := max(time.Duration(old), now) + b.interval
		if next > now+b.burst {
			return false
		}
		if b.fullAt.CompareAndSwap(old, int64(next)) {
			return true
		}
	}
}
