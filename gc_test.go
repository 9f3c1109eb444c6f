package function

import "testing"

// Garbage takes a bounded part of the memory, whatever is live.
func TestGarbageStaysBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64
		want int
	}{{0, 400}, {4 << 20, 400}, {12 << 20, 400}, {48 << 20, 100}, {192 << 20, 25}, {4 << 30, 25}} {
		got := percentFor(tt.live)
		if got != tt.want {
			t.Errorf("%d MiB live: %d %%, want %d", tt.live>>20, got, tt.want)
		}
		if garbage := tt.live * uint64(got) / 100; garbage > max(gcHeadroom, tt.live/4) {
			t.Errorf("%d MiB live: %d MiB of garbage", tt.live>>20, garbage>>20)
		}
	}
}
