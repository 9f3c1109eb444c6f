package sampling

import (
	"math"
	"sync"
	"time"
)

const (
	loadSlot     = 250 * time.Millisecond
	loadMemory   = 256 // complete slots remembered: 64 s
	loadPatience = 8   // slots of less load before it is believed: 2 s
	loadBurst    = 5   // kept traces in a slot that may be chance, at any target
)

// adaptiveSampling holds the number of kept traces per second near a target: it measures the load and keeps the
// share
//
//	ratio = min(1, target / load)
//
// of it, by the same threshold on the trace id as a fixed ratio. Only the threshold moves, so decisions stay
// consistent with those of other services.
//
// The load is counted in slots of 250 ms. At the first arrival of a new slot it is measured anew over the longest
// stretch of the recent past in which it was steady: starting with the last complete slot, the stretch is doubled as
// long as its newer half (n arrivals) and its older half (m arrivals) differ by no more than chance explains,
//
//	|n - m| <= 3 * sqrt(n + m)
//
// three standard deviations of two Poisson counts. Under constant load the stretch grows to 64 s and the ratio hardly
// moves; after a step it starts afresh at the step. More load is believed after one slot, less load only after 2 s, so
// that the pauses of bursty traffic, or of an instance without CPU between requests, do not open the sampler.
// The time before the start counts as 64 s without load: the first traces are kept, and a load of a few a second takes
// a while to be believed.
//
// Within a slot the threshold rises early once the slot has kept a second's worth of the target (five traces at
// least): the ratio is then computed as if the slot ended now, and again whenever its arrivals double. So a flood after
// silence costs about one second's worth of traces, plus a quarter of that for each doubling of the load.
//
// Example, target 10/s: at 5 arrivals/s the ratio is 1. Load steps to 1,000/s. The first 10 arrivals of the slot are
// kept, the 11th makes it target * slot / arrivals = 10 * 0.25 / 11 = 0.227, the 22nd 0.114, …, the 176th 0.014: some
// 20 traces in this slot. The next slot finds 250 arrivals against 1 in the one before, believes it, and sets
// 10 / (250 / 0.25) = 0.01: 10 traces per second. Two seconds after the load fell to 5/s again the ratio is back at 1.
//
// Safe for concurrent use. It has no timer and no goroutine.
type adaptiveSampling struct {
	target float64 // kept traces per second
	now    func() time.Time
	start  time.Time

	mu       sync.Mutex
	slot     int64                   // the running one, counted from start
	arrivals [loadMemory + 1]float64 // by slot % len: the running one and loadMemory complete ones
	recount  float64                 // arrivals in the running slot at which the load is judged early
	verdict  *samplingVerdict
}

func newAdaptiveSampling(tracesPerSecond float64, now func() time.Time) *adaptiveSampling {
	a := &adaptiveSampling{target: tracesPerSecond, now: now, start: now()}
	a.openSlotLocked()
	return a
}

// next counts an arrival and returns the verdict that applies to it.
func (a *adaptiveSampling) next() *samplingVerdict {
	slot := int64(a.now().Sub(a.start) / loadSlot)
	a.mu.Lock()
	defer a.mu.Unlock()
	if slot > a.slot { // not when another goroutine was ahead of us, nor when the clock steps back
		// Slots nobody arrived in, at most as many as are remembered.
		for s := max(a.slot+1, slot-loadMemory); s <= slot; s++ {
			*a.atLocked(s) = 0
		}
		a.slot = slot
		a.openSlotLocked()
	}
	n := a.atLocked(a.slot)
	*n++
	if *n >= a.recount {
		a.setLoadLocked(*n / loadSlot.Seconds())
		a.recount = 2 * *n
	}
	return a.verdict
}

func (a *adaptiveSampling) openSlotLocked() {
	ratio := a.setLoadLocked(a.loadLocked())
	a.recount = 1 + math.Floor(max(a.target, loadBurst)/ratio)
}

// loadLocked measures the arrivals per second over the steady stretch that ends with the last complete slot.
func (a *adaptiveSampling) loadLocked() float64 {
	n, slots := *a.atLocked(a.slot - 1), int64(1)
	for 2*slots <= loadMemory {
		var older float64
		for i := slots; i < 2*slots; i++ {
			older += *a.atLocked(a.slot - 1 - i)
		}
		chance := 3 * math.Sqrt(n+older)
		if n-older > chance || (older-n > chance && slots >= loadPatience) {
			break
		}
		n, slots = n+older, 2*slots
	}
	return n / (float64(slots) * loadSlot.Seconds())
}

// setLoadLocked moves the threshold to where it keeps the target of load, and returns the ratio.
func (a *adaptiveSampling) setLoadLocked(load float64) float64 {
	ratio := 1.0
	if load > a.target {
		ratio = a.target / load
	}
	t := thresholdFor(ratio, adaptivePrecision)
	if a.verdict == nil || t != a.verdict.threshold {
		a.verdict = newSamplingVerdict(t, reasonAdaptive, t.probability())
	}
	return ratio
}

func (a *adaptiveSampling) atLocked(slot int64) *float64 {
	const size = int64(loadMemory + 1)
	return &a.arrivals[(slot+size)%size] // slots before the start are negative
}
