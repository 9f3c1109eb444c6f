package agenttrace

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// MemoryStart opens a memory.OP span.
type MemoryStart struct {
	Operation     string // read, write, search, delete
	Type          string // short_term, long_term
	StoreID       string
	RecordID      string
	Query         string
	SessionID     string // the conversation; "": none
	Remote        bool   // true: the store is another process (CLIENT span)
	ServerAddress string // of a remote store
	ServerPort    int
}

// MemoryResult ends it.
type MemoryResult struct {
	RecordCount int
	Records     func() any // a list of {content, id?, metadata?, score?}; may be nil; called at most once
}

// MemorySpan is an open memory.OP span.
type MemorySpan struct {
	handle
	buffer [13]attribute.KeyValue
}

// StartMemory opens memory.OP, which belongs to the memory class of the conventions: read and search are
// search_memory there, write is upsert_memory, delete is delete_memory. Other operations keep their name.
func (t *AgentTracer) StartMemory(ctx context.Context, in MemoryStart) (context.Context, *MemorySpan) {
	if t.off(ctx) {
		return ctx, nil
	}
	s := &MemorySpan{}
	operation, kind := redact.Runes(in.Operation, maxIdentRunes), t.internal
	if in.Remote {
		kind = t.client
	}
	a := append(s.buffer[:0],
		semconv.KeyGenAIOperationName.String(memoryOperation(operation)),
		semconv.KeyMemoryOperation.String(operation))
	a = appendText(a, semconv.KeyMemoryType, in.Type, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIMemoryStoreID, in.StoreID, maxIdentRunes)
	a = appendText(a, semconv.KeyGenAIMemoryRecordID, in.RecordID, maxIdentRunes)
	a = appendPeer(a, in.ServerAddress, in.ServerPort)
	a = appendText(a, semconv.KeyGenAIConversationID, in.SessionID, maxIdentRunes)
	if t.content() {
		a = appendText(a, semconv.KeyGenAIMemoryQuery, redact.Preview(in.Query, contentRunes[0]), contentRunes[0])
	}
	ctx, ok := s.start(ctx, t, semconv.SpanMemoryPrefix+operation, kind, a)
	if !ok {
		return ctx, nil
	}
	return ctx, s
}

func memoryOperation(operation string) string {
	switch operation {
	case "read", "search":
		return semconv.OpSearchMemory
	case "write":
		return semconv.OpUpsertMemory
	case "delete":
		return semconv.OpDeleteMemory
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
		a = append(a, semconv.KeyGenAIMemoryRecordCount.Int(out.RecordCount))
	}
	if out.Records != nil && s.t.content() {
		a = appendRecords(a, out.Records)
	}
	s.end(a, err, codes.Ok)
}
