package otlp

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/url"

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
	conn *grpc.ClientConn
	md   metadata.MD
}

func newGRPCSender(cfg Config, u *url.URL, tc *tls.Config, auth *googleauth.Credentials) (*grpcSender, error) {
	var creds credentials.PerRPCCredentials
	if auth != nil {
		creds = auth
	}
	opts := export.DialOptions(tc, creds)
	call := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if cfg.Compression == "gzip" {
		call = append(call, grpc.UseCompressor(gzip.Name))
	}
	conn, err := grpc.NewClient(export.HostPort(u), append(opts, grpc.WithDefaultCallOptions(call...))...)
	if err != nil {
		return nil, fmt.Errorf("creating the gRPC client: %w", err)
	}
	return &grpcSender{conn: conn, md: metadata.New(maps.Clone(cfg.Headers))}, nil
}

func (s *grpcSender) send(ctx context.Context, body []byte) ([]byte, error) {
	// A fresh context of outgoing metadata: nothing of the caller's reaches the backend.
	ctx = metadata.NewOutgoingContext(ctx, s.md)
	var reply []byte
	if err := s.conn.Invoke(ctx, exportMethod, body, &reply); err != nil {
		return nil, export.GRPCError(err)
	}
	return reply, nil
}

func (s *grpcSender) warm() { s.conn.Connect() }

func (s *grpcSender) close() { _ = s.conn.Close() }

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
