package otlp

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// grpcSender sends encoded requests over one gRPC connection.
type grpcSender struct {
	conns *export.Rotation[*grpc.ClientConn]
	md    metadata.MD
}

func newGRPCSender(cfg Config, target string, tc *tls.Config, auth *googleauth.Credentials) (*grpcSender, error) {
	var creds credentials.PerRPCCredentials
	if auth != nil {
		creds = perRPC{auth, cfg.Headers}
	}
	call := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if cfg.Compression == "gzip" {
		call = append(call, grpc.UseCompressor(gzip.Name))
	}
	opts := append(export.DialOptions(tc, creds), grpc.WithDefaultCallOptions(call...))
	conns, err := export.NewRotation(
		func() (*grpc.ClientConn, error) { return grpc.NewClient(target, opts...) },
		func(c *grpc.ClientConn) { _ = c.Close() })
	if err != nil {
		return nil, fmt.Errorf("creating the gRPC client: %w", err)
	}
	return &grpcSender{conns: conns, md: metadata.New(maps.Clone(cfg.Headers))}, nil
}

// perRPC leaves out what the user's own headers say: gRPC would send both.
type perRPC struct {
	*googleauth.Credentials
	own map[string]string
}

func (p perRPC) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	md, err := p.Credentials.GetRequestMetadata(ctx, uri...)
	maps.DeleteFunc(md, func(key, _ string) bool { _, ok := p.own[key]; return ok })
	return md, err
}

func (s *grpcSender) send(ctx context.Context, body []byte) (answer, error) {
	conn, done, ok := s.conns.Take()
	if !ok {
		return answer{}, &export.Error{Fault: export.Retryable, Err: export.ErrClosed}
	}
	defer done()
	// A fresh context of outgoing metadata: nothing of the caller's reaches the backend.
	ctx = metadata.NewOutgoingContext(ctx, s.md)
	var reply []byte
	if err := conn.Invoke(ctx, exportMethod, body, &reply); err != nil {
		return answer{}, export.GRPCError(err)
	}
	a, _ := readProtobuf(reply)
	return a, nil
}

func (s *grpcSender) warm() {
	if conn, done, ok := s.conns.Take(); ok {
		conn.Connect()
		done()
	}
}

func (s *grpcSender) renew() { s.conns.Renew() }

func (s *grpcSender) close() { s.conns.Close() }

// rawCodec hands bytes that are protobuf already to gRPC: []byte out, *[]byte in.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("raw codec: cannot send %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("raw codec: cannot receive into %T", v)
	}
	*b = data.Materialize()
	return nil
}
