package pipeline

import "time"

const (
	breakerFailures = 3 // failed exports in a row, without a delivery between, that open it
	// breakerRefusals is the same for refused ones: more than it takes to find one bad span in a large batch by halves.
	breakerRefusals = 16
	firstPause      = 25 * time.Millisecond
	longestPause    = time.Minute // that a backend may ask for
	firstProbe      = 100 * time.Millisecond
	longestProbe    = 5 * time.Second
)

// breaker says whether waiting for the backend makes sense. It is guarded by the pipeline's lock.
//
//	closed ──3 failures or 16 refusals in a row, or a wait that saw no delivery──▶ open
//	open ──a probe is delivered in time──▶ closed
//
// While it is open one export at a time probes, after 0.1, 0.2, 0.4 … 5 seconds. Probing needs no goroutine of
// its own: the pipeline's timer fires when the CPU is there, which on a throttled instance is the next invocation.
type breaker struct {
	open        bool
	failures    int // in a row
	refusals    int // in a row
	backoff     time.Duration
	probeAt     time.Time
	lastSuccess time.Time
}

// failure counts a failed export and reports whether the breaker has opened with it.
func (b *breaker) failure(now time.Time) bool {
	b.failures++
	if b.open || b.failures < breakerFailures {
		return false
	}
	b.openAt(now)
	return true
}

// refused counts an export that the backend answered with a refusal for good, and reports whether the breaker has
// opened with it. One bad span is no reason to stop waiting; a backend that refuses everything is.
func (b *breaker) refused(now time.Time) bool {
	b.failures = 0
	b.refusals++
	switch {
	case b.refusals < breakerRefusals:
		if b.open {
			b.probeAt = now // the bad span must not hold up the end of an outage
		}
	case !b.open:
		b.openAt(now)
		return true
	}
	return false
}

// probing notes that an export starts while the breaker is open. The next may follow even if this one hangs.
func (b *breaker) probing(now time.Time) {
	b.probeAt = now.Add(b.backoff)
	b.backoff = min(2*b.backoff, longestProbe)
}

// probeSoon makes the pauses between probes short again, for somebody who has little time.
func (b *breaker) probeSoon() { b.backoff, b.probeAt = firstProbe, time.Time{} }

// trip opens the breaker unless an export succeeded after since. It reports whether the breaker has opened with it.
func (b *breaker) trip(since, now time.Time) bool {
	if b.open || b.lastSuccess.After(since) {
		return false
	}
	b.openAt(now)
	return true
}

func (b *breaker) openAt(now time.Time) {
	b.open = true
	b.backoff = firstProbe
	b.probeAt = now.Add(b.backoff)
}

// success closes the breaker and reports whether it was open.
func (b *breaker) success(now time.Time) bool {
	was := b.open
	*b = breaker{lastSuccess: now}
	return was
}

// answered notes an answer that says nothing of the backend's health, and that nobody need wait any longer to go on.
func (b *breaker) answered(now time.Time) {
	b.failures = 0
	if b.open {
		b.probeAt = now
	}
}

// slow notes a delivery that took longer than anybody waits: the backend lives, so sending goes on at once, but an
// open breaker stays open.
func (b *breaker) slow(now time.Time) {
	b.answered(now)
	b.refusals, b.backoff = 0, firstProbe
}

// pause is the wait before the next try after a failure: short ones while the breaker is closed, then probeAt says it.
func (b *breaker) pause() time.Duration {
	if b.open {
		return 0
	}
	return time.Duration(b.failures) * firstPause
}
