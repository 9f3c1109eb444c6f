package cloudtrace

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	cloudtrace "github.com/GoogleCloudPlatform/opentelemetry-operations-go/exporter/trace"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/semconv"
)

// Config says which Cloud Trace. The zero value is Google's, with application default
// credentials.
type Config struct {
	Endpoint string        // "host:port" or URL; loopback: plaintext without credentials; default Google's
	Timeout  time.Duration // of one export; default 10s
}

const defaultEndpoint = "cloudtrace.googleapis.com:443"

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = defaultEndpoint
	}
	if c.Timeout <= 0 {
		c.Timeout = export.DefaultTimeout
	}
	return c
}

// Exporter sends spans by Google's exporter for the Cloud Trace API, which is kept for the
// projects that have it: Google archives it after 2027-01-01 and points to the Telemetry API.
//
// Around the library it puts right what would hurt an invocation: the connection is ours, so nothing
// traces the export itself, no credential is probed at construction, and the client's own retries (12 s
// against a dead backend) are off; list attributes, which the library drops, go as JSON; attribute
// slices are not shared with it, because it appends to them; text that is no UTF-8, which it passes on in keys, is mended.
// The API has one map of labels a span, for which its pages name limits of 32 and of 1,024, and the library copies the
// resource onto each span: here only a service's first span of a trace carries all of it, so that a span's own attributes
// are what is left where the smaller limit holds.
//
// The library writes its notice of deprecation once a process to the standard logger, at the first
// export. Keeping it out would mean to redirect that logger under other goroutines, so it stays.
type Exporter struct {
	cfg       Config
	projectID string                  // "": the resource's, then the credentials'
	auth      *googleauth.Credentials // nil: no credentials
	clients   *export.Rotation[*client]
}

// client is one connection, and the library's exporter on it.
type client struct {
	conn *grpc.ClientConn

	mu    sync.Mutex
	inner *cloudtrace.Exporter // nil until the project is known
}

// New dials nothing and looks for no credential. An empty project means gcp.project_id
// of the spans' resource, then the credentials' project.
func New(cfg Config, project string, auth *googleauth.Credentials) (*Exporter, error) {
	cfg = cfg.withDefaults()
	addr, plain, err := Address(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("cloud trace exporter: %w", err)
	}
	tc := &tls.Config{MinVersion: tls.VersionTLS12}
	if plain {
		tc, auth = nil, nil
	}
	var creds credentials.PerRPCCredentials
	if auth != nil {
		creds = auth
	}
	opts := append(export.DialOptions(tc, creds), grpc.WithUnaryInterceptor(singleAttempt))
	clients, err := export.NewRotation(func() (*client, error) {
		conn, err := grpc.NewClient(addr, opts...)
		return &client{conn: conn}, err
	}, func(c *client) { _ = c.conn.Close() })
	if err != nil {
		return nil, fmt.Errorf("cloud trace exporter: creating the gRPC client: %w", err)
	}
	return &Exporter{cfg: cfg, projectID: project, auth: auth, clients: clients}, nil
}

// Address reads CLOUD_TRACE_ENDPOINT's forms: host, host:port, http(s) URL.
func Address(endpoint string) (addr string, plain bool, err error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return "", false, errors.New("the endpoint is neither host:port nor a URL")
	}
	return export.HostPort(u), export.IsLoopback(u.Hostname()), nil
}

// singleAttempt hides the status of a failed call from the client library, which would repeat it until
// the export's time is over. Repeating is the pipeline's decision.
func singleAttempt(
	ctx context.Context,
	method string,
	req, reply any,
	cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	if err := invoke(ctx, method, req, reply, cc, opts...); err != nil {
		return export.GRPCError(err)
	}
	return nil
}

// Warm opens the connection and gets a token in the background.
func (x *Exporter) Warm(context.Context) {
	if x.auth != nil {
		x.auth.Warm()
	}
	if c, done, ok := x.clients.Take(); ok {
		c.conn.Connect()
		done()
	}
}

// Renew makes a fresh connection for the exports to come; those under way go on.
func (x *Exporter) Renew() { x.clients.Renew() }

// ExportSpans sends spans in BatchWriteSpans of at most 4 MiB; it stops at the first that fails. Its errors are
// *export.Error.
func (x *Exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	c, done, ok := x.clients.Take()
	if !ok {
		return &export.Error{Fault: export.Retryable, Err: export.ErrClosed}
	}
	defer done()
	inner, err := x.exporter(ctx, c, spans[0])
	if err != nil {
		return &export.Error{Fault: export.Retryable, Err: err}
	}
	for left := spans; len(left) > 0; {
		n := fit(left)
		if err := inner.ExportSpans(ctx, flatSpans(left[:n])); err != nil {
			return &export.Error{
				Fault: export.Classify(err), RetryAfter: export.RetryAfter(err), Unsent: left,
				Err: fmt.Errorf("cloud trace: %w", err),
			}
		}
		left = left[n:]
	}
	return nil
}

// exporter returns the library's exporter, made at the first call that knows the project.
func (x *Exporter) exporter(ctx context.Context, c *client, sample sdktrace.ReadOnlySpan) (*cloudtrace.Exporter, error) {
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner != nil {
		return inner, nil
	}
	project := x.project(ctx, sample) // may take its time: outside the lock
	if project == "" {
		return nil, errors.New("cloud trace: no project: set GOOGLE_CLOUD_PROJECT")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner != nil {
		return c.inner, nil
	}
	inner, err := cloudtrace.New(
		cloudtrace.WithProjectID(project),
		cloudtrace.WithTimeout(x.cfg.Timeout),
		cloudtrace.WithAttributeMapping(func(k attribute.Key) attribute.Key { return k }), // flatSpans does it
		// The error comes back from ExportSpans; a second report would only repeat it.
		cloudtrace.WithErrorHandler(otel.ErrorHandlerFunc(func(error) {})),
		cloudtrace.WithTraceClientOptions([]option.ClientOption{
			option.WithGRPCConn(c.conn),
			option.WithTelemetryDisabled(),
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("cloud trace: creating the client: %w", err)
	}
	c.inner = inner
	return inner, nil
}

func (x *Exporter) project(ctx context.Context, sample sdktrace.ReadOnlySpan) string {
	if x.projectID != "" {
		return x.projectID
	}
	if v, ok := sample.Resource().Set().Value(semconv.KeyGCPProjectID); ok && v.AsString() != "" {
		return v.AsString()
	}
	if x.auth == nil {
		return ""
	}
	return x.auth.ProjectID(ctx)
}

// Shutdown closes the connection.
func (x *Exporter) Shutdown(context.Context) error {
	x.clients.Close()
	return nil
}
