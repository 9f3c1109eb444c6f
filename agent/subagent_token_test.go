package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSubAgentTokenGoesToHTTPSOnly(t *testing.T) {
	tests := []struct {
		name, auth string
		tls        bool
		want       string
	}{
		{"http", "", false, ""},
		{"https", "", true, "Bearer tok"},
		{"https, idtoken", "idtoken", true, "Bearer tok"},
		{"https, none", "none", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			var got, audience string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				respond(200, "application/json", `{}`)(w, r)
			}))
			if server.Start(); tt.tls {
				server.Close()
				server = httptest.NewTLSServer(server.Config.Handler)
			}
			t.Cleanup(server.Close)
			s := newSubAgent(t, SubAgentConfig{URL: server.URL + "/fn/", Auth: tt.auth, HTTPClient: server.Client(),
				Token: func(_ context.Context, aud string) (string, error) { audience = aud; return "tok", nil }})
			if _, err := s.Execute(t.Context(), []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("Authorization = %q, want %q", got, tt.want)
			}
			if tt.want != "" && audience != server.URL+"/fn" {
				t.Errorf("audience = %q, want %q", audience, server.URL+"/fn")
			}
		})
	}
}

func TestSubAgentWithoutTokenSaysWhatToSet(t *testing.T) {
	// A gcloud user login: credentials that cannot make ID tokens.
	file := filepath.Join(t.TempDir(), "adc.json")
	login := `{"type":"authorized_user","client_id":"id","client_secret":"hunter2","refresh_token":"hunter2"}`
	if err := os.WriteFile(file, []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	s := newSubAgent(t, SubAgentConfig{URL: "https://127.0.0.1:1"})
	_, err := s.Execute(t.Context(), []byte(`{}`))
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindNotConfigured || !strings.Contains(e.Message, "SUB_AGENT_AUTH") {
		t.Errorf("Execute = %v, want KindNotConfigured naming SUB_AGENT_AUTH", err)
	}
	if strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("the error shows the secret: %v", err)
	}
}

func TestSubAgentTokenWaitsNoLongerThanTheCaller(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	s := newSubAgent(t, SubAgentConfig{URL: "https://127.0.0.1:1", Timeout: 10 * time.Millisecond,
		Token: func(ctx context.Context, _ string) (string, error) {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-release:
				return "", nil
			}
		}})
	_, err := s.Execute(t.Context(), []byte(`{}`))
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindTimeout {
		t.Errorf("Execute = %v, want KindTimeout", err)
	}
}
