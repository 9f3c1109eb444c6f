package cloudsim

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"
)

// Proxy gives the environment in which curl and Go programs reach the simulated functions by their https URLs: the
// server is their proxy, and a certificate of its own, written into dir, is trusted.
func (s *Server) Proxy(dir string) ([]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "simulated"},
		DNSNames:  []string{"*.a.run.app", "*.europe-west1.run.app", "*.googleapis.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	path := filepath.Join(dir, "simulated.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("writing the certificate: %w", err)
	}
	s.mu.Lock()
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.mu.Unlock()
	env := []string{"SSL_CERT_FILE=" + path, "CURL_CA_BUNDLE=" + path, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1"}
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		env = append(env, name+"="+s.http.URL)
	}
	return env, nil
}

// tunnel answers one request that comes through a CONNECT.
func (s *Server) tunnel(w http.ResponseWriter) {
	s.mu.Lock()
	config := s.tls
	s.mu.Unlock()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil || config == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		return
	}
	inside := tls.Server(conn, config)
	defer func() { _ = inside.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(inside))
	if err != nil {
		return
	}
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, req)
	_ = answer.Result().Write(inside)
}
