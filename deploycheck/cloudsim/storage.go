package cloudsim

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
)

// newBucket gives the project's viewers what they have on every new bucket.
func (s *Server) newBucket(name string, body map[string]any) {
	body["id"], body["projectNumber"] = name, ProjectNumber
	body["location"] = strings.ToUpper(fmt.Sprint(body["location"]))
	body["timeCreated"], body["updated"] = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
	for _, role := range []string{"legacyBucketReader", "legacyObjectReader"} {
		s.policies["b/"+name] = append(s.policies["b/"+name], binding{
			Role: "roles/storage." + role, Members: []string{"projectViewer:my-project"},
		})
	}
}

// store keeps an object. One that must not be there yet, such as the lock of a state, is refused when it is.
func (s *Server) store(r *http.Request, bucket string, raw []byte) (int, any) {
	object := map[string]any{}
	content := upload(r.Header.Get("Content-Type"), raw, &object)
	id := r.URL.Query().Get("name")
	if id == "" {
		id, _ = object["name"].(string)
	}
	full := bucket + "/o/" + id
	if _, there := s.things[full]; there && r.URL.Query().Get("ifGenerationMatch") == "0" {
		return http.StatusPreconditionFailed, full + " is already there"
	}
	sum := md5.Sum(content)
	s.ids++
	object["md5Hash"], object["bucket"] = base64.StdEncoding.EncodeToString(sum[:]), path.Base(bucket)
	object["generation"], object["crc32c"], object["id"], object["name"] = fmt.Sprint(s.ids), "AAAAAA==", id, id
	s.things[full], s.contents[full] = object, content
	s.event("create %s", short(full))
	return http.StatusOK, object
}

// content is what is in an object, by the JSON API's name or the XML API's.
func (s *Server) content(name string) ([]byte, bool) {
	bucket, object, _ := strings.Cut(name, "/")
	for _, full := range []string{name, "b/" + bucket + "/o/" + object} {
		if content, ok := s.contents[full]; ok {
			return content, true
		}
	}
	return nil, false
}

func (s *Server) objects(bucket string) map[string]any {
	var items []any
	for _, full := range slices.Sorted(maps.Keys(s.things)) {
		if strings.HasPrefix(full, bucket+"/") {
			items = append(items, s.things[full])
		}
	}
	return map[string]any{"items": items}
}
