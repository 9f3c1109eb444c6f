package agent

import (
	"context"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials/idtoken"
	"golang.org/x/sync/singleflight"
)

// tokenLimit bounds looking up credentials and fetching a token; the metadata probe alone may take seconds.
const tokenLimit = 20 * time.Second

// googleIDToken returns a source of Google ID tokens from application default credentials: the metadata server on
// Google Cloud, a service account key, or an impersonated service account. The credentials are looked up once, at the
// first call, and cache and refresh their token themselves; a failed lookup is tried again at the next call.
func googleIDToken() func(ctx context.Context, audience string) (string, error) {
	var (
		flight singleflight.Group
		creds  *auth.Credentials // guarded by flight: one lookup at a time, and only one audience a source
	)
	return func(ctx context.Context, audience string) (string, error) {
		// Neither the lookup nor the library's lock inside Token obeys ctx, and one caller's cancellation must not fail
		// the others that wait for the same token: so it runs apart from any request.
		done := flight.DoChan(audience, func() (any, error) {
			if creds == nil {
				found, err := idtoken.NewCredentials(&idtoken.Options{Audience: audience})
				if err != nil {
					return nil, err
				}
				creds = found
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
}
