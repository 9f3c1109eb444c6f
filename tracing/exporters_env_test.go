package tracing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.com/gemini-agent/tracing/export/cloudtrace"
	"example.com/gemini-agent/tracing/export/console"
	"example.com/gemini-agent/tracing/export/otlp"
)

func envOf(pairs map[string]string) func(string) string {
	return func(k string) string { return pairs[k] }
}

func TestExporterConfigFromEnv(t *testing.T) {
	const o = "OTEL_EXPORTER_OTLP_"
	for _, tt := range []struct {
		name string
		env  map[string]string
		want ExporterConfig
		errs []string // substrings, one an error
	}{
		{"laptop", nil, ExporterConfig{Names: []string{"console"}, OTLP: otlp.Config{Protocol: otlp.HTTP}}, nil},
		{"cloud run", map[string]string{"K_SERVICE": "s", "GOOGLE_CLOUD_PROJECT": "p"},
			ExporterConfig{Names: []string{"cloudtrace"}, OTLP: otlp.Config{Protocol: otlp.HTTP}, ProjectID: "p"}, nil},
		{"an endpoint beats cloud run", map[string]string{"K_SERVICE": "s", o + "ENDPOINT": "http://c:4318"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP,
				Endpoint: "http://c:4318/v1/traces"}}, nil},
		{"traces endpoint as it is", map[string]string{o + "TRACES_ENDPOINT": "http://c:4318/x", o + "ENDPOINT": "http://d"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP, Endpoint: "http://c:4318/x"}}, nil},
		{"traces endpoint without a path", map[string]string{o + "TRACES_ENDPOINT": "http://c:4318"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP, Endpoint: "http://c:4318/"}}, nil},
		{"base path", map[string]string{o + "ENDPOINT": "https://c/base/"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP,
				Endpoint: "https://c/base/v1/traces"}}, nil},
		{"4317 means grpc", map[string]string{o + "ENDPOINT": "http://localhost:4317"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC,
				Endpoint: "http://localhost:4317"}}, nil},
		{"protocol beats the port", map[string]string{o + "ENDPOINT": "http://c:4317", o + "PROTOCOL": "http/protobuf"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP,
				Endpoint: "http://c:4317/v1/traces"}}, nil},
		{"bare host means TLS", map[string]string{o + "ENDPOINT": "c:4317"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC, Endpoint: "https://c:4317"}}, nil},
		{"bare host, insecure", map[string]string{o + "ENDPOINT": "c:4317", o + "INSECURE": "true"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC, Endpoint: "http://c:4317"}}, nil},
		{"bare loopback", map[string]string{o + "ENDPOINT": "localhost:4318"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP,
				Endpoint: "http://localhost:4318/v1/traces"}}, nil},
		{"everything", map[string]string{
			"OTEL_TRACES_EXPORTER": " OTLP, console,otlp ", o + "TRACES_PROTOCOL": "grpc", o + "PROTOCOL": "http/protobuf",
			o + "HEADERS": "a=general", o + "TRACES_HEADERS": "Authorization=Basic%20QQ%3D%3D, x-b = 2 ", o + "TIMEOUT": "2500",
			o + "COMPRESSION": "gzip", o + "CERTIFICATE": "/c.pem", "CLOUD_TRACE_ENDPOINT": "localhost:1",
		}, ExporterConfig{Names: []string{"otlp", "console"},
			CloudTrace: cloudtrace.Config{Endpoint: "localhost:1"}, OTLP: otlp.Config{
				Protocol: otlp.GRPC, Headers: map[string]string{"authorization": "Basic QQ==", "x-b": "2"},
				Timeout: 2500 * time.Millisecond, Compression: "gzip", Certificate: "/c.pem",
			}}, nil},
		{"client certificate", map[string]string{o + "ENDPOINT": "https://c", o + "CLIENT_CERTIFICATE": "/c.pem",
			o + "CLIENT_KEY": "/g.pem", o + "TRACES_CLIENT_KEY": "/k.pem"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP, Endpoint: "https://c/v1/traces",
				ClientCertificate: "/c.pem", ClientKey: "/k.pem"}}, nil},
		{"a socket", map[string]string{o + "ENDPOINT": "unix:///run/otel.sock"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC,
				Endpoint: "unix:///run/otel.sock", Insecure: true}}, nil},
		{"a name to look up", map[string]string{o + "TRACES_ENDPOINT": "dns:///c.example:4317"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC,
				Endpoint: "dns:///c.example:4317"}}, nil},
		{"a name here", map[string]string{o + "ENDPOINT": "dns:///localhost:4317"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC,
				Endpoint: "dns:///localhost:4317", Insecure: true}}, nil},
		{"a socket over HTTP", map[string]string{o + "ENDPOINT": "unix:run.sock", o + "PROTOCOL": "http/protobuf"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC, Endpoint: "unix:run.sock",
				Insecure: true}}, []string{"PROTOCOL: the endpoint is a target of gRPC's own"}},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "K_SERVICE": "s"},
			ExporterConfig{OTLP: otlp.Config{Protocol: otlp.HTTP}}, nil},
		{"none beside others", map[string]string{"OTEL_TRACES_EXPORTER": "none,console"},
			ExporterConfig{Names: []string{"console"}, OTLP: otlp.Config{Protocol: otlp.HTTP}}, []string{"OTEL_TRACES_EXPORTER"}},
		{"unknown falls back to the default", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "K_SERVICE": "s"},
			ExporterConfig{Names: []string{"cloudtrace"}, OTLP: otlp.Config{Protocol: otlp.HTTP}}, []string{`"zipkin"`}},
		{"bad values", map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", o + "ENDPOINT": "ftp://c", o + "PROTOCOL": "http/json",
			o + "TIMEOUT": "5s", o + "COMPRESSION": "zstd",
			o + "HEADERS": "a=1,geheim,b=%zz,c d=1,x=l\u00fc", "CLOUD_TRACE_ENDPOINT": "http://",
		}, ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP, Timeout: 10 * time.Second,
			Headers: map[string]string{"a": "1"}}},
			[]string{"ENDPOINT is not an http or https URL", "PROTOCOL", "HEADERS: pair 2", "HEADERS: pair 3", "HEADERS: a name",
				"HEADERS: a name", "TIMEOUT", "COMPRESSION", "CLOUD_TRACE_ENDPOINT"}},
		{"bad traces endpoint, good general one", map[string]string{o + "TRACES_ENDPOINT": "ftp://c",
			o + "ENDPOINT": "http://d"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.HTTP,
				Endpoint: "http://d/v1/traces"}}, []string{"TRACES_ENDPOINT"}},
		{"bad insecure means TLS", map[string]string{o + "ENDPOINT": "c:4317", o + "INSECURE": "perhaps"},
			ExporterConfig{Names: []string{"otlp"}, OTLP: otlp.Config{Protocol: otlp.GRPC,
				Endpoint: "https://c:4317"}}, []string{"INSECURE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ExporterConfigFromEnv(envOf(tt.env))
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(console.Console{})); diff != "" {
				t.Errorf("config:\n%s", diff)
			}
			var lines []string
			if err != nil {
				lines = strings.Split(err.Error(), "\n")
			}
			if len(lines) != len(tt.errs) {
				t.Fatalf("errors: %q, want %d", lines, len(tt.errs))
			}
			for i, want := range tt.errs {
				if !strings.Contains(lines[i], want) {
					t.Errorf("error %q does not name %s", lines[i], want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error quotes a header: %v", err)
			}
		})
	}
}

