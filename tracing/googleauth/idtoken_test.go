package googleauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// TestIDTokenIsFetchedOnce runs the real credentials library against a token endpoint on loopback.
func TestIDTokenIsFetchedOnce(t *testing.T) {
	var fetched atomic.Int32
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())
		// header.claims.signature, as the library reads the expiry from the claims
		token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id_token":%q}`, token)
	}))
	defer endpoint.Close()
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
	source := IDTokens()
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
