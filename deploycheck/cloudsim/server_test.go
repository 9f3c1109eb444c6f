package cloudsim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// call asks the server and gives the status and the answer.
func (s *Server) call(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.http.URL+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestAFunctionsLife(t *testing.T) {
	s := New()
	defer s.Close()
	const functions, name = "/v2/projects/p/locations/r/functions", "/v2/projects/p/locations/r/functions/f"
	steps := []struct {
		method, path, body string
		fail               bool
		status             int
		state              any
	}{
		{http.MethodGet, name, "", false, http.StatusNotFound, nil},
		{http.MethodPost, functions + "?functionId=f", `{"serviceConfig": {}}`, false, http.StatusOK, "ACTIVE"},
		{http.MethodPost, functions + "?functionId=f", `{}`, false, http.StatusConflict, "ACTIVE"},
		{http.MethodPatch, name, `{"labels": {"a": "b"}}`, true, http.StatusOK, "FAILED"},
		{http.MethodPatch, name, `{"labels": {"a": "b"}}`, false, http.StatusOK, "ACTIVE"},
		{http.MethodDelete, name, "", false, http.StatusOK, nil},
		{http.MethodDelete, name, "", false, http.StatusNotFound, nil},
	}
	for _, step := range steps {
		s.FailBuilds("f", step.fail)
		status, _ := s.call(t, step.method, step.path, step.body)
		if state := s.Function("f")["state"]; status != step.status || state != step.state {
			t.Errorf("%s %s = %d and %v, want %d and %v", step.method, step.path, status, state, step.status, step.state)
		}
	}
	want := []string{
		"create functions/f", "update functions/f", "fail functions/f", "update functions/f", "delete functions/f",
	}
	if got := s.Events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if again := s.Events(); len(again) > 0 {
		t.Errorf("events are told twice: %q", again)
	}
}

func TestGrantsAreToldOneByOne(t *testing.T) {
	s := New()
	defer s.Close()
	set := func(path string, bindings ...string) {
		s.call(t, http.MethodPost, path+":setIamPolicy", `{"policy": {"bindings": [`+strings.Join(bindings, ",")+`]}}`)
	}
	const plain = `{"role": "roles/a.b", "members": ["serviceAccount:x@p.iam.gserviceaccount.com", "user:u"]}`
	const conditional = `{"role": "roles/a.b", "members": ["user:u"], "condition": {"title": "only here"}}`
	set("/v1/projects/p", plain)
	set("/v1/projects/p", plain, conditional)
	set("/v1/projects/p", conditional)
	set("/v1/projects/p/secrets/s", conditional)
	want := []string{
		"grant a.b to user:u", "grant a.b to x", "grant a.b to user:u if only here", "revoke a.b from user:u",
		"revoke a.b from x", "grant a.b to user:u if only here@secrets/s",
	}
	if got := s.Events(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
