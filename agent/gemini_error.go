package agent

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genai"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/googleauth"
	"example.com/gemini-agent/tracing/redact"
)

// failure is what a failed attempt means.
type failure struct {
	err   *Error
	retry bool
	wait  time.Duration // asked for by the service; 0: not said
}

// failure judges the error of the given attempt. The private cause it keeps is a text of its own: errors of the SDK
// print request and response bodies.
func (g *Gemini) failure(err error, attempt int) failure {
	if api, ok := errors.AsType[genai.APIError](err); ok {
		return g.answered(api, attempt)
	}
	if ce, ok := errors.AsType[*credentialsError](err); ok {
		if _, missing := errors.AsType[*googleauth.LookupError](ce); missing {
			return failure{err: g.errorf(KindNotConfigured, "not_configured", tokenCause(ce),
				"No Google credentials were found. Set GOOGLE_APPLICATION_CREDENTIALS, or run "+
					"gcloud auth application-default login.")}
		}
		return failure{retry: true, err: g.errorf(KindModel, "credentials", tokenCause(ce),
			"No access token for Vertex AI could be had. Check the service account.")}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return failure{retry: true, err: g.errorf(KindModel, "unreachable", remote.Cause(e),
			"The model's service could not be reached%s. Try again later.", attempts(attempt))}
	}
	// What is left is a body that broke off or is not what it should be.
	cause := errors.New("the body is not a valid answer")
	if errors.Is(err, io.ErrUnexpectedEOF) {
		cause = errors.New("the body broke off")
	}
	return failure{retry: true, err: g.errorf(KindModel, "bad_response", cause,
		"The model's service sent an answer that cannot be read%s. Try again later.", attempts(attempt))}
}

// answered judges an error that the service itself sent.
func (g *Gemini) answered(api genai.APIError, attempt int) failure {
	f := failure{wait: retryDelay(api.Details)}
	reason := strconv.Itoa(api.Code)
	// Its message stays behind: it may repeat the request, or anything else.
	cause := errors.New(strings.TrimSpace(fmt.Sprintf("the service answered %d %s", api.Code, statusName(api.Status))))
	switch {
	case api.Code == 429:
		f.retry = true
		f.err = g.errorf(KindQuota, reason, cause, "The model's quota is spent. Try again later.")
		f.err.RetryAfter = f.wait
	case api.Code == 401, api.Code == 403, refusesKey(api):
		f.err = g.errorf(KindModel, reason, cause, "The model's service refused our credentials (check %s).", g.credentials())
	case api.Code == 404:
		f.err = g.errorf(KindModel, reason, cause,
			"The model %q does not exist or is not open to us; check GEMINI_MODEL.", g.cfg.Model)
	case api.Code == 408, api.Code == 500, api.Code == 502, api.Code == 503, api.Code == 504:
		f.retry = true
		f.err = g.errorf(KindModel, reason, cause,
			"The model's service failed with %d%s. Try again later.", api.Code, attempts(attempt))
	default:
		f.err = g.errorf(KindModel, reason, cause, "The model's service refused the request with %d.", api.Code)
	}
	return f
}

// credentials names the settings that the service may have refused.
func (g *Gemini) credentials() string {
	switch {
	case !g.vertex:
		return "GEMINI_API_KEY"
	case g.key != "":
		return "GOOGLE_API_KEY"
	}
	return "GOOGLE_CLOUD_PROJECT and the role roles/aiplatform.user of the service account"
}

// errorf returns an Error with a scrubbed, short cause.
func (g *Gemini) errorf(kind ErrorKind, reason string, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Err: g.scrub(cause), Message: fmt.Sprintf(format, args...)}
}

// scrub returns the text of err without the key and without line breaks, as an error of its own: the original stays
// behind.
func (g *Gemini) scrub(err error) error {
	text := err.Error()
	if g.key != "" {
		text = strings.ReplaceAll(text, g.key, "[REDACTED]")
	}
	text = strings.Join(strings.Fields(redact.Text(text)), " ")
	return errors.New(redact.Bytes(text, 300))
}

// attempts says how often it was tried, for a message; nothing for once.
func attempts(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" after %d attempts", n)
}

// refusesKey reports a bad key, which the Gemini API answers with 400.
func refusesKey(api genai.APIError) bool {
	for _, d := range api.Details {
		if d["reason"] == "API_KEY_INVALID" {
			return true
		}
	}
	return api.Code == 400 && strings.Contains(api.Message, "API key")
}

// retryDelay returns the time that a google.rpc.RetryInfo among the details asks to wait; 0: none.
func retryDelay(details []map[string]any) time.Duration {
	for _, d := range details {
		if t, _ := d["@type"].(string); !strings.HasSuffix(t, "google.rpc.RetryInfo") {
			continue
		}
		s, _ := d["retryDelay"].(string)
		if wait, err := time.ParseDuration(s); err == nil && wait > 0 {
			return wait
		}
	}
	return 0
}

// statusName returns s if it has the shape of a status or code name such as RESOURCE_EXHAUSTED, else "": the place
// of a name may hold anything in an answer that is not what it should be.
func statusName(s string) string {
	for _, c := range s {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return redact.Bytes(s, 64)
}
