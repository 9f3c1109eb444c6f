package tracing

import (
	"log/slog"
	"sync"
	"sync/atomic"
)

// pipelineStats counts what became of spans. Its methods are safe for concurrent use.
type pipelineStats struct {
	kept, exported, retried, dropped, timedOut atomic.Int64

	mu       sync.Mutex
	reported struct{ kept, retried, dropped int64 } // told to the log so far
}

// unreported returns what was added since the last call, for a log line. A monitoring system can sum the lines; sums
// of totals would count spans again and again.
func (s *pipelineStats) unreported() []slog.Attr {
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
