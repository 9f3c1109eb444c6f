package cloudsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
)

type binding struct {
	Role      string         `json:"role"`
	Members   []string       `json:"members"`
	Condition map[string]any `json:"condition,omitempty"`
}

func (s *Server) policy(resource string) (int, any) {
	return http.StatusOK, map[string]any{"etag": "AAAA", "version": 3, "bindings": s.policies[resource]}
}

func (s *Server) setPolicy(resource string, raw []byte) (int, any) {
	var body struct {
		Policy   struct{ Bindings []binding }
		Bindings []binding
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return http.StatusBadRequest, err
	}
	bindings := append(body.Policy.Bindings, body.Bindings...)
	where := "@" + path.Base(path.Dir(resource)) + "/" + path.Base(resource)
	if strings.HasPrefix(resource, "projects/") && strings.Count(resource, "/") == 1 {
		where = ""
	}
	before, after := grants(s.policies[resource]), grants(bindings)
	for _, grant := range after {
		if !slices.Contains(before, grant) {
			s.event("grant %s%s", grant, where)
		}
	}
	for _, grant := range before {
		if !slices.Contains(after, grant) {
			s.event("revoke %s%s", strings.Replace(grant, " to ", " from ", 1), where)
		}
	}
	s.policies[resource] = bindings
	return s.policy(resource)
}

// grants lists bindings one by one; one with a condition is another than one without.
func grants(bindings []binding) []string {
	var list []string
	for _, b := range bindings {
		for _, member := range b.Members {
			account, _, _ := strings.Cut(member, "@")
			grant := path.Base(b.Role) + " to " + strings.TrimPrefix(account, "serviceAccount:")
			if b.Condition != nil {
				grant += " if " + fmt.Sprint(b.Condition["title"])
			}
			list = append(list, grant)
		}
	}
	slices.Sort(list)
	return list
}
