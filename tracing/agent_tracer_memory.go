package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
)

// MemoryStart opens a memory.OP span.
type MemoryStart struct {
	Operation string // read, write, search
	Type      string // short_term, long_term
	StoreID   string
	RecordID  string
	Query     string
	Remote    bool // true: the store is another process (CLIENT span)
}

// MemoryResult ends it.
type MemoryResult struct {
	RecordCount int
	Records     func() any // a list of {content, id?, metadata?, score?}; may be nil; called at most once
}

// MemorySpan is an open memory.OP span.
type MemorySpan struct {
	handle
	buffer [10]attribute.KeyValue
}

// StartMemory opens memory.OP, which belongs to the memory class of the conventions: read and search are
// search_memory there (a read names its record), write is upsert_memory. Other operations keep their name.
func (t *AgentTracer) StartMemory(ctx context.Context, in MemoryStart) (context.Context, *MemorySpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &MemorySpan{}
	operation, kind := cutRunes(in.Operation, maxIdentRunes), t.internal
	if in.Remote {
		kind = t.client
	}
	a := append(s.buffer[:0],
		KeyGenAIOperationName.String(memoryOperation(operation)),
		KeyMemoryOperation.String(operation))
	a = appendText(a, KeyMemoryType, in.Type, maxIdentRunes)
	a = appendText(a, KeyGenAIMemoryStoreID, in.StoreID, maxIdentRunes)
	a = appendText(a, KeyGenAIMemoryRecordID, in.RecordID, maxIdentRunes)
	if t.content() {
		a = appendText(a, KeyGenAIMemoryQuery, preview(in.Query, contentRunes[0]), contentRunes[0])
	}
	ctx, ok := s.start(ctx, t, SpanMemoryPrefix+operation, kind, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

func memoryOperation(operation string) string {
	switch operation {
	case "read", "search":
		return opSearchMemory
	case "write":
		return opUpsertMemory
	}
	return operation
}

// End ends the span.
func (s *MemorySpan) End(out MemoryResult, err error) {
	if s == nil || !s.recording() {
		return
	}
	a := s.attrs
	if err == nil || out.RecordCount > 0 {
		a = append(a, KeyGenAIMemoryRecordCount.Int(out.RecordCount))
	}
	if out.Records != nil && s.t.content() {
		a = appendRecords(a, out.Records)
	}
	s.end(a, err, codes.Ok)
}
