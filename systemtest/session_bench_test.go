package systemtest

import (
	"context"
	"io"
	"testing"
	"time"

	"example.com/gemini-agent/agent/session"
)

// BenchmarkTurn is one task over HTTP: without a session, in memory, and on a store that takes 5 ms a call, of which a turn
// makes three. History is kept short by a window of one turn.
func BenchmarkTurn(b *testing.B) {
	slow := newTestStore(func(context.Context, string, *session.Turn) error {
		time.Sleep(5 * time.Millisecond)
		return nil
	})
	for _, tt := range []struct {
		name  string
		store session.Store
		call  call
	}{
		{"without session", nil, task("Hi")},
		{"in memory", nil, say("Hi")},
		{"on a store of 5 ms", slow, say("Hi")},
	} {
		b.Run(tt.name, func(b *testing.B) {
			s := start(b, setup{store: tt.store, env: map[string]string{"SESSION_MAX_TURNS": "1", "OTEL_SDK_DISABLED": "true"}})
			for b.Loop() {
				res, err := s.client.Do(tt.call.request(s))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != 200 {
					b.Fatal(res.Status)
				}
			}
		})
	}
}
