package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/detectors/gcp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/semconv"
)

// ResourceConfig says who makes the spans. The zero value is a service without a name in no environment.
type ResourceConfig struct {
	ServiceName    string // default: Service, else unknown_service:PROGRAM, as OpenTelemetry has it
	ServiceVersion string
	Environment    string            // deployment.environment.name
	InstanceID     string            // service.instance.id; default random, one per resource
	ProjectID      string            // Google Cloud project; default: detected where Service is set
	Service        string            // Cloud Run's name of the service; "": not on Cloud Run, nothing is detected
	Revision       string            // Cloud Run's name of the revision
	Attributes     map[string]string // further ones; they win over those above
	DetectTimeout  time.Duration     // of the detection on Google Cloud; default 500ms

	err    error // of Attributes' source
	detect func(context.Context) (*resource.Resource, error)
}

// ResourceConfigFromEnv reads OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, APP_VERSION, K_SERVICE, K_REVISION,
// GOOGLE_CLOUD_PROJECT and what names the environment (see env.Reader). The standard variables win: OTEL_SERVICE_NAME
// over OTEL_RESOURCE_ATTRIBUTES over the rest. ServiceName, ServiceVersion, Environment and ProjectID hold the outcome,
// for others who want to name the service as its spans do; ServiceName is "" where nothing names it, so that a program
// can set its own default. Malformed OTEL_RESOURCE_ATTRIBUTES are ignored as a whole, as
// specified, and reported by Setup.
func ResourceConfigFromEnv(getenv func(string) string) ResourceConfig {
	r := env.NewReader(getenv)
	cfg := ResourceConfig{
		Service: r.String("K_SERVICE"), Revision: r.String("K_REVISION"), Environment: r.Environment().Name,
	}
	var ok bool
	if cfg.Attributes, ok = r.ResourceAttributes(); !ok {
		r.RejectSecret("OTEL_RESOURCE_ATTRIBUTES", "key=value pairs, percent-encoded", "none of them")
		cfg.err = r.Err()
	}
	cfg.ServiceName = cmp.Or(r.String("OTEL_SERVICE_NAME"), cfg.Attributes[string(semconv.KeyServiceName)])
	cfg.ServiceVersion = cmp.Or(cfg.Attributes[string(semconv.KeyServiceVersion)], r.String("APP_VERSION"))
	cfg.ProjectID = cmp.Or(cfg.Attributes[string(semconv.KeyGCPProjectID)], r.String("GOOGLE_CLOUD_PROJECT"))
	cfg.InstanceID = cfg.Attributes[string(semconv.KeyServiceInstanceID)]
	for _, k := range []attribute.Key{semconv.KeyServiceName, semconv.KeyServiceVersion, semconv.KeyDeploymentEnvironment, semconv.KeyGCPProjectID, semconv.KeyServiceInstanceID} {
		delete(cfg.Attributes, string(k)) // they stand in the fields
	}
	return cfg
}

func (c ResourceConfig) withDefaults() ResourceConfig {
	c.ServiceName = cmp.Or(c.ServiceName, c.Service, "unknown_service:"+filepath.Base(os.Args[0]))
	if c.InstanceID == "" {
		c.InstanceID = uuid.NewString()
	}
	if c.DetectTimeout <= 0 {
		c.DetectTimeout = 500 * time.Millisecond
	}
	if c.detect == nil {
		c.detect = func(ctx context.Context) (*resource.Resource, error) { return gcp.NewDetector().Detect(ctx) }
	}
	return c
}

// newResource returns the resource of all spans. Beside an error it is usable and lacks what the error
// names. Off Cloud Run it asks nobody; on it, the metadata server for at most DetectTimeout.
//
// The attributes carry no schema URL of their own, so there is none to conflict with a detector's.
func newResource(ctx context.Context, cfg ResourceConfig) (*resource.Resource, error) {
	cfg = cfg.withDefaults()
	errs := []error{cfg.err}
	res, err := resource.New(ctx, resource.WithTelemetrySDK())
	errs = append(errs, err)

	project := cfg.ProjectID
	if cfg.Service != "" {
		detected, err := detectBounded(ctx, cfg)
		errs = append(errs, err)
		known := []attribute.KeyValue{
			semconv.KeyCloudProvider.String("gcp"),
			semconv.KeyFaaSName.String(cfg.Service),
		}
		if cfg.Revision != "" {
			known = append(known, semconv.KeyFaaSVersion.String(cfg.Revision))
		}
		res = mergeResources(mergeResources(res, resource.NewSchemaless(known...)), detected)
		if v, ok := res.Set().Value(semconv.KeyCloudAccountID); ok && project == "" {
			project = v.AsString()
		}
	}
	res = mergeResources(res, resource.NewSchemaless(cfg.attributes(project)...))
	return res, errors.Join(errs...)
}

func (c ResourceConfig) attributes(project string) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.KeyServiceInstanceID.String(c.InstanceID),
		semconv.KeyProcessPID.Int(os.Getpid()),
		semconv.KeyProcessRuntimeName.String("go"),
		semconv.KeyProcessRuntimeVersion.String(runtime.Version()),
		semconv.KeyOSType.String(runtime.GOOS),
		semconv.KeyHostArch.String(runtime.GOARCH),
	}
	for k, v := range c.Attributes {
		attrs = append(attrs, attribute.String(k, v))
	}
	for _, kv := range []attribute.KeyValue{
		semconv.KeyServiceName.String(c.ServiceName),
		semconv.KeyServiceVersion.String(c.ServiceVersion),
		semconv.KeyDeploymentEnvironment.String(c.Environment),
		semconv.KeyGCPProjectID.String(project),
	} {
		if kv.Value.AsString() != "" {
			attrs = append(attrs, kv)
		}
	}
	return attrs // of equal keys the last counts
}

// mergeResources returns a with b on top. When their schema URLs differ the result has none and all the
// attributes: that is no reason to lose them.
func mergeResources(a, b *resource.Resource) *resource.Resource {
	merged, err := resource.Merge(a, b)
	if err != nil && merged == nil {
		return a
	}
	return merged
}

// detectBounded runs the detector of Google Cloud, which heeds no context, beside the caller and gives up
// the wait after DetectTimeout.
func detectBounded(ctx context.Context, cfg ResourceConfig) (*resource.Resource, error) {
	type result struct {
		res *resource.Resource
		err error
	}
	done := make(chan result, 1)
	go func() {
		res, err := cfg.detect(ctx)
		done <- result{res, err}
	}()
	bounded, cancel := context.WithTimeout(ctx, cfg.DetectTimeout)
	defer cancel()
	select {
	case r := <-done:
		if r.err != nil {
			r.err = fmt.Errorf("detecting the Google Cloud resource: %w", r.err)
		}
		return r.res, r.err
	case <-bounded.Done():
		return nil, fmt.Errorf("detecting the Google Cloud resource: %w", bounded.Err())
	}
}
