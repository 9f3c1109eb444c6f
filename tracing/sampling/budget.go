package sampling

import (
	"math"
	"sync/atomic"
	"time"
)

// Budget is a token bucket that bounds how many traces per second other services may make us keep: perSecond in the long run, one second's worth (at least one) at once. It is refilled when asked, so
// it needs no timer and survives a process that is frozen between requests. Lock-free; a nil budget has no tokens.
//
// The bucket is kept as the time at which it will be full again. A token moves that time one interval ahead, and
// there is one left as long as it stays within the burst of now.
type Budget struct {
	now      func() time.Time
	start    time.Time
	interval time.Duration // of one token
	burst    time.Duration // time to fill an empty bucket
	fullAt   atomic.Int64  // time.Duration since start
}

// NewBudget returns a full bucket, or nil when perSecond is not above 0.
func NewBudget(perSecond float64, now func() time.Time) *Budget {
	if !(perSecond > 0) {
		return nil
	}
	// A quarter of the range is 73 years and leaves room for the sums in take.
	interval := time.Duration(min(float64(time.Second)/perSecond, math.MaxInt64/4))
	return &Budget{
		now:      now,
		start:    now(),
		interval: interval,
		burst:    max(time.Second, interval),
	}
}

// Take takes a token and reports whether there was one.
func (b *Budget) Take() bool {
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

// creditMost is how many traces the share may be ahead of what was kept.
const creditMost = 20

// credit counts what a share of arrivals comes to, less what was spent of it: between 0 and creditMost. Lock-free.
type credit struct{ millionths atomic.Int64 }

const million = 1_000_000

// earn adds a part of one.
func (c *credit) earn(part float64) {
	for {
		old := c.millionths.Load()
		next := min(old+int64(part*million), creditMost*million)
		if next == old || c.millionths.CompareAndSwap(old, next) {
			return
		}
	}
}

// spend takes one and reports whether there was one.
func (c *credit) spend() bool {
	for {
		old := c.millionths.Load()
		if old < million {
			return false
		}
		if c.millionths.CompareAndSwap(old, old-million) {
			return true
		}
	}
}
