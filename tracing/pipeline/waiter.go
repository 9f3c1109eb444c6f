package pipeline

import (
	"sync/atomic"
	"time"
)

// waiter waits until the chunks of one invocation are settled, at all backends. A nil waiter works.
type waiter struct {
	open    atomic.Int32 // chunks not settled yet, and one for the invocation itself
	settled chan struct{}
}

func newWaiter() *waiter {
	w := &waiter{settled: make(chan struct{})}
	w.open.Store(1)
	return w
}

// add notes one more chunk.
func (w *waiter) add() {
	if w != nil {
		w.open.Add(1)
	}
}

// done notes that one is settled.
func (w *waiter) done() {
	if w != nil && w.open.Add(-1) == 0 {
		close(w.settled)
	}
}

// wait gives up the invocation's own share and waits for the others, at most d. It reports whether all are settled.
func (w *waiter) wait(d time.Duration) bool {
	if w.open.Add(-1) == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.settled:
		return true
	case <-t.C:
		return false
	}
}
