package function

import (
	_ "embed"
	"io"
	"net/http"
)

const openAPIPath = "/openapi.json"

// openAPI describes the HTTP interface, in OpenAPI 3.1. Tests hold it against what the handlers take and answer.
//
//go:embed openapi.json
var openAPI string

// serveOpenAPI answers GET /openapi.json.
func (a *App) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = io.WriteString(w, openAPI) // the client may be gone; there is nobody to tell
}
