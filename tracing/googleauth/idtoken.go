package googleauth

import (
	"context"
	"sync"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials/idtoken"
	"golang.org/x/sync/singleflight"
)

// IDTokens returns a source of Google ID tokens from the application default credentials: the metadata server on Google
// Cloud, a service account key, or an impersonated service account. The credentials of an audience are looked up at its
// first token, and cache and refresh it themselves; a search that failed, which is a *LookupError, is made again at the
// next call. A caller waits no longer than its context lives, and its leaving does not fail the others.
func IDTokens() func(ctx context.Context, audience string) (string, error) {
	return (&idTokens{creds: map[string]*auth.Credentials{}}).token
}

type idTokens struct {
	flight singleflight.Group // one a time for each audience

	mu    sync.Mutex
	creds map[string]*auth.Credentials // by audience
}

func (s *idTokens) token(ctx context.Context, audience string) (string, error) {
	done := s.flight.DoChan(audience, func() (any, error) {
		creds, err := s.credentials(audience)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), tokenLimit)
		defer cancel()
		token, err := creds.Token(ctx)
		if err != nil {
			return nil, err
		}
		return token.Value, nil
	})
	select {
	case res := <-done:
		if res.Err != nil {
			return "", res.Err
		}
		return res.Val.(string), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *idTokens) credentials(audience string) (*auth.Credentials, error) {
	s.mu.Lock()
	creds := s.creds[audience]
	s.mu.Unlock()
	if creds != nil {
		return creds, nil
	}
	creds, err := idtoken.NewCredentials(&idtoken.Options{Audience: audience})
	if err != nil {
		return nil, &LookupError{err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.creds[audience] = creds
	return creds, nil
}
