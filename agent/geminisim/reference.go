package geminisim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// declaredSchemas are the two ways to say the schema of one thing: the API's own message and JSON Schema.
type declaredSchemas struct {
	own, standard *Schema
	raw           json.RawMessage // of standard
	tooDeep       bool
}

func (s *declaredSchemas) plain(d *decoder) {
	d.deep = false
	s.own = d.schema(0)
	s.tooDeep = s.tooDeep || d.deep
}

func (s *declaredSchemas) json(d *decoder) {
	d.next()
	from := d.i
	d.deep = false
	s.standard = d.jsonSchema(0)
	s.raw, s.tooDeep = d.b[from:d.i], s.tooDeep || d.deep
}

func (s *declaredSchemas) both() bool { return s.own != nil && s.standard != nil }

// schema returns the one that is set, and whether it is JSON Schema.
func (s *declaredSchemas) schema() (*Schema, bool) {
	if s.standard != nil {
		return s.standard, true
	}
	return s.own, false
}

// check finds what the API refuses in a schema that decodes. path is the proto path of the message.
func (s *declaredSchemas) check(path string) *apiError {
	if s.standard != nil {
		return checkReferences(s.raw)
	}
	if at, problem := checkSchema(s.own); problem != "" {
		return fieldf(path+at, "%s", problem)
	}
	return nil
}

// checkReferences refuses references of a JSON Schema that lead out of it or nowhere, and words beside a reference.
func checkReferences(raw json.RawMessage) *apiError {
	if !mayRefer(raw) {
		return nil
	}
	root := tree(raw)
	return checkReference(root, root, nil)
}

// mayRefer spares what cannot hold a "$ref", which is nearly everything, from being decoded.
func mayRefer(raw json.RawMessage) bool {
	return bytes.Contains(raw, []byte("ref")) || bytes.Contains(raw, []byte(`\u`))
}

// tree decodes what checkSyntax has passed, so it cannot fail; numbers stay text, and so of any size.
func tree(raw json.RawMessage) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&v)
	return v
}

func checkReference(root, v any, path []string) *apiError {
	s, _ := v.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		for word := range s {
			if !strings.HasPrefix(word, "$") && word != "description" && word != "default" && word != "definitions" {
				return invalidf("$ref '%s' was set alongside unsupported fields. If a schema node has $ref set, then only "+
					"description and default can be set alongside it; other fields they would be replaced by the expanded "+
					"reference.", ref)
			}
		}
		if !resolves(root, ref) {
			at := "top-level"
			if len(path) > 0 {
				at = strings.Join(path, ".")
			}
			return invalidf("reference to undefined schema at %s", at)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(s)) {
		if err := checkSubschemas(root, s[word], word, append(path[:len(path):len(path)], word)); err != nil {
			return err
		}
	}
	return nil
}

// checkSubschemas follows the words of a schema that hold schemas.
func checkSubschemas(root, v any, word string, path []string) *apiError {
	switch word {
	case "items", "additionalProperties":
		return checkReference(root, v, path)
	case "properties", "$defs", "definitions":
		named, _ := v.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(named)) {
			if err := checkReference(root, named[name], append(path[:len(path):len(path)], name)); err != nil {
				return err
			}
		}
	case "anyOf", "oneOf", "allOf", "prefixItems":
		list, _ := v.([]any)
		for i, sub := range list {
			if err := checkReference(root, sub, append(path[:len(path):len(path)], strconv.Itoa(i))); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolves follows a JSON pointer within root.
func resolves(root any, ref string) bool {
	pointer, ok := strings.CutPrefix(ref, "#")
	pointer, err := url.PathUnescape(pointer)
	if !ok || err != nil || pointer != "" && pointer[0] != '/' {
		return false
	}
	at := root
	for _, name := range strings.Split(pointer, "/")[1:] {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch v := at.(type) {
		case map[string]any:
			at = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return false
			}
			at = v[i]
		default:
			return false
		}
	}
	_, isObject := at.(map[string]any)
	_, isBool := at.(bool)
	return isObject || isBool
}

// checkResponseReferences holds that $ref in a function's response means one of the response's media.
func (req *GenerateContentRequest) checkResponseReferences(route) *apiError {
	for i := range req.Contents {
		for j := range req.Contents[i].Parts {
			r := req.Contents[i].Parts[j].FunctionResponse
			if r == nil || !mayRefer(r.Response) {
				continue
			}
			if name, ok := danglingName(tree(r.Response), r.Media); ok {
				return invalidf("The referenced name `%s` in function_response.response does not match to a display_name in the "+
					"function_response.parts.", name)
			}
		}
	}
	return nil
}

func danglingName(v any, media []*Blob) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key == "$ref" {
				name := fmt.Sprint(v[key])
				return name, !slices.ContainsFunc(media, func(b *Blob) bool { return b.DisplayName == name })
			}
			if name, ok := danglingName(v[key], media); ok {
				return name, true
			}
		}
	case []any:
		for _, element := range v {
			if name, ok := danglingName(element, media); ok {
				return name, true
			}
		}
	}
	return "", false
}
