package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/auth"

	"example.com/gemini-agent/agent/geminisim"
)

func TestVertexCredentials(t *testing.T) {
	vertex := map[string]string{"GEMINI_API_KEY": "", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p"}

	// The default address gets a token from the credentials, and the project that pays.
	g, sim := newGemini(t, vertex, geminisim.Text("hi"), geminisim.Text("hi"))
	found := 0
	transport := &credentialsTransport{base: inMemory{sim}, find: func() (*auth.Credentials, error) {
		found++
		if found == 1 {
			return nil, errors.New("not yet")
		}
		return auth.NewCredentials(&auth.CredentialsOptions{
			TokenProvider:          tokens("tok"),
			QuotaProjectIDProvider: auth.CredentialsPropertyFunc(func(context.Context) (string, error) { return "payer", nil }),
		}), nil
	}}
	g.api.ClientConfig().HTTPClient.Transport = transport
	_, err := g.Generate(t.Context(), question)
	wantError(t, err, KindNotConfigured, "not_configured")
	for range 2 {
		if _, err := g.Generate(t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}
	req := sim.Requests()[0]
	if req.Header.Get("Authorization") != "Bearer tok" || req.Header.Get("X-Goog-User-Project") != "payer" || found != 2 {
		t.Errorf("headers %v, looked for credentials %d times", req.Header, found)
	}

	// A token that cannot be fetched is tried again.
	transport.creds = auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: tokens("")})
	g.wait.first, g.wait.most = 1, 1
	_, err = g.Generate(t.Context(), question)
	wantError(t, err, KindModel, "credentials")

	// A service that refuses the token.
	transport.creds, transport.base = auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: tokens("bad")}),
		inMemory{geminisim.New(geminisim.Config{BearerToken: "good"})}
	_, err = g.Generate(t.Context(), question)
	if e := wantError(t, err, KindModel, "401"); !strings.Contains(e.Message, "GOOGLE_CLOUD_PROJECT") {
		t.Errorf("error %q", e)
	}
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
	g, _ := newGemini(t, map[string]string{"GEMINI_API_KEY": "", "GOOGLE_GENAI_USE_VERTEXAI": "true",
		"GOOGLE_CLOUD_PROJECT": "p"})
	_, err := g.Generate(t.Context(), question)
	wantError(t, err, KindNotConfigured, "not_configured")
}
