package agent

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestDepthFromHeader(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   int
	}{
		{"absent", nil, 0},
		{"zero", []string{"0"}, 0},
		{"two", []string{"2"}, 2},
		{"padded", []string{" 3 "}, 3},
		{"at the limit", []string{"5"}, 5},
		{"over the limit", []string{"6"}, 5},
		{"huge", []string{"99999999999999999999"}, 5},
		{"negative", []string{"-1"}, 5},
		{"signed", []string{"+1"}, 5},
		{"empty", []string{""}, 5},
		{"word", []string{"two"}, 5},
		{"not a decimal digit", []string{"٣"}, 5},
		{"several headers", []string{"1", "1"}, 5},
		{"joined", []string{"1,1"}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, v := range tt.values {
				h.Add(DepthHeader, v)
			}
			if got := DepthFromHeader(h); got != tt.want {
				t.Errorf("DepthFromHeader(%q) = %d, want %d", tt.values, got, tt.want)
			}
		})
	}
}

func TestDepthIsClamped(t *testing.T) {
	if got := Depth(context.Background()); got != 0 {
		t.Errorf("depth of a fresh context = %d, want 0", got)
	}
	for in, want := range map[int]int{-3: 0, 0: 0, 4: 4, 5: 5, 1000: 5} {
		if got := Depth(ContextWithDepth(context.Background(), in)); got != want {
			t.Errorf("depth %d came back as %d, want %d", in, got, want)
		}
	}
}

// FuzzDepthFromHeader: whatever arrives, the count stays in its range, and only an absent header or a plain small
// number leaves room for more delegations.
func FuzzDepthFromHeader(f *testing.F) {
	for _, seed := range []string{"", "0", "4", "5", "-1", "1e0", "0x1", " 2", "１"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := DepthFromHeader(http.Header{DepthHeader: {value}})
		if got < 0 || got > MaxDepth {
			t.Fatalf("DepthFromHeader(%q) = %d, out of range", value, got)
		}
		if got < MaxDepth && string(rune('0'+got)) != strings.TrimSpace(value) {
			t.Fatalf("DepthFromHeader(%q) = %d", value, got)
		}
	})
}
