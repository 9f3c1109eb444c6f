package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
)

// The protocols of OTLP that are spoken here.
const (
	GRPC = "grpc"
	HTTP = "http/protobuf"
)

// Config says where OTLP goes and how. The zero value is http/protobuf to a collector on this
// machine's standard port, without compression.
type Config struct {
	Protocol    string            // "http/protobuf" (default) or "grpc"
	Endpoint    string            // URL, for HTTP with its path; default http://localhost:4318/v1/traces or :4317
	Headers     map[string]string // sent with each request; may hold secrets, never logged
	Timeout     time.Duration     // of one export; default 10s
	Compression string            // "gzip" or "none" (default)
	Certificate string            // PEM file of the roots to trust; default: the system's
}

func (c Config) withDefaults() Config {
	if c.Protocol == "" {
		c.Protocol = HTTP
	}
	if c.Endpoint == "" {
		c.Endpoint = defaultEndpoint(c.Protocol)
	}
	if c.Timeout <= 0 {
		c.Timeout = export.DefaultTimeout
	}
	return c
}

func defaultEndpoint(protocol string) string {
	if protocol == GRPC {
		return "http://localhost:4317"
	}
	return "http://localhost:4318" + TracesPath
}

// maxBytes keeps a request under the 4 MiB that a gRPC receiver takes unless told otherwise.
const maxBytes = 4<<20 - 64<<10

// Exporter sends spans by OTLP with an encoder of its own. It makes one attempt an export: the
// pipeline decides about retries. It may be used by several goroutines at once.
type Exporter struct {
	cfg           Config
	sender        sender
	auth          *googleauth.Credentials // nil: no Google credentials
	project       string                  // gcp.project_id for resources without one, with auth only
	maxAttributes int                     // per request; 0: no limit
	encoders      sync.Pool
	bodySize      atomic.Int64 // of the latest request
	closed        atomic.Bool
}

// sender is one transport of OTLP. send returns the response's body, which belongs to the caller;
// its errors are *export.Error. warm opens a connection in the background. body is the sender's: a
// transport may read it after it has given up the call.
type sender interface {
	send(ctx context.Context, body []byte) ([]byte, error)
	warm()
	close()
}

// New dials nothing. The exporter is usable beside an error: an unreadable certificate
// leaves the system's roots, so the connection fails closed.
func New(cfg Config, auth *googleauth.Credentials) (*Exporter, error) {
	cfg = cfg.withDefaults()
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" {
		return nil, errors.New("otlp exporter: the endpoint is no URL with a host")
	}
	x := &Exporter{cfg: cfg, auth: auth}
	x.encoders.New = func() any { return newEncoder() }

	var tlsConfig *tls.Config // nil: plaintext
	if u.Scheme == "https" {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if cfg.Certificate != "" {
			tlsConfig.RootCAs, err = readRoots(cfg.Certificate)
		}
	}
	if tlsConfig == nil && auth != nil {
		return nil, errors.New("otlp exporter: Google credentials need an https endpoint")
	}
	if cfg.Protocol == GRPC {
		sender, dialErr := newGRPCSender(cfg, u, tlsConfig, auth)
		if dialErr != nil {
			return nil, fmt.Errorf("otlp exporter: %w", dialErr)
		}
		x.sender = sender
	} else {
		x.sender = newHTTPSender(cfg, u, tlsConfig, auth)
	}
	return x, err
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the OTLP certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the OTLP certificate: no PEM certificate in %s", file)
	}
	return roots, nil
}

// Warm opens the connection, and gets the credentials where some are needed, in the background.
func (x *Exporter) Warm(context.Context) {
	if x.closed.Load() {
		return
	}
	if x.auth != nil {
		x.auth.Warm()
	}
	x.sender.warm()
}

// Shutdown closes the connection. Exports under way fail; later ones are refused.
func (x *Exporter) Shutdown(context.Context) error {
	if !x.closed.Swap(true) {
		x.sender.close()
	}
	return nil
}

