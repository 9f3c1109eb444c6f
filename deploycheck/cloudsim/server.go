// Package cloudsim plays the parts of Google Cloud's control plane that terraform/ talks to, so that the real provider
// can apply, change and destroy the configuration without a project: it keeps what is created, and writes down in which
// order things were created, changed and taken away.
//
//	terraform ──▶ provider google ──▶ GOOGLE_…_CUSTOM_ENDPOINT ──▶ Server ──▶ Events
//	curl, smoke ──▶ HTTPS_PROXY ──▶ the revision that has the traffic
//
// It is no copy of the platform: it refuses a second thing of one name (409), knows nothing that is not there (404),
// and fails builds on request. Nothing in it checks rights.
package cloudsim

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
)

// ProjectNumber is the number of every project of the simulation.
const ProjectNumber = "123456789012"

// Server is one simulated control plane. It is safe for concurrent use.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex
	things   map[string]map[string]any // by full name
	policies map[string][]binding      // by full name of the resource
	contents map[string][]byte         // of objects
	services map[string]bool           // APIs that are on
	running  map[string]*service       // by function
	traces   map[string]string         // versions that made them
	failing  map[string]bool           // functions whose builds fail
	broken   map[string]bool           // functions whose new revisions answer 500
	tls      *tls.Config
	events   []string
	ids      int
}

// New starts a server on this machine. Close it.
func New() *Server {
	s := &Server{
		things: map[string]map[string]any{}, policies: map[string][]binding{},
		contents: map[string][]byte{}, services: map[string]bool{}, running: map[string]*service{},
		traces: map[string]string{}, failing: map[string]bool{}, broken: map[string]bool{},
	}
	s.http = httptest.NewServer(s)
	return s
}

// Close stops the server.
func (s *Server) Close() { s.http.Close() }

// URL is the address of the control plane.
func (s *Server) URL() string { return s.http.URL }

// Env is the environment that points the provider to this server, as NAME=value.
func (s *Server) Env() []string {
	env := []string{"GOOGLE_OAUTH_ACCESS_TOKEN=simulated"}
	for product, version := range map[string]string{
		"ARTIFACT_REGISTRY": "v1", "CLOUDFUNCTIONS2": "v2", "CLOUD_BUILD": "v1", "CLOUD_RUN_V2": "v2", "IAM_BETA": "v1",
		"BILLING_BUDGETS": "v1", "FIRESTORE": "v1", "LOGGING": "v2", "MONITORING": "", "RESOURCE_MANAGER": "v1",
		"SECRET_MANAGER": "v1", "SERVICE_USAGE": "v1", "STORAGE": "storage/v1",
	} {
		address := s.http.URL + "/"
		if version != "" {
			address += version + "/"
		}
		env = append(env, "GOOGLE_"+product+"_CUSTOM_ENDPOINT="+address) // the state's backend reads storage's, too
	}
	return env
}

// FailBuilds makes builds of the function fail, or succeed again.
func (s *Server) FailBuilds(function string, fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[function] = fail
}

// Events gives what was done since the last call, in order: "create functions/NAME", "update …", "delete …",
// "grant ROLE to MEMBER", "revoke ROLE from MEMBER", with @RESOURCE where that is not the project.
func (s *Server) Events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

// Function gives what the control plane holds of a function, nil for none.
func (s *Server) Function(name string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for full, thing := range s.things {
		if strings.HasSuffix(full, "/functions/"+name) {
			return maps.Clone(thing)
		}
	}
	return nil
}

