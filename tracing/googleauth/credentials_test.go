package googleauth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"
)

// slowTokens hangs like a token service that does not answer.
type slowTokens time.Duration

func (d slowTokens) Token(ctx context.Context) (*auth.Token, error) {
	select {
	case <-time.After(time.Duration(d)):
		return &auth.Token{Value: "late", Expiry: time.Now().Add(time.Hour)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Whatever hangs, the search or the token service: each caller waits for as long as its own context lives, one after
// the other or together, and who waits longer gets what came.
func TestWaitingIsBoundedByEachCallersContext(t *testing.T) {
	for name, set := range map[string]func(*Credentials){
		"the search hangs": func(g *Credentials) {
			g.Detect = func() (*auth.Credentials, error) {
				time.Sleep(3 * time.Second)
				return auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: slowTokens(0)}), nil
			}
		},
		"the token service hangs": func(g *Credentials) {
			creds := auth.NewCredentials(&auth.CredentialsOptions{
				TokenProvider: auth.NewCachedTokenProvider(slowTokens(3*time.Second), nil),
			})
			g.Detect = func() (*auth.Credentials, error) { return creds, nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New("")
				set(g)
				begin := time.Now()
				patient := make(chan error, 1)
				go func() {
					_, err := g.GetRequestMetadata(t.Context())
					patient <- err
				}()
				for range 2 {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					if _, err := g.GetRequestMetadata(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the impatient caller got %v", err)
					}
					cancel()
				}
				if waited := time.Since(begin); waited != 200*time.Millisecond {
					t.Errorf("two callers with 100 ms each waited %v", waited)
				}
				if err := <-patient; err != nil || time.Since(begin) != 3*time.Second {
					t.Errorf("the patient caller got %v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

func TestNoCredentialsIsALookupError(t *testing.T) {
	g := New("")
	g.Detect = func() (*auth.Credentials, error) { return nil, errors.New("none here") }
	_, err := g.GetRequestMetadata(t.Context())
	if _, ok := errors.AsType[*LookupError](err); !ok {
		t.Errorf("got %v (%T), want a *LookupError", err, err)
	}
}
