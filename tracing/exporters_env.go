package tracing

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/gemini-agent/tracing/env"
	"example.com/gemini-agent/tracing/export"
	"example.com/gemini-agent/tracing/export/cloudtrace"
	"example.com/gemini-agent/tracing/export/otlp"
)

// ExporterConfigFromEnv reads where spans go. A bad value is named in the joined errors, never quoted when
// it may hold a secret, and replaced by the default, so the config is usable all the same.
//
//	OTEL_TRACES_EXPORTER     comma list of cloudtrace, otlp, console, none. Without it: otlp where an OTLP
//	                         endpoint is set (the more explicit wish, so it also wins on Cloud Run), else
//	                         cloudtrace where K_SERVICE is set, else console
//	GOOGLE_CLOUD_PROJECT     project for cloudtrace and the Telemetry API
//	CLOUD_TRACE_ENDPOINT     another address for cloudtrace; loopback means plaintext, no credentials
//	OTEL_EXPORTER_OTLP_*     as the OpenTelemetry specification has them, the _TRACES_ forms first:
//	                         ENDPOINT, HEADERS, PROTOCOL, TIMEOUT (ms), COMPRESSION, INSECURE, CERTIFICATE,
//	                         CLIENT_CERTIFICATE and CLIENT_KEY
//
// The protocol is http/protobuf unless set, as specified, except that an endpoint on port 4317 means gRPC:
// nothing else is served there. An endpoint without a scheme means TLS unless INSECURE says otherwise
// or the host is this machine. Over gRPC an endpoint may also be a target of gRPC's own, unix:PATH, unix:///PATH or
// dns:///HOST:PORT: plaintext on a socket, else TLS, unless INSECURE says otherwise. Of the protocols of the
// specification http/json is not spoken.
//
// The environment is read through getenv alone. The exporters here have no knowledge of the process's
// variables, so two apps of one process can differ (net/http and gRPC read the proxy variables).
func ExporterConfigFromEnv(getenv func(string) string) (ExporterConfig, error) {
	r := exporterEnv{env.NewReader(getenv)}
	cfg := ExporterConfig{
		Names:     r.names(getenv),
		ProjectID: r.String("GOOGLE_CLOUD_PROJECT"),
		OTLP:      r.otlp(),
	}
	const endpoint = "CLOUD_TRACE_ENDPOINT"
	if v := r.String(endpoint); v != "" {
		if _, _, err := cloudtrace.Address(v); err != nil {
			r.RejectSecret(endpoint, "host:port or a URL", "Google's")
		} else {
			cfg.CloudTrace.Endpoint = v
		}
	}
	return cfg, r.Err()
}

// exporterEnv reads the variables of the exporters.
type exporterEnv struct{ *env.Reader }

