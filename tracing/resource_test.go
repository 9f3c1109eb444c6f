package tracing

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

func resourceMap(r *resource.Resource) map[string]string {
	m := map[string]string{}
	for _, kv := range r.Attributes() {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

func TestResourceFromEnv(t *testing.T) {
	unnamed := "unknown_service:" + filepath.Base(os.Args[0])
	for _, tt := range []struct {
		name string
		env  map[string]string
		want map[string]string // "" means absent
		err  string
	}{
		{"nothing", nil, map[string]string{
			"service.name": unnamed, "service.version": "", "deployment.environment.name": "development",
			"gcp.project_id":     "",
			"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "go", "process.runtime.name": "go",
			"cloud.provider": "",
		}, ""},
		{"own variables", map[string]string{"OTEL_SERVICE_NAME": "a", "APP_VERSION": "2",
			"ENVIRONMENT": "staging", "GOOGLE_CLOUD_PROJECT": "p"},
			map[string]string{"service.name": "a", "service.version": "2",
				"deployment.environment.name": "staging", "gcp.project_id": "p"}, ""},
		{"standard attributes win", map[string]string{
			"OTEL_RESOURCE_ATTRIBUTES": "service.name=b,service.version=3,deployment.environment.name=test,service.instance.id=i," +
				"team=a%20b,os.type=own",
			"APP_VERSION": "2", "ENVIRONMENT": "staging",
		}, map[string]string{
			"service.name": "b", "service.version": "3", "deployment.environment.name": "test",
			"service.instance.id": "i", "team": "a b", "os.type": "own",
		}, ""},
		{"the service's name wins", map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=b", "OTEL_SERVICE_NAME": "a"},
			map[string]string{"service.name": "a"}, ""},
		{"malformed attributes", map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=b,nonsense"},
			map[string]string{"service.name": unnamed}, "OTEL_RESOURCE_ATTRIBUTES"},
		{"bad percent", map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a=%zz"}, map[string]string{"a": ""},
			"OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := ResourceConfigFromEnv(envOf(tt.env))
			cfg.detect = func(context.Context) (*resource.Resource, error) {
				t.Error("asked Google Cloud")
				return nil, nil
			}
			res, err := newResource(t.Context(), cfg)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error: %v", err)
			}
			got := resourceMap(res)
			for k, want := range tt.want {
				if got[k] != want {
					t.Errorf("%s = %q, want %q", k, got[k], want)
				}
			}
			if cmp.Or(cfg.ServiceName, unnamed) != got["service.name"] || cfg.Environment != got["deployment.environment.name"] {
				t.Errorf("the config says %q in %q", cfg.ServiceName, cfg.Environment)
			}
		})
	}
}

func TestResourceInstanceIDIsAUniqueUUID(t *testing.T) {
	re := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := ResourceConfig{}.withDefaults().InstanceID, ResourceConfig{}.withDefaults().InstanceID
	if !re.MatchString(a) || a == b {
		t.Errorf("%s, %s", a, b)
	}
}

func TestResourceOnCloudRun(t *testing.T) {
	env := map[string]string{"K_SERVICE": "agent", "K_REVISION": "agent-1"}
	detected := resource.NewWithAttributes("https://opentelemetry.io/schemas/0.0.1", // conflicts with the SDK's
		attribute.String("cloud.provider", "gcp"), attribute.String("cloud.account.id", "proj"),
		attribute.String("cloud.region", "europe-west1"), attribute.String("service.name", "wrong"))
	t.Run("detected", func(t *testing.T) {
		cfg := ResourceConfigFromEnv(envOf(env))
		cfg.detect = func(context.Context) (*resource.Resource, error) { return detected, nil }
		res, err := newResource(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := resourceMap(res)
		for k, want := range map[string]string{
			"gcp.project_id": "proj", "cloud.region": "europe-west1", "faas.name": "agent", "faas.version": "agent-1",
			"service.name": "agent", "deployment.environment.name": "production", "telemetry.sdk.language": "go",
		} {
			if got[k] != want {
				t.Errorf("%s = %q, want %q", k, got[k], want)
			}
		}
	})
	t.Run("partial", func(t *testing.T) {
		cfg := ResourceConfigFromEnv(envOf(env))
		cfg.detect = func(context.Context) (*resource.Resource, error) { return detected, errors.New("no region") }
		res, err := newResource(t.Context(), cfg)
		if err == nil || resourceMap(res)["gcp.project_id"] != "proj" {
			t.Errorf("%v, %v", err, res)
		}
	})
	t.Run("hanging", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cfg := ResourceConfigFromEnv(envOf(env))
			cfg.detect = func(context.Context) (*resource.Resource, error) { // heeds no context, like the real one
				time.Sleep(3 * time.Second)
				return detected, nil
			}
			start := time.Now()
			res, err := newResource(t.Context(), cfg)
			if d := time.Since(start); d != 500*time.Millisecond {
				t.Errorf("took %v", d)
			}
			if got := resourceMap(res); err == nil || got["faas.name"] != "agent" ||
				got["service.name"] != "agent" {
				t.Errorf("%v, %v", err, got)
			}
			time.Sleep(3 * time.Second) // let the detector end
		})
	})
}
