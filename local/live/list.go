package live

// list holds spans and readers' marks by last change, the oldest first. Its elements link themselves: a span moves to
// the back without an allocation, and a mark stays between the spans its reader has seen and those it has not.
type list struct{ root spanRecord }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) pushBack(r *spanRecord) { l.insert(r, l.root.prev) }

// insert puts r behind at, which is in the list.
func (l *list) insert(r, at *spanRecord) {
	r.prev, r.next = at, at.next
	at.next.prev, at.next = r, r
}

// remove takes r out; out of the list it does nothing.
func (l *list) remove(r *spanRecord) {
	if r.next == nil {
		return
	}
	r.prev.next, r.next.prev = r.next, r.prev
	r.prev, r.next = nil, nil
}

// markAfter puts a mark behind the last span whose change is not newer than seq.
func (l *list) markAfter(m *spanRecord, seq uint64) {
	at := l.root.prev
	for at != &l.root && (at.in == nil || at.seq > seq) {
		at = at.prev
	}
	l.insert(m, at)
}

// take returns up to n spans behind the mark m and moves it behind them.
func (l *list) take(m *spanRecord, n int) []*spanRecord {
	var spans []*spanRecord
	at := m.next
	for at != &l.root && len(spans) < n {
		if at.in != nil {
			spans = append(spans, at)
		}
		at = at.next
	}
	before := at.prev
	if before != m {
		l.remove(m)
		l.insert(m, before)
	}
	return spans
}
