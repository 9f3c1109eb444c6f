package tracing

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const otlpExportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// exporterUserAgent names this program to the trace backends.
const exporterUserAgent = "gemini-agent-tracing"

// otlpGRPCSender sends encoded requests over one gRPC connection.
type otlpGRPCSender struct {
	conn *grpc.ClientConn
	md   metadata.MD
}

func newOTLPGRPCSender(cfg OTLPConfig, u *url.URL, tc *tls.Config, auth *googleAuth) (*otlpGRPCSender, error) {
	opts := exporterDialOptions(tc, auth)
	call := []grpc.CallOption{grpc.ForceCodecV2(rawCodec{})}
	if cfg.Compression == "gzip" {
		call = append(call, grpc.UseCompressor(gzip.Name))
	}
	conn, err := grpc.NewClient(hostPort(u), append(opts, grpc.WithDefaultCallOptions(call...))...)
	if err != nil {
		return nil, fmt.Errorf("creating the gRPC client: %w", err)
	}
	return &otlpGRPCSender{conn: conn, md: metadata.New(maps.Clone(cfg.Headers))}, nil
}

// exporterDialOptions are those of every gRPC connection to a trace backend. Nothing instruments it, so
// an export makes no spans.
func exporterDialOptions(tc *tls.Config, auth *googleAuth) []grpc.DialOption {
	opts := []grpc.DialOption{
		grpc.WithUserAgent(exporterUserAgent),
		grpc.WithDisableServiceConfig(), // no DNS TXT query, no retry policy from outside
		// gRPC's own back-off grows to two minutes, in which a backend that is up again looks down.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  100 * time.Millisecond,
				Multiplier: 1.6,
				Jitter:     0.2,
				MaxDelay:   2 * time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// An instance without requests is frozen; its connection dies unseen. Better to open a new one.
		grpc.WithIdleTimeout(2 * time.Minute),
	}
	if tc == nil {
		return append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	opts = append(opts, grpc.WithTransportCredentials(credentials.NewTLS(tc)))
	if auth != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(auth))
	}
	return opts
}

// hostPort returns u's host with a port: the scheme's when it has none.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

func (s *otlpGRPCSender) send(ctx context.Context, body []byte) ([]byte, error) {
	// A fresh context of outgoing metadata: nothing of the caller's reaches the backend.
	ctx = metadata.NewOutgoingContext(ctx, s.md)
	var reply []byte
	if err := s.conn.Invoke(ctx, otlpExportMethod, body, &reply); err != nil {
		return nil, grpcExportError(err)
	}
	return reply, nil
}

func (s *otlpGRPCSender) warm() { s.conn.Connect() }

func (s *otlpGRPCSender) close() { _ = s.conn.Close() }

// grpcExportError turns a gRPC error into an exportError. It does not wrap the status: a library between
// here and the pipeline that looks for one would start retrying by itself.
func grpcExportError(err error) *exportError {
	s := status.Convert(err)
	return &exportError{
		fault:      classifyStatus(s),
		retryAfter: retryDelay(s),
		err:        fmt.Errorf("%s: %s", s.Code(), shortText(s.Message())),
	}
}

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
