package function

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/cors"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/env"
)

// preflightFresh is how long a browser may keep the answer to a preflight.
const preflightFresh = time.Hour

// corsHandler lets pages of the origins in CORS_ALLOWED_ORIGINS call next and read its answers, errors too. It stands before
// everything else: a preflight is no invocation. Cookies and the browser's own logins are not let through; a page sends
// its token itself.
func corsHandler(settings *env.Reader, next http.Handler) http.Handler {
	origins := allowedOrigins(settings)
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{
			"Accept", "Authorization", "Content-Type", "X-Serverless-Authorization", "X-Correlation-ID", "X-Request-ID",
			"traceparent", "tracestate", "baggage", "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled",
			"X-B3-Flags", "X-Cloud-Trace-Context",
		},
		ExposedHeaders: []string{"X-Trace-ID", "X-Correlation-ID", "traceresponse", "Retry-After"},
		MaxAge:         int(preflightFresh.Seconds()),
	}).Handler(next)
}

// allowedOrigins are the usable entries of CORS_ALLOWED_ORIGINS, as browsers write them; each other one is a warning.
func allowedOrigins(settings *env.Reader) []string {
	var origins []string
	for _, entry := range settings.List("CORS_ALLOWED_ORIGINS") {
		origin, ok := parseOrigin(entry)
		if !ok {
			settings.Warn("CORS_ALLOWED_ORIGINS", "an entry is neither an origin such as https://app.example.com nor *; it is left out")
			continue
		}
		origins = append(origins, origin)
	}
	return origins
}

// parseOrigin makes an entry what a browser sends as Origin: in lower case, without a slash at its end and without the
// scheme's own port. Parts of names (*.example.com) and null, which any page can be, are none.
func parseOrigin(entry string) (string, bool) {
	if entry == "*" {
		return entry, true
	}
	entry = strings.ToLower(entry)
	u, err := remote.Address(entry)
	if err != nil || !validHost(u.Hostname()) || strings.HasSuffix(u.Host, ":") || strings.TrimSuffix(entry, "/") != u.Scheme+"://"+u.Host {
		return "", false
	}
	host := strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	return u.Scheme + "://" + host, true
}

// validHost reports whether a browser can write a host like this: an address, or a name of letters, digits, - and dots.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && !strings.HasPrefix(host, ".")
}
