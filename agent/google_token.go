package agent

import (
	"errors"
	"net/http"
	"strconv"

	"cloud.google.com/go/auth"

	"example.com/gemini-agent/agent/remote"
	"example.com/gemini-agent/tracing/googleauth"
)

// credentialsTransport adds an access token to requests. It stands outside the tracing transport, so that fetching a
// token is no part of an attempt's span. The credentials are looked for at the first request, which keeps the start free
// of the metadata server.
type credentialsTransport struct {
	base        http.RoundTripper // nil: http.DefaultTransport
	credentials *googleauth.Credentials
}

// credentialsError says that there is no token.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// RoundTrip sends req with a token, for which it waits as long as the request's context lives. The error is a
// *credentialsError when there is none.
func (t *credentialsTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	headers, err := t.credentials.GetRequestMetadata(req.Context())
	if err != nil {
		if req.Body != nil {
			req.Body.Close() // a RoundTripper promises it also when nothing is sent
		}
		return nil, &credentialsError{err}
	}
	req = req.Clone(req.Context()) // a RoundTripper must not change the request
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(req)
}

// CloseIdleConnections lets http.Client reach base.
func (t *credentialsTransport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// tokenCause says in our own words why there is no token: the token service's answers may hold anything.
func tokenCause(err error) error {
	if answer := (*auth.Error)(nil); errors.As(err, &answer) && answer.Response != nil {
		return errors.New("the token service answered " + strconv.Itoa(answer.Response.StatusCode))
	}
	if cause := remote.Cause(err); cause != remote.ErrNoAnswer {
		return cause
	}
	return errors.New("no usable credentials")
}
