package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

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
	Protocol string // "http/protobuf" (default) or "grpc"
	// Endpoint is a URL, for HTTP with its path; default http://localhost:4318/v1/traces or :4317. gRPC also takes its own
	// targets unix:PATH, unix:///PATH and dns:///HOST:PORT.
	Endpoint    string
	Insecure    bool              // no TLS, for gRPC's own targets; of a URL the scheme says it
	Headers     map[string]string // sent with each request; may hold secrets, never logged
	Timeout     time.Duration     // of one export; default 10s
	Compression string            // "gzip" or "none" (default)
	Certificate string            // PEM file of the roots to trust; default: the system's
	// ClientCertificate and ClientKey are the PEM files of what this process shows to the backend; default: nothing.
	ClientCertificate, ClientKey string
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

// Destination returns where the exporter of c sends to, fit to be printed: without credentials and query.
func (c Config) Destination() string {
	c = c.withDefaults()
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return "an endpoint that is no URL"
	}
	u.User, u.RawQuery = nil, ""
	return u.String() + " (" + c.Protocol + ")"
}

func defaultEndpoint(protocol string) string {
	if protocol == GRPC {
		return "http://localhost:4317"
	}
	return "http://localhost:4318" + TracesPath
}

// IsGRPCTarget reports whether endpoint is one of gRPC's own targets.
func IsGRPCTarget(endpoint string) bool {
	return strings.HasPrefix(endpoint, "unix:") || strings.HasPrefix(endpoint, "dns:")
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
	spanBytes     atomic.Int64 // of a span in the latest request
	warned        atomic.Bool  // of answers that are no OTLP
	closed        atomic.Bool
}

// sender is one transport of OTLP. The errors of send are *export.Error. warm opens a connection in the background; renew
// makes a fresh one for later calls. body is the sender's: a transport may read it after it has given up the call.
type sender interface {
	send(ctx context.Context, body []byte) (answer, error)
	warm()
	renew()
	close()
}

// New dials nothing. The exporter is usable beside an error: an unreadable certificate leaves the system's roots, an
// unreadable client certificate none, so the connection fails closed.
func New(cfg Config, auth *googleauth.Credentials) (*Exporter, error) {
	cfg = cfg.withDefaults()
	u, err := url.Parse(cfg.Endpoint)
	own := cfg.Protocol == GRPC && IsGRPCTarget(cfg.Endpoint)
	if err != nil || u.Host == "" && !own {
		return nil, errors.New("otlp exporter: the endpoint is no URL with a host")
	}
	x := &Exporter{cfg: cfg, auth: auth}
	x.encoders.New = func() any { return newEncoder() }

	var tlsConfig *tls.Config // nil: plaintext
	if u.Scheme == "https" || own && !cfg.Insecure {
		tlsConfig, err = cfg.tls()
	}
	if tlsConfig == nil && auth != nil {
		return nil, errors.New("otlp exporter: Google credentials need an https endpoint")
	}
	if cfg.Protocol == GRPC {
		target := cfg.Endpoint
		if !own {
			target = export.HostPort(u)
		}
		sender, dialErr := newGRPCSender(cfg, target, tlsConfig, auth)
		if dialErr != nil {
			return nil, fmt.Errorf("otlp exporter: %w", dialErr)
		}
		x.sender = sender
	} else {
		x.sender = newHTTPSender(cfg, u, tlsConfig, auth)
	}
	return x, err
}

// tls returns the configuration of https beside what could not be read of it.
func (c Config) tls() (*tls.Config, error) {
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	var errs []error
	if c.Certificate != "" {
		roots, err := readRoots(c.Certificate)
		tc.RootCAs, errs = roots, append(errs, err)
	}
	switch {
	case c.ClientCertificate != "" && c.ClientKey != "":
		pair, err := tls.LoadX509KeyPair(c.ClientCertificate, c.ClientKey)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the OTLP client certificate: %w", err))
		} else {
			tc.Certificates = []tls.Certificate{pair}
		}
	case c.ClientCertificate != c.ClientKey:
		errs = append(errs, errors.New("an OTLP client certificate needs a key, and a key a certificate: neither is used"))
	}
	return tc, errors.Join(errs...)
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

// Renew makes a fresh connection for the exports to come; those under way go on.
func (x *Exporter) Renew() {
	if !x.closed.Load() {
		x.sender.renew()
	}
}

// Shutdown closes the connection. Exports under way fail; later ones are refused.
func (x *Exporter) Shutdown(context.Context) error {
	if !x.closed.Swap(true) {
		x.sender.close()
	}
	return nil
}

// ExportSpans sends spans, in several requests when one would exceed the receiver's limits; it stops at the first that
// fails. Its errors are *export.Error.
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

	var partly []error
	var rejected int64
	for left := spans; len(left) > 0; {
		body, n := x.encode(enc, left)
		if err := x.sendOne(ctx, body); err != nil {
			e, ok := errors.AsType[*export.Error](err)
			if !ok {
				e = &export.Error{Fault: export.Retryable, Err: err}
			}
			rejected += e.Rejected
			if e.Fault != export.PartlyRefused {
				e.Unsent, e.Rejected = left, rejected
				return e
			}
			partly = append(partly, err)
		}
		left = left[n:]
	}
	if partly != nil {
		return export.Partial(errors.Join(partly...), rejected)
	}
	return nil
}

// maxGuess bounds the first size of a body: after one large span a guess may be far too large.
const maxGuess = 256 << 10

// encode returns the body for as many of spans as fit one request, and their number: at least one.
func (x *Exporter) encode(enc *encoder, spans []sdktrace.ReadOnlySpan) ([]byte, int) {
	n := len(spans)
	if x.maxAttributes > 0 {
		n = fitAttributes(spans, x.maxAttributes)
	}
	enc.buf = make([]byte, 0, min(int(x.spanBytes.Load())*n*5/4, maxGuess))
	for {
		enc.reset()
		body := enc.request(spans[:n])
		if len(body) <= maxBytes || n == 1 {
			x.spanBytes.Store(int64(len(body)/max(1, n)) + 1)
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

// sendOne sends one request and reads a refusal of single spans out of the answer.
func (x *Exporter) sendOne(ctx context.Context, body []byte) error {
	a, err := x.sender.send(ctx, body)
	if err != nil {
		return err
	}
	switch {
	case a.rejected != 0 || a.message != "":
		return export.Partial(fmt.Errorf("partial success: %d spans rejected: %s", a.rejected,
			export.ShortText(a.message)), a.rejected)
	case a.strange != "" && x.warned.CompareAndSwap(false, true):
		return export.Partial(errors.New("the endpoint answers 2xx, but not as OTLP does ("+a.strange+
			"): it may be another service, and the spans gone; this is said once"), 0)
	}
	return nil
}

// projectID is what a resource without gcp.project_id gets: the Telemetry API wants one.
func (x *Exporter) projectID(ctx context.Context) string {
	if x.auth == nil || x.project != "" {
		return x.project
	}
	return x.auth.ProjectID(ctx)
}
