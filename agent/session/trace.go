package session

import (
	"context"
	"errors"
	"fmt"

	"example.com/gemini-agent/tracing/agenttrace"
)

// The kinds of memory, as the spans name them.
const (
	shortTerm = "short_term" // of a conversation
	longTerm  = "long_term"  // of a user
)

// op is one use of the store, for its span.
type op struct {
	operation string // read, write, search, delete
	kind      string
	record    string
	query     string
	session   string
}

// op describes a use of the conversation.
func (conv *Conversation) op(operation, record string) op {
	return op{operation: operation, kind: shortTerm, record: record, session: conv.id.SessionID}
}

// turnName names a turn's document.
func turnName(number int) string { return fmt.Sprintf("%08d", number) }

// endSpan ends the span of a use of the store. content is called only when content is recorded; it may be nil.
type endSpan func(records int, content func() any, err error)

// span opens the span of a use of the store and bounds its time.
func (c *Conversations) span(ctx context.Context, o op) (context.Context, endSpan) {
	ctx, end := c.spanOfAll(ctx, o)
	ctx, cancel := context.WithTimeout(ctx, c.cfg.CallTimeout)
	return ctx, func(records int, content func() any, err error) {
		cancel()
		end(records, content, err)
	}
}

// spanOfAll is span for what may take as many calls as there are documents; only the caller bounds it.
func (c *Conversations) spanOfAll(ctx context.Context, o op) (context.Context, endSpan) {
	address, port := c.store.Server()
	ctx, span := c.cfg.Tracer.StartMemory(ctx, agenttrace.MemoryStart{
		Operation:     o.operation,
		Type:          o.kind,
		RecordID:      o.record,
		Query:         o.query,
		SessionID:     o.session,
		Remote:        address != "",
		ServerAddress: address,
		ServerPort:    port,
	})
	return ctx, func(records int, content func() any, err error) {
		if busy := (*BusyError)(nil); errors.As(err, &busy) {
			err = nil // the store did what it should, and the trace need not be kept for a caller who is refused
		}
		span.End(agenttrace.MemoryResult{RecordCount: records, Records: content}, err)
	}
}
