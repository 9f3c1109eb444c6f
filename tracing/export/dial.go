package export

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// DefaultTimeout is the OTLP specification's. It bounds an export that nobody waits for; how
// long an invocation waits is decided elsewhere.
const DefaultTimeout = 10 * time.Second

// ErrClosed is the error of an export after Shutdown.
var ErrClosed = errors.New("the exporter is shut down")

// ExporterUserAgent names this program to the trace backends.
const ExporterUserAgent = "gemini-agent-tracing"

// DialOptions are those of every gRPC connection to a trace backend. Nothing instruments it, so
// an export makes no spans. A nil tc means plaintext, without credentials.
func DialOptions(tc *tls.Config, creds credentials.PerRPCCredentials) []grpc.DialOption {
	opts := []grpc.DialOption{
		grpc.WithUserAgent(ExporterUserAgent),
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
		// The shortest interval that gRPC allows a client, and only while an export is under way: every answer makes the
		// server forget the pings before it, so that none takes them for too many.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	}
	if tc == nil {
		return append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	opts = append(opts, grpc.WithTransportCredentials(credentials.NewTLS(tc)))
	if creds != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(creds))
	}
	return opts
}

// HostPort returns u's host with a port: the scheme's when it has none.
func HostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

// IsLoopback reports whether host is this machine.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// GRPCError turns a gRPC error into an exportError. It does not wrap the status: a library between
// here and the pipeline that looks for one would start retrying by itself.
func GRPCError(err error) *Error {
	s := status.Convert(err)
	return &Error{
		Fault:      ClassifyStatus(s),
		RetryAfter: RetryDelay(s),
		Err:        fmt.Errorf("%s: %s", s.Code(), ShortText(s.Message())),
	}
}

// ShortText makes a backend's text fit for a log line: one line, valid, at most 200 runes.
func ShortText(s string) string {
	const most = 200
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	n := 0
	for i := range s {
		if n == most {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
