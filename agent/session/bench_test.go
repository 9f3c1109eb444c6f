package session

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkTenThousandSessions says what 10,000 conversations weigh in memory, each with five turns of 1 kB, and what twice as
// many do: as much, because the store is bounded.
func BenchmarkTenThousandSessions(b *testing.B) {
	for _, sessions := range []int{10_000, 20_000} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				store := NewMemory(MemoryConfig{})
				c := New(store, Config{})
				for i := range sessions {
					id := ID{UserID: "ada", SessionID: fmt.Sprint(i)}
					for range 5 {
						conv, err := c.Begin(b.Context(), id)
						if err != nil {
							b.Fatal(err)
						}
						if err := conv.Complete(b.Context(), Turn{Task: "Hi", Response: strings.Clone(long)}); err != nil {
							b.Fatal(err)
						}
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
				runtime.KeepAlive(store)
			}
		})
	}
}

var long = strings.Repeat("x", 1000)