// Every config the environment can make gives exporters, dead or alive: tracing never stops the function.
func FuzzExporterConfigFromEnv(f *testing.F) {
	f.Add("otlp,console", "http://c:4318", "a=b", "grpc", "100")
	f.Add("", "[::1", "=,%", "", "-1")
	f.Fuzz(func(t *testing.T, names, endpoint, headers, protocol, timeout string) {
		cfg, _ := ExporterConfigFromEnv(envOf(map[string]string{
			"OTEL_TRACES_EXPORTER": names, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": headers,
			"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_TIMEOUT": timeout, "CLOUD_TRACE_ENDPOINT": endpoint,
		}))
		for k, v := range cfg.OTLP.Headers {
			if !isHeaderName(k) || !isHeaderValue(v) {
				t.Errorf("header %q: %q", k, v)
			}
		}
		cfg.Names = []string{exporterOTLP, exporterCloudTrace}
		targets, _ := newExporters(t.Context(), cfg, nil)
		for _, x := range targets {
			_ = x.Exporter.Shutdown(t.Context())
		}
		if len(targets) != 2 && !otlp.IsTelemetryAPI(cfg.OTLP.Endpoint) {
			t.Errorf("%d exporters for %q %q", len(targets), cfg.OTLP.Endpoint, cfg.CloudTrace.Endpoint)
		}
	})
}

func TestNewExporters(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	cfg := ExporterConfig{
		Names:   []string{"otlp", "console", "cloudtrace", "nonsense"},
		Console: console.New(&strings.Builder{}, console.Config{}),
	}
	cfg.OTLP.Endpoint = "://"
	targets, err := newExporters(t.Context(), cfg, nil)
	var names []string
	for _, x := range targets {
		names = append(names, x.Name)
		_ = x.Exporter.Shutdown(t.Context())
	}
	if fmt.Sprint(names) != "[console cloudtrace]" {
		t.Errorf("usable: %v", names)
	}
	if err == nil || !strings.Contains(err.Error(), "otlp") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error: %v", err)
	}
	if targets, err := newExporters(t.Context(), ExporterConfig{}, nil); targets != nil || err != nil {
		t.Errorf("zero config: %v, %v", targets, err)
	}
}

// An endpoint that cannot be used is no wish for OTLP: the traces go where they would without it.
func TestUnusableEndpointLeavesTheDefaultExporter(t *testing.T) {
	for _, tt := range []struct{ service, want string }{{"svc", exporterCloudTrace}, {"", exporterConsole}} {
		env := map[string]string{"K_SERVICE": tt.service, "OTEL_EXPORTER_OTLP_ENDPOINT": "collector example:4317"}
		cfg, err := ExporterConfigFromEnv(func(name string) string { return env[name] })
		if len(cfg.Names) != 1 || cfg.Names[0] != tt.want {
			t.Errorf("K_SERVICE=%q: exporters %v, want %s", tt.service, cfg.Names, tt.want)
		}
		if err == nil || strings.Count(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") != 1 {
			t.Errorf("K_SERVICE=%q: error %v, want one that names the variable once", tt.service, err)
		}
	}
}
