package function

import (
	"cmp"
	"encoding/json"
	"net/http"
)

const indexPath = "/"

// index is what GET / says: who answers, and what it can be asked. A deploy reads the version here to know which
// revision serves.
type index struct {
	Name    string   `json:"name"`
	Version string   `json:"version"` // APP_VERSION; "" for none
	Paths   []string `json:"paths"`
}

// isIndex reports whether a request is for the index. It is answered outside the tracing middleware: probes and
// deploys ask for it, and neither is worth a trace or a line in the log.
func isIndex(r *http.Request) bool {
	return r.URL.Path == indexPath && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// serveIndex answers GET /. It needs no model and no key, so it says what is deployed even where nothing else works.
func (a *App) serveIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(index{
		Name:    cmp.Or(a.cfg.Getenv("OTEL_SERVICE_NAME"), serviceName),
		Version: a.cfg.Getenv("APP_VERSION"),
		Paths:   []string{"POST " + executePath, "POST " + delegatePath},
	})
}
