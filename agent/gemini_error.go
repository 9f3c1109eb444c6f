package agent

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

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

// failure judges the error of the given attempt. The private cause it keeps is a text of its own.
func (g *Gemini) failure(err error, attempt int, req *Request) failure {
	if r, ok := errors.AsType[*refusal](err); ok {
		return g.refused(r, attempt, req)
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
	if errors.Is(err, remote.ErrTooLarge) {
		return failure{err: g.errorf(KindModel, "too_large", fmt.Errorf("the answer is larger than %d MiB", maxGeminiReply>>20),
			"The model's service sent more than can be taken. Ask for less.")}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return failure{retry: true, err: g.errorf(KindModel, "unreachable", remote.Cause(e),
			"The model's service could not be reached%s. Try again later.", attempts(attempt))}
	}
	// What is left is a body that broke off or is not what it should be.
	cause := errors.New("the body is not a valid answer")
	if !errors.Is(err, errBadShape) {
		cause = errors.New("the body broke off")
	}
	return failure{retry: true, err: g.errorf(KindModel, "bad_response", cause,
		"The model's service sent an answer that cannot be read%s. Try again later.", attempts(attempt))}
}

// refused judges an answer with another status than 200. The status decides; what the service says beside it makes the
// texts, and says whether trying again is of use.
func (g *Gemini) refused(r *refusal, attempt int, req *Request) failure {
	now := time.Now()
	x := explain(r, now)
	f := failure{wait: x.wait}
	kind, text := KindModel, ""
	switch code := r.status; {
	case code == 429:
		kind, f.retry, text = KindQuota, true, "The model's quota is spent. Try again later."
		if why, wait := x.lasting(now); why != "" {
			f.retry, text, f.wait = false, why, max(wait, x.wait)
		}
	case code >= 300 && code < 400:
		text = fmt.Sprintf("The model's service answered with a redirect (%d), which is not followed; check %s.", code, g.baseVariable)
	case code == 408, code == 500, code == 502, code == 503, code == 504:
		f.retry = true
		text = fmt.Sprintf("The model's service failed with %d%s. Try again later.", code, attempts(attempt))
	default:
		text = g.advice(code, &x, req)
	}
	f.err = g.errorf(kind, strconv.Itoa(r.status), errors.New(x.cause(r.status, req)), "%s", text)
	if kind == KindQuota {
		f.err.RetryAfter = f.wait
	}
	return f
}

// advice says what to do about a refusal that trying again does not mend.
func (g *Gemini) advice(code int, x *explained, req *Request) string {
	api := "generativelanguage.googleapis.com"
	if g.vertex {
		api = "aiplatform.googleapis.com"
	}
	if x.service != "" {
		api = x.service
	}
	message := strings.ToLower(x.message)
	switch {
	case x.reason == "SERVICE_DISABLED", strings.Contains(message, "it is disabled"):
		return fmt.Sprintf("The API %s is not enabled in the project. Run gcloud services enable %s, wait some minutes and "+
			"try again.", api, api)
	case x.reason == "BILLING_DISABLED", strings.Contains(message, "billing to be enabled"):
		return "Billing is not enabled for the project. Link a billing account to it and try again."
	case x.reason == "API_KEY_SERVICE_BLOCKED":
		return fmt.Sprintf("The key is not allowed for %s. Change its API restrictions, or set another %s.", api, g.credentials())
	case strings.HasPrefix(x.reason, "API_KEY_") && strings.HasSuffix(x.reason, "_BLOCKED"):
		return fmt.Sprintf("The key is not allowed from here. Change its application restrictions, or set another %s.", g.credentials())
	case x.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
		return "The credentials lack the scope https://www.googleapis.com/auth/cloud-platform."
	case strings.Contains(message, "user location is not supported"), strings.Contains(message, "not available in your country"):
		return "The model's service is not open to this region. Run elsewhere, or use Vertex AI with another GOOGLE_CLOUD_LOCATION."
	case code == 401, code == 403, x.reason == "API_KEY_INVALID", code == 400 && strings.Contains(x.message, "API key"):
		return fmt.Sprintf("The model's service refused our credentials (check %s).", g.credentials())
	case code == 404 && g.vertex:
		return fmt.Sprintf("The model %q does not exist or is not open to us in this location; check GEMINI_MODEL and "+
			"GOOGLE_CLOUD_LOCATION.", g.cfg.Model)
	case code == 404:
		return fmt.Sprintf("The model %q does not exist or is not open to us; check GEMINI_MODEL.", g.cfg.Model)
	case code == 413, strings.Contains(message, "exceeds the maximum number of tokens"):
		return fmt.Sprintf("The model's service refused the request with %d: it is too large. Make the task smaller.", code)
	}
	if t := x.tool(req.Tools); t != nil {
		return fmt.Sprintf("The model's service refused the declaration of the tool %s with %d. Change its parameters, or leave "+
			"it out.", t.label(), code)
	}
	return fmt.Sprintf("The model's service refused the request with %d.", code)
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
	return errors.New(redact.Bytes(text, 900))
}

// attempts says how often it was tried, for a message; nothing for once.
func attempts(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" after %d attempts", n)
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