func (r exporterEnv) names(getenv func(string) string) []string {
	const variable = "OTEL_TRACES_EXPORTER"
	known := []string{exporterCloudTrace, exporterOTLP, exporterConsole, exporterNone}
	var names []string
	none := false
	for _, name := range r.List(variable) {
		switch name = strings.ToLower(name); {
		case name == exporterNone:
			none = true
		case !slices.Contains(known, name):
			r.Warn(variable, fmt.Sprintf("%q is not one of %s; it is left out", name, strings.Join(known, ", ")))
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	switch {
	case none && len(names) > 0:
		r.Warn(variable, "none beside other exporters is ignored")
		return names
	case none:
		return nil
	case len(names) > 0:
		return names
	}
	quiet := exporterEnv{env.NewReader(getenv)} // what is wrong with the endpoint is said once
	if usable, _ := quiet.otlpEndpoint(); usable != nil {
		return []string{exporterOTLP}
	}
	if r.String("K_SERVICE") != "" {
		return []string{exporterCloudTrace}
	}
	return []string{exporterConsole}
}

// otlpVar returns the variable for traces, or the general one, with its value.
func (r exporterEnv) otlpVar(suffix string) (name, value string) {
	return r.First("OTEL_EXPORTER_OTLP_TRACES_"+suffix, "OTEL_EXPORTER_OTLP_"+suffix)
}

func (r exporterEnv) otlp() otlp.Config {
	var cfg otlp.Config
	u, forTraces := r.otlpEndpoint()
	cfg.Protocol = r.otlpProtocol(u)
	switch {
	case u == nil:
	case otlp.IsGRPCTarget(u.String()):
		cfg.Endpoint, cfg.Protocol, cfg.Insecure = u.String(), otlp.GRPC, r.targetInsecure(u)
	default:
		if cfg.Protocol == otlp.HTTP && !forTraces {
			u = u.JoinPath(otlp.TracesPath)
		}
		cfg.Endpoint = u.String()
	}
	if name, v := r.otlpVar("HEADERS"); v != "" {
		cfg.Headers = r.otlpHeaders(name)
	}
	if name, v := r.otlpVar("TIMEOUT"); v != "" {
		const most = 10 * 60 * 1000
		def := int(export.DefaultTimeout / time.Millisecond)
		cfg.Timeout = time.Duration(r.Int(name, def, 1, most)) * time.Millisecond
	}
	name, _ := r.otlpVar("COMPRESSION")
	cfg.Compression = r.Enum(name, "", "none", "gzip")
	_, cfg.Certificate = r.otlpVar("CERTIFICATE")
	_, cfg.ClientCertificate = r.otlpVar("CLIENT_CERTIFICATE")
	_, cfg.ClientKey = r.otlpVar("CLIENT_KEY")
	return cfg
}

// otlpEndpoint returns the endpoint, nil when none is set or it is unusable, and whether it is the traces
// variable's, whose path is taken as it is.
func (r exporterEnv) otlpEndpoint() (u *url.URL, forTraces bool) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		v := r.String(name)
		if v == "" {
			continue
		}
		forTraces := strings.Contains(name, "TRACES")
		if otlp.IsGRPCTarget(v) {
			if u, err := url.Parse(v); err == nil && u.Path+u.Opaque != "" {
				return u, forTraces
			}
			r.RejectSecret(name, "a target of gRPC such as unix:///PATH or dns:///HOST:PORT", "")
			continue
		}
		bare := !strings.Contains(v, "://")
		if bare {
			v = "https://" + v
		}
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			r.RejectSecret(name, "an http or https URL, or host:port", "")
			continue
		}
		if bare && r.otlpInsecure(u.Hostname()) {
			u.Scheme = "http"
		}
		if forTraces && u.Path == "" {
			u.Path = "/"
		}
		return u, forTraces
	}
	return nil, false
}

// otlpInsecure decides on TLS for an endpoint without a scheme.
func (r exporterEnv) otlpInsecure(host string) bool {
	name, v := r.otlpVar("INSECURE")
	if v == "" {
		return export.IsLoopback(host)
	}
	return r.Bool(name, false)
}

// targetInsecure decides on TLS for a target of gRPC's own.
func (r exporterEnv) targetInsecure(u *url.URL) bool {
	name, v := r.otlpVar("INSECURE")
	if v == "" {
		host, _, err := net.SplitHostPort(strings.TrimPrefix(u.Path, "/"))
		return u.Scheme == "unix" || err == nil && export.IsLoopback(host)
	}
	return r.Bool(name, false)
}

func (r exporterEnv) otlpProtocol(u *url.URL) string {
	name, v := r.otlpVar("PROTOCOL")
	def, target := otlp.HTTP, u != nil && otlp.IsGRPCTarget(u.String())
	if target || u != nil && u.Port() == "4317" {
		def = otlp.GRPC
	}
	protocol := r.Enum(name, def, otlp.GRPC, otlp.HTTP)
	if target && protocol != otlp.GRPC {
		r.Warn(name, fmt.Sprintf("the endpoint is a target of gRPC's own; %q is ignored", v))
	}
	return protocol
}

// otlpHeaders reads key=value pairs. Values may be credentials, so complaints quote none.
func (r exporterEnv) otlpHeaders(name string) map[string]string {
	headers := map[string]string{}
	bad := func(pair int) {
		r.Warn(name, fmt.Sprintf("pair %d is no key=value with a percent-encoded value; it is left out", pair))
	}
	for key, value := range r.Pairs(name, bad) {
		if key = strings.ToLower(key); !isHeaderName(key) || !isHeaderValue(value) {
			r.Warn(name, "a name or value is not fit for a header; it is left out")
			continue
		}
		headers[key] = value
	}
	return headers
}

// isHeaderName reports whether s is good for HTTP and gRPC both.
func isHeaderName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "grpc-")
}

func isHeaderValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
