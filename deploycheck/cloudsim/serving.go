package cloudsim

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

// service is the Cloud Run service under a function: what was deployed to it, and what has the traffic.
type service struct {
	revisions []revision // the newest last
	pinned    string     // the revision that all traffic is tied to; empty: the newest
}

// revision is one deploy that succeeded.
type revision struct {
	name, version string
	broken        bool
}

func (s *service) serving() (revision, bool) {
	for _, r := range slices.Backward(s.revisions) {
		if s.pinned == "" || s.pinned == r.name {
			return r, true
		}
	}
	return revision{}, false
}

// BreakRevisions makes the revisions of the function that are deployed from now on answer 500, or answer again.
func (s *Server) BreakRevisions(function string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[function] = broken
}

// Serving gives the version that answers calls of the function: what its revision has in APP_VERSION. Empty: none does.
func (s *Server) Serving(function string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run := s.running[function]; run != nil {
		r, _ := run.serving()
		return r.version
	}
	return ""
}

func (s *Server) revise(function string, config map[string]any) {
	run := s.running[function]
	if run == nil {
		run = &service{}
		s.running[function] = run
	}
	environment, _ := config["environmentVariables"].(map[string]any)
	run.revisions = append(run.revisions, revision{
		name:    fmt.Sprintf("%s-%05d-sim", function, len(run.revisions)+1),
		version: fmt.Sprint(environment["APP_VERSION"]),
		broken:  s.broken[function],
	})
}

// pin ties the traffic to a revision; the function says whether the newest has all of it.
func (s *Server) pin(full, revision string) {
	s.running[path.Base(full)].pinned = revision
	if config, ok := s.things[full]["serviceConfig"].(map[string]any); ok {
		config["allTrafficOnLatestRevision"] = revision == ""
	}
}

// traffic is the API of Cloud Run's services, as far as revisions and traffic go.
func (s *Server) traffic(r *http.Request, name string, body map[string]any) (int, any) {
	service, list := strings.CutSuffix(name, "/revisions")
	run := s.running[path.Base(service)]
	if run == nil {
		return http.StatusNotFound, service + " is not there"
	}
	if list {
		var revisions []any
		for _, r := range slices.Backward(run.revisions) {
			revisions = append(revisions, map[string]any{"name": service + "/revisions/" + r.name})
		}
		return http.StatusOK, map[string]any{"revisions": revisions}
	}
	if r.Method == http.MethodPatch {
		targets, _ := body["traffic"].([]any)
		if len(targets) != 1 {
			return http.StatusBadRequest, "the simulation gives all traffic to one revision"
		}
		wanted, _ := targets[0].(map[string]any)["revision"].(string)
		known := slices.ContainsFunc(run.revisions, func(r revision) bool { return r.name == wanted })
		if wanted != "" && !known {
			return http.StatusNotFound, "revision " + wanted + " is not there"
		}
		s.pin(strings.Replace(service, "/services/", "/functions/", 1), wanted)
		s.event("route %s", strings.TrimSuffix("services/"+path.Base(service)+" to "+wanted, " to "))
	}
	serving, _ := run.serving()
	return http.StatusOK, map[string]any{"traffic": []any{map[string]any{"revision": serving.name, "percent": 100}}}
}

// called answers what is asked of another host than the control plane: a function, or a Google API that the smoke test
// needs.
func (s *Server) called(r *http.Request, host string, raw []byte) (int, any) {
	switch host {
	case "metadata.google.internal":
		return http.StatusOK, map[string]any{"access_token": "simulated"}
	case "iamcredentials.googleapis.com":
		return http.StatusOK, map[string]any{"token": "simulated"}
	case "cloudtrace.googleapis.com":
		version, ok := s.traces[path.Base(r.URL.Path)]
		if !ok {
			return http.StatusNotFound, "no such trace"
		}
		span := map[string]any{"name": "agent.task", "labels": map[string]any{"service.version": version}}
		return http.StatusOK, map[string]any{"spans": []any{span}}
	}
	label, _, _ := strings.Cut(host, ".")
	function := strings.TrimSuffix(strings.TrimSuffix(label, "-"+ProjectNumber), "-hash-ew")
	run := s.running[function]
	if run == nil {
		return http.StatusNotFound, host + " is nobody's"
	}
	if r.Header.Get("Authorization") == "" {
		return http.StatusForbidden, "who calls shows no token"
	}
	serving, ok := run.serving()
	switch {
	case !ok || serving.broken:
		return http.StatusInternalServerError, "the revision is broken"
	case r.URL.Path == "/":
		return http.StatusOK, map[string]any{"name": function, "version": serving.version}
	}
	trace, _, _ := strings.Cut(r.Header.Get("B3"), "-")
	if trace == "" {
		trace = hex.EncodeToString(fresh(16))
	}
	s.traces[trace] = serving.version
	return http.StatusOK, map[string]any{
		"response": fmt.Sprintf("%d bytes, read by %s", len(raw), serving.name), "finish_reason": "stop", "trace_id": trace,
	}
}

func fresh(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
