package main

import (
	"context"
	"encoding/hex"
	"net"
	"sync"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"example.com/gemini-agent/bench/process"
)

// receiver is an OTLP backend with a fixed address, where it can be away for a while.
type receiver struct {
	coltracepb.UnimplementedTraceServiceServer
	addr string

	mu     sync.Mutex
	server *grpc.Server // nil while it is away
	traces map[string][]span
}

// startReceiver returns a receiver that is there.
func startReceiver(tb testing.TB) *receiver {
	tb.Helper()
	return startReceiverAt(tb, net.JoinHostPort("127.0.0.1", process.FreePort(tb)))
}

func startReceiverAt(tb testing.TB, addr string) *receiver {
	tb.Helper()
	r := &receiver{addr: addr, traces: map[string][]span{}}
	r.up(tb)
	tb.Cleanup(r.down)
	return r
}

func (r *receiver) up(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, r)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = server
	go func() { _ = server.Serve(l) }() // ends with Stop in down
}

func (r *receiver) down() {
	r.mu.Lock()
	server := r.server
	r.server = nil
	r.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

func (r *receiver) Export(
	_ context.Context, req *coltracepb.ExportTraceServiceRequest,
) (*coltracepb.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range req.ResourceSpans {
		service, _ := attributes(rs.Resource.Attributes)["service.name"].(string)
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				id := hex.EncodeToString(s.TraceId)
				r.traces[id] = append(r.traces[id], received(service, s))
			}
		}
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func received(service string, s *tracepb.Span) span {
	return span{
		id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId), name: s.Name, service: service,
		start: int64(s.StartTimeUnixNano), attrs: attributes(s.Attributes),
	}
}

// attributes keeps the simple values.
func attributes(list []*commonpb.KeyValue) map[string]any {
	attrs := map[string]any{}
	for _, kv := range list {
		switch v := kv.Value.GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			attrs[kv.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			attrs[kv.Key] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			attrs[kv.Key] = v.BoolValue
		case *commonpb.AnyValue_DoubleValue:
			attrs[kv.Key] = v.DoubleValue
		}
	}
	return attrs
}

// trace returns the spans that have come of a trace.
func (r *receiver) trace(id string) []span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]span(nil), r.traces[id]...)
}

// count returns the number of traces of which something has come.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.traces)
}

// ids returns the traces of which something has come.
func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id := range r.traces {
		ids = append(ids, id)
	}
	return ids
}

// eventually waits for what happens in another process. It is for a machine under load.
func eventually(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	for start := time.Now(); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			tb.Fatalf("after 20 s still not: %s", what)
		}
	}
}
