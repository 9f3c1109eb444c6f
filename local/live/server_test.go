package live_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/gemini-agent/local/live"
)

func get(t *testing.T, server *httptest.Server, path string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

// TestOnlyLoopbackNamesAreAnswered: a name that a website makes resolve to this machine is not one.
func TestOnlyLoopbackNamesAreAnswered(t *testing.T) {
	_, server := startHub(t, live.Config{})
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8081": true, "LOCALHOST:1": true, "127.0.0.1:8081": true, "127.9.9.9": true,
		"[::1]:8081": true, "[::1]": true, "::1": true,
		"attacker.example": false, "attacker.example:8081": false, "localhost.attacker.example": false, "10.0.0.1": false,
		"0.0.0.0:8081": false, "[::]:8081": false, "127.0.0.1.nip.io": false, "[::ffff:10.0.0.1]": false, "": false,
	} {
		for _, path := range []string{"/", "/page/app.js", "/live/traces/" + strings.Repeat("a", 32) + ".json"} {
			rec := httptest.NewRecorder()
			req := httptest.NewRequest(http.MethodGet, path, nil)
			req.Host = host
			server.Config.Handler.ServeHTTP(rec, req)
			if got := rec.Code != http.StatusMisdirectedRequest; got != ok {
				t.Errorf("Host %q, %s: %d", host, path, rec.Code)
			}
		}
	}
}

func TestThePageAllowsOnlyItself(t *testing.T) {
	_, server := startHub(t, live.Config{})
	for _, path := range []string{"/", "/trace/" + strings.Repeat("a", 32), "/page/app.js", "/page/base.css"} {
		res, body := get(t, server, path)
		if res.StatusCode != http.StatusOK || body == "" {
			t.Errorf("%s: %s", path, res.Status)
		}
		if policy := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for _, elsewhere := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if i := strings.Index(body, elsewhere); i >= 0 {
				t.Errorf("%s has %q", path, body[i:min(len(body), i+60)])
			}
		}
	}
	for path, status := range map[string]int{"/trace": 404, "/live/traces/x.json": 404, "/page/nothing.js": 404, "/api/v1/agent/execute": 404} {
		if res, _ := get(t, server, path); res.StatusCode != status {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

// TestOtherOriginsCannotPost: a website can make a browser send a request here, and must not run the agent by it.
func TestOtherOriginsCannotPost(t *testing.T) {
	s := serve(t)
	for _, header := range []http.Header{
		{"Origin": {"https://attacker.example"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Origin": {"null"}},
		{"Origin": {"http://localhost:1"}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/agent/execute", strings.NewReader(`{"task":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %s", header, res.Status)
		}
	}
	if n := s.hub.Stats().Traces; n != 0 {
		t.Errorf("%d requests reached the agent", n)
	}
}
