package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// flush sends everything that waits, the breaker notwithstanding, and returns when all of it is delivered or ctx is
// done. What is submitted meanwhile goes out too but is not waited for.
func (p *pipeline) flush(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	era := p.era
	p.era++
	p.notBefore = time.Time{}
	p.brk.probeSoon()
	p.dispatchLocked(time.Now())
	for p.pendingLocked(era) {
		if p.eraDone == nil {
			p.eraDone = make(chan struct{})
		}
		if err := p.awaitUnlocked(ctx, p.eraDone); err != nil {
			return fmt.Errorf("flushing spans to %s: %w", p.name, err)
		}
	}
	return nil
}

// pendingLocked reports whether chunks of era or before are left.
func (p *pipeline) pendingLocked(era int) bool {
	for e := range p.eras {
		if e <= era {
			return true
		}
	}
	return false
}

// awaitUnlocked gives the lock up while it waits.
func (p *pipeline) awaitUnlocked(ctx context.Context, done <-chan struct{}) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shutdown flushes and closes the exporter, for which it waits no longer than ctx lives. Spans that are submitted
// while it flushes are sent too; those submitted later are dropped and counted. What cannot be delivered is handed to
// Config.DeadLetter, before ctx is done; what that does not take is lost, and the error says how many spans.
func (p *pipeline) shutdown(ctx context.Context) error {
	flushing, cancel := p.keepTimeForLetters(ctx)
	defer cancel()
	err := p.flush(flushing)
	if err == nil {
		err = p.flush(flushing) // what came meanwhile; what still comes was not there when the process was told to go
	}
	err = p.close(ctx, err)
	closed := make(chan error, 1)
	go func() { closed <- p.exporter.Shutdown(ctx) }()
	select {
	case closeErr := <-closed:
		return errors.Join(err, closeErr)
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("closing the exporter %s: %w", p.name, ctx.Err()))
	}
}

// Of the time for a shutdown, the last part belongs to the dead letters, and of that the first to exports that end when
// they are told to.
const (
	letterShare  = 3
	longestWrite = 2500 * time.Millisecond
	unwindExport = 200 * time.Millisecond
)

func (p *pipeline) keepTimeForLetters(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || p.cfg.DeadLetter == nil {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-min(longestWrite, time.Until(end)/letterShare)))
}

// close ends all exports. flushed is why not everything was delivered, nil if it was.
func (p *pipeline) close(ctx context.Context, flushed error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cancel()
	if p.timer != nil {
		p.timer.Stop()
	}
	if len(p.running) > 0 {
		if p.idle == nil {
			p.idle = make(chan struct{})
		}
		unwind, cancel := context.WithTimeout(ctx, unwindExport)
		defer cancel()
		_ = p.awaitUnlocked(unwind, p.idle) // what they carried is in the queue then
	}
	left := slices.Concat(p.backlog, p.fresh)
	for _, r := range p.running {
		left = append(left, r.batch...)
	}
	p.backlog, p.fresh, p.running = nil, nil, nil
	if len(left) == 0 {
		return nil
	}
	var spans []sdktrace.ReadOnlySpan
	for _, c := range left {
		spans = append(spans, c.spans...)
		p.leaveLocked(c)
	}
	lettered := 0
	if p.cfg.DeadLetter != nil {
		lettered = p.cfg.DeadLetter(ctx, p.name, spans)
	}
	lost := len(spans) - lettered
	p.stats.lettered.Add(int64(lettered))
	p.stats.lost.Add(int64(lost))
	p.stats.dropped.Add(int64(lost))
	if lost == 0 {
		return nil
	}
	return errors.Join(fmt.Errorf("%d spans for %s are lost", lost, p.name), flushed)
}