func (s *Server) event(format string, args ...any) {
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		s.tunnel(w)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	status, answer := s.serve(r, raw)
	s.mu.Unlock()
	if content, ok := answer.([]byte); ok {
		w.Header().Set("X-Goog-Generation", "1")
		_, _ = w.Write(content)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status >= http.StatusBadRequest {
		answer = map[string]any{"error": map[string]any{"code": status, "message": fmt.Sprint(answer)}}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) serve(r *http.Request, raw []byte) (int, any) {
	if host := r.Host; !strings.HasPrefix(host, "127.0.0.1:") {
		return s.called(r, host, raw)
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	for _, version := range []string{"upload/storage/v1/", "storage/v1/", "v1/", "v2/", "v3/"} {
		name = strings.TrimPrefix(name, version)
	}
	var body map[string]any
	_ = json.Unmarshal(raw, &body)
	resource, verb, _ := strings.Cut(path.Base(name), ":")
	resource = path.Join(path.Dir(name), resource)
	switch {
	case verb == "getIamPolicy" || r.Method == http.MethodGet && strings.HasSuffix(name, "/iam"):
		return s.policy(strings.TrimSuffix(resource, "/iam"))
	case verb == "setIamPolicy" || r.Method == http.MethodPut && strings.HasSuffix(name, "/iam"):
		return s.setPolicy(strings.TrimSuffix(resource, "/iam"), raw)
	case verb == "batchEnable" || verb == "enable" || strings.HasSuffix(path.Dir(name), "/services") && verb == "" &&
		strings.HasPrefix(name, "projects/") && strings.Count(name, "/") == 3 || strings.HasSuffix(name, "/services"):
		return s.service(r, name, verb, body)
	case strings.Count(name, "/") == 1 && strings.HasPrefix(name, "projects/"):
		return http.StatusOK, map[string]any{
			"projectId": path.Base(name), "projectNumber": ProjectNumber, "lifecycleState": "ACTIVE", "name": path.Base(name),
		}
	case strings.Contains(name, "/locations/") && strings.Contains(name, "/services/"):
		return s.traffic(r, name, body)
	case r.Method == http.MethodPost && strings.HasPrefix(name, "b/") && strings.HasSuffix(name, "/o"):
		return s.store(r, strings.TrimSuffix(name, "/o"), raw)
	case r.Method == http.MethodPost:
		return s.create(r, name, body)
	case r.Method == http.MethodGet:
		return s.get(r, name)
	case r.Method == http.MethodDelete:
		return s.remove(name)
	default:
		return s.update(name, body)
	}
}

// service keeps which APIs are on.
func (s *Server) service(r *http.Request, name, verb string, body map[string]any) (int, any) {
	if r.Method == http.MethodPost {
		ids, _ := body["serviceIds"].([]any)
		if verb == "enable" {
			ids = append(ids, strings.TrimSuffix(path.Base(name), ":enable"))
		}
		for _, id := range ids {
			s.services[id.(string)] = true
		}
		return http.StatusOK, map[string]any{"name": "operations/enable", "done": true, "response": map[string]any{}}
	}
	var on []any
	for _, id := range slices.Sorted(maps.Keys(s.services)) {
		on = append(on, map[string]any{
			"name": "projects/" + ProjectNumber + "/services/" + id, "state": "ENABLED", "config": map[string]any{"name": id},
		})
	}
	return http.StatusOK, map[string]any{"services": on}
}

func (s *Server) get(r *http.Request, name string) (int, any) {
	content, stored := s.content(name)
	thing, ok := s.things[name]
	switch {
	case stored && (!ok || r.URL.Query().Get("alt") == "media"):
		return http.StatusOK, content
	case ok:
		return http.StatusOK, thing
	case strings.HasSuffix(name, "/o"):
		return http.StatusOK, s.objects(name)
	default:
		return http.StatusNotFound, name + " is not there"
	}
}

func (s *Server) remove(name string) (int, any) {
	if _, ok := s.things[name]; !ok {
		return http.StatusNotFound, name + " is not there"
	}
	delete(s.things, name)
	delete(s.contents, name)
	if strings.Contains(name, "/functions/") {
		delete(s.running, path.Base(name))
	}
	s.event("delete %s", short(name))
	return http.StatusOK, done(map[string]any{})
}

func (s *Server) update(name string, body map[string]any) (int, any) {
	thing, ok := s.things[name]
	if !ok && (strings.Contains(name, "/metrics/") || strings.Contains(name, "/fields/")) { // made by an update, too
		thing, ok = map[string]any{}, true
		s.things[name] = thing
	}
	if !ok {
		return http.StatusNotFound, name + " is not there"
	}
	s.event("update %s", short(name))
	if strings.Contains(name, "/functions/") {
		return s.deploy(name, thing, body)
	}
	maps.Copy(thing, body)
	if strings.Contains(name, "/fields/") || strings.Contains(name, "/databases/") {
		thing["name"] = name
		if ttl, ok := thing["ttlConfig"].(map[string]any); ok {
			ttl["state"] = "ACTIVE"
		}
		return http.StatusOK, done(thing)
	}
	return http.StatusOK, thing
}

func (s *Server) create(r *http.Request, collection string, body map[string]any) (int, any) {
	if body == nil {
		body = map[string]any{}
	}
	kind := path.Base(collection)
	id := ""
	for _, given := range []string{"functionId", "repositoryId", "repository_id", "secretId", "databaseId", "name"} {
		if v := r.URL.Query().Get(given); v != "" {
			id = v
		}
	}
	name, hasName := body["name"].(string)
	switch kind {
	case "serviceAccounts":
		project := path.Base(path.Dir(collection))
		id = fmt.Sprint(body["accountId"]) + "@" + project + ".iam.gserviceaccount.com"
		account, _ := body["serviceAccount"].(map[string]any)
		body = map[string]any{"email": id, "uniqueId": id, "projectId": project, "displayName": account["displayName"]}
	case "b":
		id = name
		s.newBucket(id, body)
	case "metrics":
		id = name
	}
	if id == "" {
		s.ids++
		id = fmt.Sprint(s.ids)
		body["id"] = id
	}
	full := collection + "/" + id
	if _, ok := s.things[full]; ok {
		return http.StatusConflict, full + " is already there"
	}
	if kind != "b" && kind != "metrics" && (kind != "triggers" || !hasName) {
		body["name"] = full
	}
	s.things[full] = body
	s.event("create %s", short(full))
	if kind == "functions" {
		return s.deploy(full, body, body)
	}
	if kind == "repositories" || kind == "databases" || kind == "fields" {
		return http.StatusOK, done(body)
	}
	return http.StatusOK, body
}

func done(response map[string]any) map[string]any {
	return map[string]any{"name": "operations/done", "done": true, "response": response}
}

// short is the kind and the id of a thing.
func short(name string) string { return path.Base(path.Dir(name)) + "/" + path.Base(name) }
