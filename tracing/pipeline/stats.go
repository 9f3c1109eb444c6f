package pipeline

import (
	"log/slog"
	"sync"
	"sync/atomic"
)

// Stats are counts of spans since the start.
type Stats struct {
	Kept     int64 // decided to be sent
	Exported int64 // delivered, once for each backend
	Retried  int64 // sent again after a failed export
	Dropped  int64 // lost: buffer or holding bound reached, or refused by the backend
	TimedOut int64 // waits given up (no spans are lost by that)
	Lettered int64 // undelivered at shutdown, but given to Config.DeadLetter
	Lost     int64 // undelivered at shutdown and given to nobody; they count as dropped too
}

// stats counts what became of spans. Its methods are safe for concurrent use.
type stats struct {
	kept, exported, retried, dropped, timedOut, lettered, lost atomic.Int64

	mu       sync.Mutex
	reported struct{ kept, retried, dropped int64 } // told to the log so far
}

// Unreported returns what was added to Kept, Dropped and Retried since the last log line that said so, for a log line that
// will be written: "spans_kept", "spans_dropped" and "spans_retried". Every span is in one line, whoever writes it, so a
// monitoring system can sum the lines; sums of totals would count spans again and again. A nil collector has nothing to say.
func (c *Collector) Unreported() []slog.Attr {
	if c == nil {
		return nil
	}
	return c.stats.unreported()
}

func (s *stats) unreported() []slog.Attr {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, retried, dropped := s.kept.Load(), s.retried.Load(), s.dropped.Load()
	attrs := []slog.Attr{
		slog.Int64("spans_kept", kept-s.reported.kept),
		slog.Int64("spans_dropped", dropped-s.reported.dropped),
		slog.Int64("spans_retried", retried-s.reported.retried),
	}
	s.reported.kept, s.reported.retried, s.reported.dropped = kept, retried, dropped
	return attrs
}
