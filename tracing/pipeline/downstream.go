package pipeline

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// callees are the services called by one invocation whose word on their part of the trace is still to come. It is guarded by
// the invocation's lock.
type callees struct {
	open    int
	kept    bool          // one has kept its part
	settled chan struct{} // closed when open is 0; nil: nobody waits
}

// Downstream is told of a service, called with the span call that has not ended, that will say whether it kept its part of
// the trace, and what it said. Where nothing else is decided, the invocation of that span keeps its own part then: a failure
// is kept whole over services. Its end waits for those that have not said it yet, within the flush timeout. It works on a nil
// collector.
func (c *Collector) Downstream(call trace.SpanContext) (answered func(kept bool)) {
	if c == nil || call.IsSampled() {
		return func(bool) {}
	}
	sh := c.shard(call.SpanID())
	sh.mu.Lock()
	inv := sh.live[call.SpanID()]
	sh.mu.Unlock()
	if inv == nil {
		return func(bool) {}
	}
	inv.mu.Lock()
	inv.callees.open++
	inv.mu.Unlock()
	var once sync.Once
	return func(kept bool) {
		once.Do(func() { inv.calleeAnswered(kept) })
	}
}

func (i *Invocation) calleeAnswered(kept bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.callees.kept = i.callees.kept || kept && !i.ended && i.c.downstream.Take()
	if i.callees.open--; i.callees.open == 0 && i.callees.settled != nil {
		close(i.callees.settled)
		i.callees.settled = nil
	}
}

// awaitCalleesLocked waits for the callees' words where they decide, at most d. It gives the lock up meanwhile.
func (i *Invocation) awaitCalleesLocked(d time.Duration) {
	if i.kept || i.failed || i.callees.kept || i.callees.open == 0 || i.c.downstream == nil {
		return
	}
	settled := make(chan struct{})
	i.callees.settled = settled
	i.mu.Unlock()
	defer i.mu.Lock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-settled:
	case <-t.C:
	}
}
