package systemtest

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/agent/remote"
)

// BenchmarkFirstWord compares, with 64 clients at once, the time to the first event and to the first text of a stream with
// the time to a plain answer of a model that thinks for 50 ms and then says 3 times some words, 50 ms apart.
func BenchmarkFirstWord(b *testing.B) {
	const thinks, clients = 50 * time.Millisecond, 64
	script := geminisim.Dynamic(func(geminisim.Request) geminisim.Reply { return geminisim.Text(streamWords).After(thinks) })
	plain := geminisim.Dynamic(func(geminisim.Request) geminisim.Reply { return geminisim.Text(streamWords).After(thinks + 2*thinks) })
	measure := func(b *testing.B, reply geminisim.Reply, ask func(s *system) (time.Duration, time.Duration, error)) {
		s := start(b, setup{sim: geminisim.Config{WordTime: thinks}})
		var left, first, text atomic.Int64
		left.Store(int64(b.N))
		for range b.N {
			s.sim.Script(reply)
		}
		var running sync.WaitGroup
		for range clients {
			running.Go(func() {
				for left.Add(-1) >= 0 {
					f, t, err := ask(s)
					if err != nil {
						b.Error(err)
						return
					}
					first.Add(int64(f))
					text.Add(int64(t))
				}
			})
		}
		running.Wait()
		b.ReportMetric(float64(first.Load())/float64(b.N)/1e6, "ms-to-first-event")
		b.ReportMetric(float64(text.Load())/float64(b.N)/1e6, "ms-to-first-text")
		b.ReportMetric(0, "ns/op") // says nothing with so many at once
	}
	b.Run("stream", func(b *testing.B) {
		measure(b, script, func(s *system) (first, text time.Duration, err error) {
			began := time.Now()
			_, err = s.read(task("Count"), func(e remote.Event) {
				switch {
				case first == 0:
					first = time.Since(began)
				case text == 0 && e.Name == "delta":
					text = time.Since(began)
				}
			})
			return first, text, err
		})
	})
	b.Run("plain", func(b *testing.B) {
		measure(b, plain, func(s *system) (first, text time.Duration, err error) {
			began := time.Now()
			res, err := s.client.Do(task("Count").request(s))
			if err != nil {
				return 0, 0, err
			}
			defer res.Body.Close()
			_, err = io.Copy(io.Discard, res.Body)
			return time.Since(began), time.Since(began), err
		})
	})
}
