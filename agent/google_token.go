package agent

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// withCredentials returns a copy of client that signs its requests with the application default credentials. They are
// looked for at the first request, which keeps the start free of the metadata server; a look-up that failed is tried
// again with the next request.
func withCredentials(client *http.Client) *http.Client {
	signed := *client
	signed.Transport = &credentialsTransport{
		base: client.Transport,
		find: func() (*auth.Credentials, error) {
			return credentials.DetectDefault(&credentials.DetectOptions{
				Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"},
			})
		},
	}
	return &signed
}

// credentialsTransport adds an access token to requests. It stands outside the tracing transport, so that fetching a
// token is no part of an attempt's span.
type credentialsTransport struct {
	base http.RoundTripper // nil: http.DefaultTransport
	find func() (*auth.Credentials, error)

	mu    sync.Mutex
	creds *auth.Credentials
	quota string // project to be billed, for credentials of a person
}

// credentialsError says that there is no token. missing: no credentials were found at all.
type credentialsError struct {
	missing bool
	err     error
}

func (e *credentialsError) Error() string { return e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

// RoundTrip sends req with a token. The error is a *credentialsError when there is none.
func (t *credentialsTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	creds, quota, err := t.load(req.Context())
	if err != nil {
		closeBody(req)
		return nil, &credentialsError{missing: true, err: fmt.Errorf("looking for credentials: %w", err)}
	}
	token, err := creds.Token(req.Context())
	if err != nil {
		closeBody(req)
		return nil, &credentialsError{err: fmt.Errorf("fetching an access token: %w", err)}
	}
	req = req.Clone(req.Context()) // a RoundTripper must not change the request
	kind := token.Type
	if kind == "" {
		kind = "Bearer"
	}
	req.Header.Set("Authorization", kind+" "+token.Value)
	if quota != "" {
		req.Header.Set("X-Goog-User-Project", quota)
	}
	base := t.base
	if base == nil {
		base = http.DefaultTransport
	}
	return base.RoundTrip(req)
}

func (t *credentialsTransport) load(ctx context.Context) (*auth.Credentials, string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.creds != nil {
		return t.creds, t.quota, nil
	}
	creds, err := t.find()
	if err != nil {
		return nil, "", err
	}
	quota, err := creds.QuotaProjectID(ctx)
	if err != nil {
		return nil, "", err
	}
	t.creds, t.quota = creds, quota
	return creds, quota, nil
}

// closeBody keeps the promise of a RoundTripper to close the body also when nothing is sent.
func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