// ExportSpans sends spans, in several requests when one would exceed the receiver's limits. Its errors
// are *export.Error.
func (x *Exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	if x.closed.Load() {
		return &export.Error{Fault: export.Retryable, Err: export.ErrClosed}
	}
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()

	enc := x.encoders.Get().(*encoder)
	defer func() { enc.reset(); x.encoders.Put(enc) }()
	enc.project = x.projectID(ctx)

	var refused []error
	var rejected int64
	permanent := true // every request so far was refused as a whole
	for left := spans; len(left) > 0; {
		body, n := x.encode(enc, left)
		err := x.sendOne(ctx, body)
		switch export.Classify(err) {
		case export.None:
			permanent = false
		case export.PartlyRefused:
			e, _ := errors.AsType[*export.Error](err)
			permanent, rejected, refused = false, rejected+e.Rejected, append(refused, err)
		case export.Refused:
			rejected, refused = rejected+int64(n), append(refused, err)
		default:
			if e, ok := errors.AsType[*export.Error](err); ok && len(left) < len(spans) {
				e.Unsent = left
			}
			return err
		}
		left = left[n:]
	}
	switch {
	case len(refused) == 0:
		return nil
	case permanent:
		return &export.Error{Fault: export.Refused, Rejected: rejected, Err: errors.Join(refused...)}
	}
	return &export.Error{Fault: export.PartlyRefused, Rejected: rejected, Err: errors.Join(refused...)}
}

// encode returns the body for as many of spans as fit one request, and their number: at least one.
func (x *Exporter) encode(enc *encoder, spans []sdktrace.ReadOnlySpan) ([]byte, int) {
	n := len(spans)
	if x.maxAttributes > 0 {
		n = fitAttributes(spans, x.maxAttributes)
	}
	enc.buf = make([]byte, 0, x.bodySize.Load()*5/4)
	for {
		enc.reset()
		body := enc.request(spans[:n])
		if len(body) <= maxBytes || n == 1 {
			x.bodySize.Store(int64(len(body)))
			enc.buf = nil // it is the sender's now
			return body, n
		}
		n = max(1, min(n-1, int(int64(n)*maxBytes/int64(len(body)))))
	}
}

// fitAttributes returns how many of spans hold at most limit attributes together, those of events and
// links included: at least one.
func fitAttributes(spans []sdktrace.ReadOnlySpan, limit int) int {
	total := 0
	for i, s := range spans {
		if s == nil {
			continue
		}
		total += len(s.Attributes())
		for _, ev := range s.Events() {
			total += len(ev.Attributes)
		}
		for _, l := range s.Links() {
			total += len(l.Attributes)
		}
		if total > limit {
			return max(1, i)
		}
	}
	return len(spans)
}

// sendOne sends one request and reads a refusal of single spans out of the response.
func (x *Exporter) sendOne(ctx context.Context, body []byte) error {
	response, err := x.sender.send(ctx, body)
	if err != nil {
		return err
	}
	rejected, message := partialSuccess(response)
	if rejected == 0 && message == "" {
		return nil
	}
	return &export.Error{Fault: export.PartlyRefused, Rejected: rejected, Err: fmt.Errorf(
		"partial success: %d spans rejected: %s", rejected, export.ShortText(message))}
}

// projectID is what a resource without gcp.project_id gets: the Telemetry API wants one.
func (x *Exporter) projectID(ctx context.Context) string {
	if x.auth == nil || x.project != "" {
		return x.project
	}
	return x.auth.ProjectID(ctx)
}

// partialSuccess reads ExportTraceServiceResponse.partial_success. A response that is none (a gateway's
// "OK", JSON) counts as plain success: its status said so.
func partialSuccess(b []byte) (rejected int64, message string) {
	eachField(b, func(num protowire.Number, _ uint64, partial []byte) {
		if num != 1 {
			return
		}
		eachField(partial, func(num protowire.Number, v uint64, text []byte) {
			switch {
			case num == 1 && text == nil:
				rejected = max(0, int64(v))
			case num == 2:
				message = string(text)
			}
		})
	})
	return rejected, message
}

// eachField calls fn for the varint and bytes fields of a protobuf message and stops at the first byte
// that is none. text is nil for a varint and never nil for bytes.
func eachField(b []byte, fn func(num protowire.Number, v uint64, text []byte)) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return
		}
		b = b[n:]
		switch typ {
		case protowire.VarintType:
			v, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return
			}
			fn(num, v, nil)
			b = b[n:]
		case protowire.BytesType:
			text, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return
			}
			fn(num, 0, text[:len(text):len(text)])
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(num, typ, b)
			if n < 0 {
				return
			}
			b = b[n:]
		}
	}
}
