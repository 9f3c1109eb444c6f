package function

import (
	"cmp"
	"net/http"
	"strings"
)

const indexPath = "/"

// index is what GET / says: who answers, and what it can be asked. A deploy reads the version here to know which
// revision serves, and an agent that has this one as a sub-agent what it is good for.
type index struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`               // APP_VERSION; "" for none
	Description string   `json:"description,omitempty"` // AGENT_DESCRIPTION
	Paths       []string `json:"paths"`
	SubAgents   []string `json:"sub_agents,omitempty"` // names for delegate?agent=NAME; addresses stay here
}

// untraced answers what is no work of the agent and asked again and again, by probes, deploys and browsers: GET and HEAD
// of what describes it, and OPTIONS of anything. None of it is worth a trace or a line in the log.
func (a *App) untraced(next http.Handler) http.Handler {
	pages := map[string]http.HandlerFunc{indexPath: a.serveIndex, openAPIPath: a.serveOpenAPI}
	options := a.optionsMux(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := pages[r.URL.Path]
		switch {
		case r.Method == http.MethodOptions:
			options.ServeHTTP(w, r)
		case page != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			page(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// optionsMux says which methods a path takes.
func (a *App) optionsMux(pages map[string]http.HandlerFunc) *http.ServeMux {
	mux := http.NewServeMux()
	allow := func(methods ...string) http.HandlerFunc {
		list := strings.Join(append(methods, http.MethodOptions), ", ")
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", list)
			w.WriteHeader(http.StatusNoContent)
		}
	}
	mux.HandleFunc("/", a.notFound)
	for path := range pages {
		if path == indexPath {
			path += "{$}"
		}
		mux.HandleFunc(path, allow(http.MethodGet, http.MethodHead))
	}
	for path, methods := range a.methods() {
		mux.HandleFunc(path, allow(methods...))
	}
	return mux
}

// serveIndex answers GET /. It needs no model and no key, so it says what is deployed even where nothing else works.
func (a *App) serveIndex(w http.ResponseWriter, _ *http.Request) {
	in := index{
		Name:        cmp.Or(a.name, a.cfg.Getenv("OTEL_SERVICE_NAME"), serviceName),
		Version:     a.cfg.Getenv("APP_VERSION"),
		Description: a.description,
		SubAgents:   a.subAgents.names(),
	}
	for _, r := range a.routes() {
		in.Paths = append(in.Paths, r.method+" "+r.path)
	}
	in.Paths = append(in.Paths, http.MethodGet+" "+openAPIPath)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, "application/json", in)
}
