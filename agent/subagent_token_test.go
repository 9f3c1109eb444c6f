package agent

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// TestGoogleIDTokenIsFetchedOnce runs the real credentials library against a token endpoint on loopback.
func TestGoogleIDTokenIsFetchedOnce(t *testing.T) {
	var fetched atomic.Int32
	endpoint := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())
		// header.claims.signature, as the library reads the expiry from the claims
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
		respond(200, "application/json", fmt.Sprintf(`{"id_token":%q}`, token))(w, r)
	})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	account, _ := json.Marshal(map[string]string{"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com",
		"private_key_id": "k", "private_key": string(pemKey), "token_uri": endpoint.URL})
	file := filepath.Join(t.TempDir(), "adc.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	source := googleIDToken()
	first, err := source(t.Context(), "https://sub.example")
	if err != nil {
		t.Fatal(err)
	}
	second, err := source(t.Context(), "https://sub.example")
	if err != nil || first == "" || first != second {
		t.Fatalf("tokens %q and %q, %v", first, second, err)
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the token was fetched %d times, want once", n)
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
