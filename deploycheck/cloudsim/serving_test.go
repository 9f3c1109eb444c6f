package cloudsim

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	services = "/v2/projects/my-project/locations/europe-west1/services/f"
	function = "/v2/projects/my-project/locations/europe-west1/functions"
)

// deploy deploys a version of the function f.
func (s *Server) deployVersion(t *testing.T, version string) {
	t.Helper()
	body := `{"serviceConfig": {"environmentVariables": {"APP_VERSION": "` + version + `"}}}`
	if s.Function("f") == nil {
		s.call(t, http.MethodPost, function+"?functionId=f", body)
		return
	}
	s.call(t, http.MethodPatch, function+"/f", body)
}

func TestTrafficIsTheNewestRevisionsUntilItIsTiedToOne(t *testing.T) {
	s := New()
	defer s.Close()
	serving := func(want string) {
		t.Helper()
		if got := s.Serving("f"); got != want {
			t.Errorf("%q serves, want %q", got, want)
		}
	}
	serving("")
	s.deployVersion(t, "1")
	serving("1")
	s.FailBuilds("f", true)
	s.deployVersion(t, "2")
	serving("1")
	s.FailBuilds("f", false)
	s.deployVersion(t, "3")
	serving("3")
	s.call(t, http.MethodPatch, services, `{"traffic": [{"revision": "f-00001-sim"}]}`)
	serving("1")
	latest := func() any { return s.Function("f")["serviceConfig"].(map[string]any)["allTrafficOnLatestRevision"] }
	if latest() != false {
		t.Error("the function does not say that another revision has the traffic")
	}
	s.deployVersion(t, "4")
	serving("4")
	s.call(t, http.MethodPatch, services, `{"traffic": [{"revision": "f-00002-sim"}]}`)
	serving("3")
	if status, _ := s.call(t, http.MethodPatch, services, `{"traffic": [{"revision": "f-00009-sim"}]}`); status != http.StatusNotFound {
		t.Errorf("traffic to a revision that is none: %d", status)
	}
	s.call(t, http.MethodPatch, services, `{"traffic": [{}]}`)
	serving("4")
	if latest() != true {
		t.Error("the function does not say that its newest revision has the traffic")
	}
	s.call(t, http.MethodDelete, function+"/f", "")
	serving("")
}

func TestFunctionsAnswerByTheirURLsThroughTheProxy(t *testing.T) {
	s := New()
	defer s.Close()
	dir := t.TempDir()
	if _, err := s.Proxy(dir); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "simulated.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	proxy, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	get := func(address, token string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status + " " + string(body)
	}
	hashed, numbered := "https://f-hash-ew.a.run.app/", "https://f-"+ProjectNumber+".europe-west1.run.app/"
	s.deployVersion(t, "1")
	for address, want := range map[string]string{
		hashed:                                  `200 OK {"name":"f","version":"1"}`,
		numbered:                                `200 OK {"name":"f","version":"1"}`,
		"https://other-hash-ew.a.run.app/":      "404",
		"http://metadata.google.internal/token": `"access_token"`,
		"https://cloudtrace.googleapis.com/traces/x": "404",
	} {
		if got := get(address, "token"); !strings.Contains(got, want) {
			t.Errorf("%s says %s, want %s", address, got, want)
		}
	}
	if got := get(hashed, ""); !strings.HasPrefix(got, "403") {
		t.Errorf("without a token: %s", got)
	}
	s.BreakRevisions("f", true)
	if got := get(hashed, "token"); !strings.HasPrefix(got, "200") {
		t.Errorf("a revision of before: %s", got)
	}
	s.deployVersion(t, "2")
	if got := get(hashed, "token"); !strings.HasPrefix(got, "500") {
		t.Errorf("a broken revision: %s", got)
	}
}

// The lock of a state is an object that must not be there yet.
func TestObjectsAreKeptAndLocked(t *testing.T) {
	s := New()
	defer s.Close()
	put := func(query, content string) int {
		t.Helper()
		body := "--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n--x--\r\n"
		resp, err := http.Post(s.URL()+"/upload/storage/v1/b/state/o?name=a%2Fb"+query, "multipart/related; boundary=x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if first, second := put("&ifGenerationMatch=0", "one"), put("&ifGenerationMatch=0", "two"); first != http.StatusOK || second != http.StatusPreconditionFailed {
		t.Errorf("locking twice: %d, %d", first, second)
	}
	put("", "three")
	for _, path := range []string{"/state/a/b", "/storage/v1/b/state/o/a%2Fb?alt=media"} {
		resp, err := http.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(content) != "three" {
			t.Errorf("%s holds %q", path, content)
		}
	}
	if status, _ := s.call(t, http.MethodGet, "/storage/v1/b/state/o/a%2Fb", ""); status != http.StatusOK {
		t.Errorf("what the object is: %d", status)
	}
	if status, _ := s.call(t, http.MethodDelete, "/storage/v1/b/state/o/a%2Fb", ""); status != http.StatusOK {
		t.Errorf("deleting: %d", status)
	}
	if status, _ := s.call(t, http.MethodGet, "/state/a/b", ""); status != http.StatusNotFound {
		t.Errorf("after deleting: %d", status)
	}
}
