package geminisim

import (
	"net/http"
	"strings"
)

// route is what the address of a request says.
type route struct {
	version  string // v1beta, v1beta1, …
	resource string // the path between version and method
	model    string
	method   string // generateContent or streamGenerateContent
	key      string // the query parameter key
	vertex   bool
	stream   bool
	sse      bool // alt=sse; without it a stream is one JSON array
}

func (r route) service() string {
	if r.vertex {
		return "aiplatform.googleapis.com"
	}
	return "generativelanguage.googleapis.com"
}

// parseRoute understands
//
//	POST /v1beta/models/MODEL:METHOD
//	POST /v1beta1/publishers/google/models/MODEL:METHOD
//	POST /v1beta1/projects/PROJECT/locations/LOCATION/publishers/google/models/MODEL:METHOD
//
// and the same under /v1.
func parseRoute(r *http.Request) (route, bool) {
	rt := route{}
	var ok bool
	rt.version, rt.resource, ok = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ok || r.Method != http.MethodPost || rt.version != "v1" && rt.version != "v1beta" && rt.version != "v1beta1" {
		return rt, false
	}
	if rt.resource, rt.method, ok = strings.Cut(rt.resource, ":"); !ok {
		return rt, false
	}
	rt.stream = rt.method == "streamGenerateContent"
	if !rt.stream && rt.method != "generateContent" {
		return rt, false
	}
	parent := ""
	if i := strings.LastIndex(rt.resource, "models/"); i >= 0 {
		parent, rt.model = rt.resource[:i], rt.resource[i+len("models/"):]
	}
	if rt.model == "" || strings.Contains(rt.model, "/") {
		return rt, false
	}
	if parent != "" {
		rt.vertex = true
		seg := strings.Split(parent, "/") // ends with "" because parent ends with a slash
		if len(seg) == 7 && seg[0] == "projects" && seg[1] != "" && seg[2] == "locations" && seg[3] != "" {
			seg = seg[4:]
		}
		if strings.Join(seg, "/") != "publishers/google/" {
			return rt, false
		}
	}
	if r.URL.RawQuery != "" {
		q := r.URL.Query()
		rt.key, rt.sse = q.Get("key"), q.Get("alt") == "sse"
	}
	return rt, true
}
