package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
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
// while it flushes are sent too; those submitted later, or still queued when ctx is done, are dropped and counted.
func (p *pipeline) shutdown(ctx context.Context) error {
	err := p.flush(ctx)
	p.mu.Lock()
	for err == nil && len(p.eras) > 0 {
		p.mu.Unlock()
		err = p.flush(ctx)
		p.mu.Lock()
	}
	p.closed = true
	p.cancel()
	p.dropAllLocked()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	closed := make(chan error, 1)
	go func() { closed <- p.exporter.Shutdown(ctx) }()
	select {
	case closeErr := <-closed:
		return errors.Join(err, closeErr)
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("closing the exporter %s: %w", p.name, ctx.Err()))
	}
}
