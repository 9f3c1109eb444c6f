package googleauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
)

// Credentials finds the application default credentials when the first export needs them, not before:
// looking for them reads files and may ask the metadata server. A failure is remembered for a growing
// while, then looked into again, so a credential that comes late is found. It is a gRPC
// PerRPCCredentials. Safe for concurrent use.
type Credentials struct {
	quotaProject string // billed project for user credentials that name none; "": theirs
	Detect       func() (*auth.Credentials, error)
	now          func() time.Time
	warming      atomic.Bool

	mu       sync.Mutex
	creds    *auth.Credentials
	err      error
	failures int
	retryAt  time.Time
	looking  chan struct{} // closed when the search under way is over; nil: none
}

const cloudPlatformScope = "https://www.googleapis.com/auth/cloud-platform"

// New looks for nothing yet. quotaProject is billed for user credentials that name no project; "": theirs.
func New(quotaProject string) *Credentials {
	return &Credentials{quotaProject: quotaProject, now: time.Now, Detect: func() (*auth.Credentials, error) {
		return credentials.DetectDefault(&credentials.DetectOptions{
			Scopes: []string{cloudPlatformScope},
			// A refresh in the background would run into the frozen CPU between two requests.
			DisableAsyncRefresh: true,
		})
	}}
}

// RequireTransportSecurity keeps tokens off plaintext connections.
func (g *Credentials) RequireTransportSecurity() bool { return true }

// GetRequestMetadata returns the headers that authenticate a request, and the quota project's.
func (g *Credentials) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	creds, err := g.credentials(ctx)
	if err != nil {
		return nil, err
	}
	tok, err := creds.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting a Google access token: %w", err)
	}
	typ := tok.Type
	if typ == "" || strings.EqualFold(typ, "bearer") {
		typ = "Bearer"
	}
	md := map[string]string{"authorization": typ + " " + tok.Value}
	if p := g.quota(ctx, creds); p != "" {
		md["x-goog-user-project"] = p
	}
	return md, nil
}

// quota returns the project to bill. Google needs one with a user's credentials. A service account has
// its own, impersonated ones too; naming one would demand a further permission of it, so none is sent unless the
// environment or the credential file names it.
func (g *Credentials) quota(ctx context.Context, creds *auth.Credentials) string {
	if p, err := creds.QuotaProjectID(ctx); err == nil && p != "" {
		return p
	}
	var file struct {
		Type             string `json:"type"`
		WorkforceProject string `json:"workforce_pool_user_project"`
	}
	if json.Unmarshal(creds.JSON(), &file) != nil { // none, from the metadata server
		return ""
	}
	switch file.Type {
	case "authorized_user", "external_account_authorized_user":
		return cmp.Or(file.WorkforceProject, g.quotaProject)
	case "external_account":
		return file.WorkforceProject // people of a workforce pool have one; workloads need none
	}
	return ""
}

// ProjectID returns the project of the credentials, "" when there is none.
func (g *Credentials) ProjectID(ctx context.Context) string {
	creds, err := g.credentials(ctx)
	if err != nil {
		return ""
	}
	p, err := creds.ProjectID(ctx)
	if err != nil {
		return ""
	}
	return p
}

// warmTimeout bounds the look-up that nobody waits for.
const warmTimeout = 10 * time.Second

// Warm gets the credentials and a valid token in the background.
func (g *Credentials) Warm() {
	if !g.warming.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer g.warming.Store(false)
		ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
		defer cancel()
		_, _ = g.GetRequestMetadata(ctx) // the export will meet the same error and report it
	}()
}

// credentials returns the credentials, looking for them when they are not known. The search itself cannot
// be cancelled, so it runs beside the callers, who wait for it as long as they like.
func (g *Credentials) credentials(ctx context.Context) (*auth.Credentials, error) {
	g.mu.Lock()
	if g.creds != nil {
		defer g.mu.Unlock()
		return g.creds, nil
	}
	if g.looking == nil {
		if g.err != nil && g.now().Before(g.retryAt) {
			defer g.mu.Unlock()
			return nil, g.err
		}
		g.looking = make(chan struct{})
		go g.look(g.looking)
	}
	looking := g.looking
	g.mu.Unlock()

	select {
	case <-looking:
	case <-ctx.Done():
		return nil, fmt.Errorf("looking for Google credentials: %w", ctx.Err())
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.creds, g.err
}

func (g *Credentials) look(done chan struct{}) {
	creds, err := g.Detect()
	if err == nil && creds == nil {
		err = errors.New("none found")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failures++
		g.creds, g.err = nil, fmt.Errorf("looking for Google credentials: %w", err)
		g.retryAt = g.now().Add(min(time.Second<<min(g.failures-1, 10), 30*time.Second))
	} else {
		g.creds, g.err = creds, nil
	}
	g.looking = nil
	close(done)
}
