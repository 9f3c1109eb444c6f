// Package logquery evaluates the part of the Logging query language that terraform/ and docs/operations.md use, so that
// their filters can be tried on lines that the function has written.
//
//	line of the log ──Entry──▶ LogEntry as Cloud Logging stores it ──Query.Match──▶ is it found?
//
// The language is that of https://docs.cloud.google.com/logging/docs/view/logging-query-language: NOT binds closest, then
// OR, then AND, which may be left out between comparisons; lines that begin with "--" are comments. A comparison is PATH
// OPERATOR VALUE with =, >, >=, <, <=, : (has) or =~, and the value may be a list in parentheses, joined by OR. Of a list
// in the entry one element is enough. Text is compared without regard to case, save by =~. What is not there matches
// nothing. The one function is log_id. Everything else is refused, != and !~ too, of which NOT says clearer what happens
// to entries without the field.
package logquery

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Query is a parsed query. It is safe for concurrent use.
type Query struct{ root node }

// node is a part of a query that an entry matches or not.
type node func(entry map[string]any) bool

// Parse reads a query. An error says where it is not of the language, or not of the part of it that is known here.
func Parse(text string) (*Query, error) {
	tokens, err := scan(text)
	if err != nil {
		return nil, fmt.Errorf("parsing a log query: %w", err)
	}
	p := parser{tokens: tokens}
	root, err := p.and()
	if err == nil && p.peek().kind != end {
		err = fmt.Errorf("%q is left over", p.peek().text)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing a log query: %w", err)
	}
	return &Query{root: root}, nil
}

// Match reports whether an entry is found.
func (q *Query) Match(entry map[string]any) bool { return q.root(entry) }

// Resource says where a line was written.
type Resource struct{ Project, Location, Service, Revision string }

// Entry makes of a line of JSON on a Cloud Run service's standard output what Cloud Logging stores
// (https://docs.cloud.google.com/logging/docs/structured-logging): special fields become the entry's own, the rest its
// jsonPayload.
func Entry(line []byte, at Resource) (map[string]any, error) {
	var payload map[string]any
	if err := json.Unmarshal(line, &payload); err != nil {
		return nil, fmt.Errorf("reading a log line: %w", err)
	}
	entry := map[string]any{
		"logName":  "projects/" + at.Project + "/logs/run.googleapis.com%2Fstdout",
		"severity": "DEFAULT",
		"resource": map[string]any{"type": "cloud_run_revision", "labels": map[string]any{
			"project_id": at.Project, "location": at.Location, "service_name": at.Service, "revision_name": at.Revision,
		}},
	}
	for field, name := range map[string]string{
		"severity": "severity", "time": "timestamp", "logging.googleapis.com/trace": "trace",
		"logging.googleapis.com/spanId": "spanId", "logging.googleapis.com/trace_sampled": "traceSampled",
		"logging.googleapis.com/labels": "labels",
	} {
		if v, ok := payload[field]; ok {
			entry[name] = v
			delete(payload, field)
		}
	}
	entry["jsonPayload"] = payload
	return entry, nil
}

// Path is the way to a field, for example jsonPayload."http.response.status_code".
type Path []string

// ParsePath reads a path as it stands in a query, or in EXTRACT() of a metric.
func ParsePath(text string) (Path, error) {
	tokens, err := scan(text)
	if err != nil {
		return nil, fmt.Errorf("parsing a path: %w", err)
	}
	p := parser{tokens: tokens}
	path, err := p.path()
	if err == nil && p.peek().kind != end {
		err = fmt.Errorf("%q is left over", p.peek().text)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing a path: %w", err)
	}
	return path, nil
}

// In gives the value that an entry has there; nil: none.
func (p Path) In(entry map[string]any) any {
	var v any = entry
	for _, key := range p {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

func (p Path) String() string { return strings.Join(p, ".") }
