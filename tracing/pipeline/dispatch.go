package pipeline

import "time"

const (
	// maxStuck times the parallel exports is the hard limit on exports under way, the stuck ones included.
	maxStuck = 4
	// minSpacing is the least time between the starts of two exports while invocations end at the same time: a fast backend
	// would get them one by one, and an export costs more than a wait of at most this. Somebody alone never waits for it.
	minSpacing = 2 * time.Millisecond
	// probeShare of a batch is what a probe carries: a backend that is down must not be asked to take a large request.
	probeShare = 8
	// renewAfter is the least time between two fresh connections.
	renewAfter = 3 * time.Second
)

// run is an export under way.
type run struct {
	batch   []*chunk
	start   time.Time
	backlog bool // of spans nobody waits for
	renew   bool // on a fresh connection
}

// dispatch is the timer's entry.
func (p *pipeline) dispatch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatchLocked(time.Now())
}

// dispatchLocked starts exports while there is something to send and an export may start; else it sets the timer. What an
// invocation waits for goes first, and the backlog of an outage never takes all the places.
func (p *pipeline) dispatchLocked(now time.Time) {
	for !p.closed && len(p.running) < maxStuck*p.cfg.ParallelExports {
		q, backlog := &p.fresh, false
		if len(*q) == 0 {
			q, backlog = &p.backlog, true
		}
		if len(*q) == 0 {
			return
		}
		if at := p.nextStartLocked(now, backlog); at.After(now) {
			p.armLocked(at.Sub(now))
			return
		}
		r := &run{start: now, backlog: backlog, batch: p.takeLocked(q, now)}
		if !backlog {
			p.lastStart, p.shared = now, len(r.batch) > 1
		}
		if p.brk.open {
			p.brk.probing(now)
			r.renew = p.renewLocked(now)
		}
		p.running = append(p.running, r)
		select {
		case p.jobs <- r: // a worker whose stack has grown already
		default:
			go p.work(r)
		}
	}
}

// takeLocked takes what one export carries.
func (p *pipeline) takeLocked(q *queue, now time.Time) []*chunk {
	spans, bytes := p.cfg.BatchSpans, p.cfg.BatchBytes
	if p.brk.open {
		spans, bytes = max(1, spans/probeShare), bytes/probeShare
	}
	if p.sizeLimit > 0 {
		if now.Sub(p.limitedAt) > limitMemory {
			p.sizeLimit = 0
		} else {
			bytes = min(bytes, p.sizeLimit)
			for c := (*q)[0]; c.group == 0 && c.bytes > bytes && len(c.spans) > 1; c = (*q)[0] {
				q.front(p.halveLocked(q.pop(1))...)
			}
		}
	}
	return q.take(spans, bytes)
}

// nextStartLocked is the earliest moment the next export may start. An export that runs far longer than usual no
// longer counts against the parallel ones: a few hanging connections must not hold up everybody.
func (p *pipeline) nextStartLocked(now time.Time, backlog bool) time.Time {
	slots, earliest := p.cfg.ParallelExports, p.notBefore
	switch {
	case p.brk.open:
		slots, earliest = 1, later(p.notBefore, p.brk.probeAt) // one probe at a time
	case backlog:
		slots = max(1, slots/2)
	}
	stuckAfter := max(p.cfg.FlushTimeout/8, 4*p.roundTrip)
	var active []time.Time
	for _, r := range p.running {
		if r.backlog == backlog && now.Sub(r.start) < stuckAfter {
			active = append(active, r.start)
		}
	}
	if len(active) >= slots {
		return later(earliest, active[len(active)-slots].Add(stuckAfter))
	}
	switch {
	case backlog:
	case len(active) > 0:
		return later(earliest, p.lastStart.Add(max(minSpacing, p.roundTrip/time.Duration(p.cfg.ParallelExports))))
	case p.shared:
		return later(earliest, p.lastStart.Add(minSpacing))
	}
	return earliest
}

// renewLocked reports whether the next export should go over a fresh connection: the one there is may be dead without
// anybody having said so. That is when the breaker has just opened, and when earlier exports hang since without a word.
func (p *pipeline) renewLocked(now time.Time) bool {
	hang := len(p.running) > 0 && p.lastAnswer.Before(p.running[0].start)
	if !p.renewDue && !hang || now.Sub(p.renewedAt) < renewAfter {
		return false
	}
	p.renewDue, p.renewedAt = false, now
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *pipeline) armLocked(d time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(d, p.dispatch)
		return
	}
	p.timer.Reset(d)
}
