package otlp

import (
	"net/url"
	"strings"

	"example.com/gemini-agent/tracing/googleauth"
)

// telemetryHost is Google's OTLP endpoint, the Telemetry API. It takes gRPC (port 443) and HTTP
// (/v1/traces), wants application default credentials, gcp.project_id on the resource and, with a
// user's credentials, the project to bill.
const telemetryHost = "telemetry.googleapis.com"

// telemetryMaxAttributes is the API's limit of attributes per ResourceSpans, over all its spans; a
// request of this program has one ResourceSpans.
const telemetryMaxAttributes = 8192

// IsTelemetryAPI reports whether endpoint is the Telemetry API, regional hosts included.
func IsTelemetryAPI(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return host == telemetryHost || strings.HasSuffix(host, "."+telemetryHost) ||
		strings.HasPrefix(host, "telemetry.") && strings.HasSuffix(host, ".rep.googleapis.com")
}

// NewTelemetry is newOTLPExporter with what the Telemetry API asks for on top. project may be
// empty: the credentials' project is taken then.
func NewTelemetry(cfg Config, project string, auth *googleauth.Credentials) (*Exporter, error) {
	x, err := New(cfg, auth)
	if x != nil {
		x.project, x.maxAttributes = project, telemetryMaxAttributes
	}
	return x, err
}
