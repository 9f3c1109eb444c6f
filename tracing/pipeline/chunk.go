package pipeline

import sdktrace "go.opentelemetry.io/otel/sdk/trace"

// chunk is what one invocation hands over at once. It is the unit of queueing and dropping, so that a full buffer loses
// whole traces rather than a span of each.
type chunk struct {
	spans []sdktrace.ReadOnlySpan
	bytes int
	wait  *waiter // nil: nobody waits (late spans, or the wait is over)
	era   int     // flushes that had begun when it was submitted
	// group is set once an export has failed: the chunks of a group are sent together and with no others, so that what
	// may have spoiled one request spoils no second one. 0: none.
	group    int
	failures int // of exports, while the backend took others
}

// settle ends the wait for this chunk: it is delivered, dropped, or safe in the buffer of a backend that is not
// worth waiting for. Further calls do nothing.
func (c *chunk) settle() {
	c.wait.done()
	c.wait = nil
}

func sizeOf(batch []*chunk) (spans, bytes int) {
	for _, c := range batch {
		spans, bytes = spans+len(c.spans), bytes+c.bytes
	}
	return spans, bytes
}

// queue holds chunks, oldest first.
type queue []*chunk

func (q *queue) back(batch ...*chunk) { *q = append(*q, batch...) }

func (q *queue) front(batch ...*chunk) { *q = append(batch, *q...) }

// pop takes the first n chunks.
func (q *queue) pop(n int) []*chunk {
	batch := make([]*chunk, n)
	copy(batch, *q)
	clear((*q)[:n])
	if *q = (*q)[n:]; len(*q) == 0 {
		*q = nil // let the backing array of a past outage go
	}
	return batch
}

// take takes the first chunks that may share an export: a group, or as many without one as fit; at least one.
func (q *queue) take(maxSpans, maxBytes int) []*chunk {
	n, spans, bytes := 0, 0, 0
	for _, c := range *q {
		if n > 0 && (c.group != (*q)[0].group ||
			c.group == 0 && (spans+len(c.spans) > maxSpans || bytes+c.bytes > maxBytes)) {
			break
		}
		n, spans, bytes = n+1, spans+len(c.spans), bytes+c.bytes
	}
	return q.pop(n)
}

// groupLocked seals a batch.
func (p *pipeline) groupLocked(batch []*chunk) {
	p.groups++
	for _, c := range batch {
		c.group = p.groups
	}
}

// halveLocked makes two groups of a batch of more than one span.
func (p *pipeline) halveLocked(batch []*chunk) []*chunk {
	if len(batch) == 1 {
		c := batch[0]
		half := len(c.spans) / 2
		rest := &chunk{spans: c.spans[half:], bytes: c.bytes - c.bytes/2, wait: c.wait, era: c.era, failures: c.failures}
		c.spans, c.bytes = c.spans[:half:half], c.bytes/2
		c.wait.add()
		p.eras[c.era]++
		batch = []*chunk{c, rest}
	}
	half := len(batch) / 2
	p.groupLocked(batch[:half])
	p.groupLocked(batch[half:])
	return batch
}
