package agent

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/auth"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/tracing/googleauth"
)

var vertex = map[string]string{"GEMINI_API_KEY": "", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}

// signed makes the requests of a Gemini on Vertex AI carry the token of what detect finds.
func signed(g *Gemini, base http.RoundTripper, detect func() (*auth.Credentials, error)) {
	creds := googleauth.New("p")
	creds.Detect = detect
	g.endpoint.client.Transport = &credentialsTransport{base: base, credentials: creds}
}

func withToken(provider auth.TokenProvider) func() (*auth.Credentials, error) {
	return func() (*auth.Credentials, error) {
		return auth.NewCredentials(&auth.CredentialsOptions{
			TokenProvider:          provider,
			QuotaProjectIDProvider: auth.CredentialsPropertyFunc(func(context.Context) (string, error) { return "payer", nil }),
		}), nil
	}
}

// Requests carry the token of the credentials and the project that pays; credentials that come late are found.
func TestVertexCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sim := newGemini(t, vertex, geminisim.Text("hi"), geminisim.Text("hi"))
		found := 0
		signed(g, inMemory{sim}, func() (*auth.Credentials, error) {
			if found++; found == 1 {
				return nil, errors.New("not yet")
			}
			return withToken(tokens("tok"))()
		})
		_, err := g.Generate(t.Context(), question)
		wantError(t, err, KindNotConfigured, "not_configured")
		time.Sleep(time.Second)
		for range 2 {
			if _, err := g.Generate(t.Context(), question); err != nil {
				t.Fatal(err)
			}
		}
		req := sim.Requests()[0]
		if req.Header.Get("Authorization") != "Bearer tok" || req.Header.Get("X-Goog-User-Project") != "payer" || found != 2 {
			t.Errorf("headers %v, looked for credentials %d times", req.Header, found)
		}
	})
}

// A token that cannot be fetched is tried again, one that the service refuses is not.
func TestVertexTokenFailures(t *testing.T) {
	g, sim := newGemini(t, vertex)
	signed(g, inMemory{sim}, withToken(tokens("")))
	g.wait.first, g.wait.most = 1, 1
	_, err := g.Generate(t.Context(), question)
	wantError(t, err, KindModel, "credentials")

	signed(g, inMemory{geminisim.New(geminisim.Config{BearerToken: "good"})}, withToken(tokens("bad")))
	_, err = g.Generate(t.Context(), question)
	if e := wantError(t, err, KindModel, "401"); !strings.Contains(e.Message, "GOOGLE_CLOUD_PROJECT") {
		t.Errorf("error %q", e)
	}
}

// A metadata server that hangs costs a request its own time, not that of the one before it as well.
func TestVertexCredentialsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, sim := newGemini(t, vertex)
		signed(g, inMemory{sim}, func() (*auth.Credentials, error) {
			time.Sleep(3 * time.Second)
			return nil, errors.New("nothing there")
		})
		begin := time.Now()
		for range 2 {
			_, err := g.Generate(within(t, 100*time.Millisecond), question)
			wantError(t, err, KindTimeout, "timeout")
		}
		if waited := time.Since(begin); waited != 200*time.Millisecond {
			t.Errorf("two requests with 100 ms each took %v", waited)
		}
		time.Sleep(3 * time.Second) // the search under way comes to its end
	})
}

type tokens string

func (s tokens) Token(context.Context) (*auth.Token, error) {
	if s == "" {
		return nil, errors.New("metadata server gone")
	}
	return &auth.Token{Value: string(s)}, nil
}

// Without credentials on the machine the call says what to do; looking for them does not hang here because a
// credentials file that is no good ends the search.
func TestVertexWithoutCredentials(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "adc.json")
	if err := os.WriteFile(bad, []byte(`{"type":"nonsense"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", bad)
	g, _ := newGemini(t, vertex)
	_, err := g.Generate(t.Context(), question)
	wantError(t, err, KindNotConfigured, "not_configured")
}
