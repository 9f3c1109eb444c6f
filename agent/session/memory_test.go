package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMemoryForgetsWhatWasUsedLongestAgo(t *testing.T) {
	ctx := t.Context()
	m := NewMemory(MemoryConfig{MaxConversations: 3})
	for _, path := range []string{"a", "b", "c"} {
		must(t, m.Put(ctx, path, whole(1)))
	}
	all(t, m, "a", Query{Limit: 1})
	must(t, m.PutFact(ctx, "d", &Fact{ID: "f"}))
	var left []string
	for _, path := range []string{"a", "b", "c"} {
		if len(all(t, m, path, Query{Limit: 1})) > 0 {
			left = append(left, path)
		}
	}
	if !slices.Equal(left, []string{"a", "c"}) {
		t.Errorf("left = %v", left)
	}
}

// Whatever is stored, the bytes stay within their bound, those of one conversation alone too.
func TestMemoryIsBounded(t *testing.T) {
	ctx := t.Context()
	const most = 100_000
	m := NewMemory(MemoryConfig{MaxBytes: most})
	heavy := func(n int) *Turn { return &Turn{Number: n, Task: strings.Repeat("x", 20_000)} }
	for n := range 20 {
		must(t, m.Put(ctx, "one", heavy(n+1)))
		must(t, m.Put(ctx, fmt.Sprint("other", n), heavy(1)))
		if m.bytes > most {
			t.Fatalf("holds %d bytes", m.bytes)
		}
	}
	for n := range 20 {
		must(t, m.Put(ctx, "one", heavy(n+1)))
	}
	if got := numbers(all(t, m, "one", Query{Limit: 9})); got != "20 19 18 17" || m.bytes > most {
		t.Errorf("one conversation alone: %s, %d bytes", got, m.bytes)
	}
	must(t, m.DeleteTurns(ctx, "one", 0))
	if m.bytes != 0 || len(m.folders) != 0 || m.recent.Len() != 0 {
		t.Errorf("empty: %d bytes, %d folders", m.bytes, len(m.folders))
	}
}
