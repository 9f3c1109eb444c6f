package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
//	                         ENDPOINT, HEADERS, PROTOCOL, TIMEOUT (ms), COMPRESSION, CERTIFICATE, INSECURE
//
// The protocol is http/protobuf unless set, as specified, except that an endpoint on port 4317 means gRPC:
// nothing else is served there. An endpoint without a scheme means TLS unless INSECURE says otherwise
// or the host is this machine.
//
// The environment is read through getenv alone. The exporters here have no knowledge of the process's
// variables, so two apps of one process can differ (net/http and gRPC read the proxy variables).
func ExporterConfigFromEnv(getenv func(string) string) (ExporterConfig, error) {
	env := &exporterEnv{getenv: getenv}
	cfg := ExporterConfig{
		Names:     env.names(),
		ProjectID: strings.TrimSpace(getenv("GOOGLE_CLOUD_PROJECT")),
		OTLP:      env.otlp(),
	}
	if v := strings.TrimSpace(getenv("CLOUD_TRACE_ENDPOINT")); v != "" {
		if _, _, err := cloudtrace.Address(v); err != nil {
			env.bad("CLOUD_TRACE_ENDPOINT", err.Error())
		} else {
			cfg.CloudTrace.Endpoint = v
		}
	}
	return cfg, errors.Join(env.errs...)
}

// exporterEnv reads variables and gathers what is wrong with them.
type exporterEnv struct {
	getenv func(string) string
	errs   []error
}

func (e *exporterEnv) bad(name, why string) {
	e.errs = append(e.errs, fmt.Errorf("reading %s: %s; ignored", name, why))
}

func (e *exporterEnv) names() []string {
	var names []string
	none := false
	for item := range strings.SplitSeq(e.getenv("OTEL_TRACES_EXPORTER"), ",") {
		switch name := strings.ToLower(strings.TrimSpace(item)); name {
		case "":
		case exporterNone:
			none = true
		case exporterCloudTrace, exporterOTLP, exporterConsole:
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		default:
			e.bad("OTEL_TRACES_EXPORTER", fmt.Sprintf("%q is none of cloudtrace, otlp, console, none", name))
		}
	}
	switch {
	case none && len(names) > 0:
		e.bad("OTEL_TRACES_EXPORTER", "none beside other exporters is ignored")
		return names
	case none:
		return nil
	case len(names) > 0:
		return names
	}
	if usable, _ := (&exporterEnv{getenv: e.getenv}).otlpEndpoint(); usable != nil {
		return []string{exporterOTLP}
	}
	if e.getenv("K_SERVICE") != "" {
		return []string{exporterCloudTrace}
	}
	return []string{exporterConsole}
}

// otlpVar returns the variable for traces, or the general one, with its name.
func (e *exporterEnv) otlpVar(suffix string) (name, value string) {
	name = "OTEL_EXPORTER_OTLP_TRACES_" + suffix
	if v := strings.TrimSpace(e.getenv(name)); v != "" {
		return name, v
	}
	name = "OTEL_EXPORTER_OTLP_" + suffix
	return name, strings.TrimSpace(e.getenv(name))
}

func (e *exporterEnv) otlp() otlp.Config {
	var cfg otlp.Config
	u, forTraces := e.otlpEndpoint()
	cfg.Protocol = e.otlpProtocol(u)
	if u != nil {
		if cfg.Protocol == otlp.HTTP && !forTraces {
			u = u.JoinPath(otlp.TracesPath)
		}
		cfg.Endpoint = u.String()
	}
	if name, v := e.otlpVar("HEADERS"); v != "" {
		cfg.Headers = e.otlpHeaders(name, v)
	}
	if name, v := e.otlpVar("TIMEOUT"); v != "" {
		const most = 10 * 60 * 1000
		if ms, err := strconv.Atoi(v); err != nil || ms <= 0 || ms > most {
			e.bad(name, fmt.Sprintf("want milliseconds, 1 to %d", most))
		} else {
			cfg.Timeout = time.Duration(ms) * time.Millisecond
		}
	}
	switch name, v := e.otlpVar("COMPRESSION"); strings.ToLower(v) {
	case "", "none", "gzip":
		cfg.Compression = strings.ToLower(v)
	default:
		e.bad(name, "want gzip or none")
	}
	_, cfg.Certificate = e.otlpVar("CERTIFICATE")
	return cfg
}

// otlpEndpoint returns the endpoint, nil when none is set or it is unusable, and whether it is the traces
// variable's, whose path is taken as it is.
func (e *exporterEnv) otlpEndpoint() (u *url.URL, forTraces bool) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		v := strings.TrimSpace(e.getenv(name))
		if v == "" {
			continue
		}
		forTraces := strings.Contains(name, "TRACES")
		bare := !strings.Contains(v, "://")
		if bare {
			v = "https://" + v
		}
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			e.bad(name, "want an http or https URL, or host:port")
			continue
		}
		if bare && e.otlpInsecure(u.Hostname()) {
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
func (e *exporterEnv) otlpInsecure(host string) bool {
	switch name, v := e.otlpVar("INSECURE"); strings.ToLower(v) {
	case "":
		return export.IsLoopback(host)
	case "true":
		return true
	case "false":
		return false
	default:
		e.bad(name, "want true or false")
		return false
	}
}

func (e *exporterEnv) otlpProtocol(u *url.URL) string {
	switch name, v := e.otlpVar("PROTOCOL"); strings.ToLower(v) {
	case otlp.GRPC, otlp.HTTP:
		return strings.ToLower(v)
	case "":
	default:
		e.bad(name, "want grpc or http/protobuf")
	}
	if u != nil && u.Port() == "4317" {
		return otlp.GRPC
	}
	return otlp.HTTP
}

// otlpHeaders reads key=value pairs, separated by commas, values percent-encoded (the form of W3C
// baggage). Values may be credentials, so errors give a pair's number only.
func (e *exporterEnv) otlpHeaders(name, list string) map[string]string {
	headers := map[string]string{}
	n := 0
	for pair := range strings.SplitSeq(list, ",") {
		n++
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || !isHeaderName(key) || !isHeaderValue(value) {
			e.bad(name, fmt.Sprintf("pair %d is no key=value with a percent-encoded value; it is left out", n))
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
