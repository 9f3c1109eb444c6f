package sampling

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// samplerClock is a clock that only the test moves. Safe for concurrent use.
type samplerClock struct{ elapsed atomic.Int64 }

func (c *samplerClock) now() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.elapsed.Load()))
}

func (c *samplerClock) advance(d time.Duration) { c.elapsed.Add(int64(d)) }

// A burst of one second's worth plus one second's refill is the most that any second can see, whatever the traffic.
func TestRemoteBudgetIsNeverExceededInAnySecond(t *testing.T) {
	for _, perSecond := range []float64{0.5, 1, 3, 10, 250} {
		rnd := rand.New(rand.NewPCG(5, uint64(perSecond)))
		var clock samplerClock
		b := NewBudget(perSecond, clock.now)
		limit := int(2*perSecond) + 1
		if perSecond < 1 {
			limit = 1
		}
		var taken []time.Duration
		var total int
		for clock.elapsed.Load() < int64(60*time.Second) {
			if rnd.IntN(100) == 0 {
				clock.advance(time.Duration(rnd.Int64N(int64(3 * time.Second)))) // a pause fills the bucket
			}
			clock.advance(time.Duration(rnd.Int64N(int64(4 * time.Millisecond))))
			if !b.Take() {
				continue
			}
			total++
			now := time.Duration(clock.elapsed.Load())
			taken = append(taken, now)
			for now-taken[0] >= time.Second {
				taken = taken[1:]
			}
			if len(taken) > limit {
				t.Fatalf("%v/s: %d tokens in the second before %v", perSecond, len(taken), now)
			}
		}
		seconds := time.Duration(clock.elapsed.Load()).Seconds()
		if most := perSecond*seconds + max(perSecond, 1) + 1; float64(total) > most || total == 0 {
			t.Errorf("%v/s: %d tokens in %.1f s", perSecond, total, seconds)
		}
	}
}

func TestRemoteBudgetHoldsOneSecondsWorth(t *testing.T) {
	var clock samplerClock
	b := NewBudget(10, clock.now)
	takeAll := func() (n int) {
		for b.Take() {
			n++
		}
		return n
	}
	if n := takeAll(); n != 10 {
		t.Errorf("%d tokens at the start, want 10", n)
	}
	clock.advance(99 * time.Millisecond)
	if n := takeAll(); n != 0 {
		t.Errorf("%d tokens after 99 ms, want 0", n)
	}
	clock.advance(201 * time.Millisecond)
	if n := takeAll(); n != 3 {
		t.Errorf("%d tokens after 300 ms, want 3", n)
	}
	clock.advance(time.Hour)
	if n := takeAll(); n != 10 {
		t.Errorf("%d tokens after an idle hour, want 10", n)
	}
}

func TestRemoteBudgetExtremes(t *testing.T) {
	var clock samplerClock
	for _, perSecond := range []float64{0, -1} {
		if NewBudget(perSecond, clock.now).Take() {
			t.Errorf("%v/s has a token", perSecond)
		}
	}
	rare := NewBudget(1e-300, clock.now)
	if !rare.Take() || rare.Take() {
		t.Error("a tiny budget should have exactly one token")
	}
	huge := NewBudget(1e300, clock.now)
	for range 10_000 {
		if !huge.Take() {
			t.Fatal("a huge budget ran out")
		}
	}
}

func TestRemoteBudgetConcurrentUse(t *testing.T) {
	var clock samplerClock
	b := NewBudget(100, clock.now)
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if b.Take() {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 100 {
		t.Errorf("%d tokens while the clock stood still, want 100", n)
	}
}
