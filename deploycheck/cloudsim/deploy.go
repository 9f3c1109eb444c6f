package cloudsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strings"
)

// upload takes a multipart upload apart: first what the object is, then what is in it.
func upload(contentType string, raw []byte, meta *map[string]any) []byte {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	var content []byte
	parts := multipart.NewReader(bytes.NewReader(raw), params["boundary"])
	for i := 0; ; i++ {
		part, err := parts.NextPart()
		if err != nil {
			return content
		}
		if content, err = io.ReadAll(part); err == nil && i == 0 {
			_ = json.Unmarshal(content, meta)
		}
	}
}

// deploy builds a function and gives all traffic to it, whatever revision had it, or fails to: then what served before
// goes on, and the state says FAILED.
func (s *Server) deploy(full string, thing, body map[string]any) (int, any) {
	for _, part := range []string{"buildConfig", "serviceConfig", "labels", "description"} {
		if v, ok := body[part]; ok {
			thing[part] = v
		}
	}
	name := path.Base(full)
	s.ids++
	thing["updateTime"] = fmt.Sprintf("2026-01-01T00:00:00.%09dZ", s.ids)
	thing["environment"] = "GEN_2"
	service, _ := thing["serviceConfig"].(map[string]any)
	if service == nil {
		service = map[string]any{}
		thing["serviceConfig"] = service
	}
	region := path.Base(path.Dir(path.Dir(full)))
	service["service"] = strings.Replace(full, "/functions/", "/services/", 1)
	service["uri"] = "https://" + name + "-hash-ew.a.run.app"
	if s.failing[name] {
		s.event("fail functions/%s", name)
		thing["state"] = "FAILED"
		return http.StatusOK, map[string]any{"name": "operations/deploy", "done": true, "error": map[string]any{
			"code": 3, "message": "Build failed: see the logs",
		}}
	}
	s.revise(name, service)
	s.pin(full, "")
	thing["state"] = "ACTIVE"
	thing["url"] = "https://" + region + "-p.cloudfunctions.net/" + name
	return http.StatusOK, done(thing)
}
