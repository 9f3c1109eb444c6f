package geminisim

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Schema is what the simulator keeps of a parameter schema, from either of the two ways to declare it.
type Schema struct {
	Type        string // lower case; "" when not said
	Description string
	Format      string
	Properties  []Property // in the order declared
	Required    []string
	Items       *Schema
	AnyOf       []*Schema
	Enum        []json.RawMessage
	Default     json.RawMessage
	Example     json.RawMessage
	Minimum     *float64
	MinItems    *float64
	Ref         string
	Defs        []Property
}

// Property is a named schema.
type Property struct {
	Name   string
	Schema *Schema
}

func (s *Schema) property(name string) *Schema {
	if s != nil {
		for _, p := range s.Properties {
			if p.Name == name {
				return p.Schema
			}
		}
	}
	return nil
}

// maxSchemaDepth is a guess: the API stops, too, and does not say where.
const maxSchemaDepth = 32

// schema decodes the API's own Schema message, a strict subset of OpenAPI 3.0; nil when unset.
func (d *decoder) schema(depth int) *Schema {
	if d.next() == 'n' || d.tooDeep(depth) {
		d.raw()
		return nil
	}
	s := &Schema{}
	d.message("Schema", func(field string) bool {
		switch field {
		case "type":
			s.Type = strings.ToLower(d.enum("Type", "TYPE_UNSPECIFIED",
				"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"))
		case "description":
			s.Description = d.string()
		case "format":
			s.Format = d.string()
		case "properties":
			s.Properties = d.schemaMap(depth, (*decoder).schema)
		case "required":
			d.each(func() { s.Required = append(s.Required, d.string()) })
		case "items":
			s.Items = d.schema(depth + 1)
		case "anyOf":
			d.each(func() { s.AnyOf = append(s.AnyOf, d.schema(depth+1)) })
		case "enum":
			d.each(func() {
				if d.next() != '"' {
					d.invalid("TYPE_STRING")
					return
				}
				s.Enum = append(s.Enum, d.raw())
			})
		case "default":
			s.Default = d.raw()
		case "example":
			s.Example = d.raw()
		case "minimum":
			s.Minimum = d.number("TYPE_DOUBLE")
		case "minItems":
			s.MinItems = d.number("TYPE_INT64")
		case "maximum":
			d.number("TYPE_DOUBLE")
		case "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			d.number("TYPE_INT64")
		case "title", "pattern":
			d.string()
		case "nullable":
			d.bool()
		case "propertyOrdering":
			d.each(func() { d.string() })
		case "additionalProperties", "ref", "defs":
			return d.skipIf(d.vertex)
		default:
			return false
		}
		return true
	})
	return s
}

func (d *decoder) tooDeep(depth int) bool {
	d.deep = d.deep || depth >= maxSchemaDepth
	return depth >= maxSchemaDepth
}

// schemaMap decodes a map of schemas; a map's entry shows in a path as properties[1].value.
func (d *decoder) schemaMap(depth int, decode func(*decoder, int) *Schema) (props []Property) {
	if d.next() != '{' {
		d.invalid("Map")
		return nil
	}
	n := 0
	d.object(func(key string) {
		d.path[len(d.path)-1].i = n
		d.path = append(d.path, step{"value", -1})
		if s := decode(d, depth+1); s != nil {
			props = append(props, Property{key, s})
		}
		d.path = d.path[:len(d.path)-1]
		n++
	})
	d.path[len(d.path)-1].i = -1
	return props
}

// jsonSchema decodes JSON Schema, where unknown words are allowed and true stands for anything; nil when unset.
func (d *decoder) jsonSchema(depth int) *Schema {
	switch c := d.next(); {
	case c == 'n' || d.tooDeep(depth):
		d.raw()
		return nil
	case c == 't' || c == 'f':
		d.raw()
		return &Schema{}
	case c != '{':
		d.invalid("a JSON Schema must be a boolean or an object")
		return nil
	}
	s := &Schema{}
	d.object(func(key string) {
		d.path = append(d.path, step{key, -1})
		defer func() { d.path = d.path[:len(d.path)-1] }()
		c := d.next()
		switch {
		case key == "type" && c == '"':
			s.Type = d.str()
		case key == "type" && c == '[': // ["null", "string"]: the first that says something
			d.array(func(int) {
				if t := d.string(); s.Type == "" && t != "null" {
					s.Type = t
				}
			})
		case key == "description" && c == '"':
			s.Description = d.str()
		case key == "format" && c == '"':
			s.Format = d.str()
		case key == "properties" && c == '{':
			s.Properties = d.schemaMap(depth, (*decoder).jsonSchema)
		case (key == "$defs" || key == "definitions") && c == '{':
			s.Defs = d.schemaMap(depth, (*decoder).jsonSchema)
		case key == "required" && c == '[':
			d.each(func() { s.Required = append(s.Required, d.string()) })
		case key == "items" && (c == '{' || c == 't'):
			s.Items = d.jsonSchema(depth + 1)
		case (key == "anyOf" || key == "oneOf" || key == "allOf") && c == '[':
			d.each(func() {
				if sub := d.jsonSchema(depth + 1); sub != nil {
					s.AnyOf = append(s.AnyOf, sub)
				}
			})
		case key == "enum" && c == '[':
			d.array(func(int) { s.Enum = append(s.Enum, d.raw()) })
		case key == "const":
			s.Enum = append(s.Enum, d.raw())
		case key == "default":
			s.Default = d.raw()
		case key == "examples" && c == '[':
			d.array(func(i int) {
				if v := d.raw(); i == 0 {
					s.Example = v
				}
			})
		case key == "minimum":
			s.Minimum = d.number("TYPE_DOUBLE")
		case key == "minItems":
			s.MinItems = d.number("TYPE_INT64")
		case key == "$ref" && c == '"':
			s.Ref = d.str()
		case slices.Contains([]string{"type", "properties", "required", "anyOf", "oneOf", "allOf", "enum"}, key):
			d.invalid("JSON Schema")
		default:
			d.raw()
		}
	})
	return s
}

// checkSchema finds what the API refuses in a Schema message that decodes: the problem, "" when there is none, and the
// proto path of it under s.
func checkSchema(s *Schema) (at, problem string) {
	switch {
	case s == nil:
		return "", ""
	case s.Type == "array" && s.Items == nil:
		return ".items", "missing field."
	case s.Type == "object" && len(s.Properties) == 0 && len(s.AnyOf) == 0:
		return ".properties", "should be non-empty for OBJECT type"
	case len(s.Enum) > 0 && s.Type != "string":
		return ".enum", "only allowed for STRING type"
	case s.Type == "string" && !slices.Contains([]string{"", "enum", "date-time"}, s.Format):
		return ".format", "only 'enum' and 'date-time' are supported for STRING type"
	case s.Type != "object" && len(s.AnyOf) == 0 && (len(s.Properties) > 0 || len(s.Required) > 0):
		return ".properties", "only allowed for OBJECT type"
	}
	for i, value := range s.Enum {
		if string(value) == `""` {
			return ".enum[" + strconv.Itoa(i) + "]", "cannot be empty"
		}
	}
	for i, name := range s.Required {
		if s.property(name) == nil && len(s.AnyOf) == 0 {
			return ".required[" + strconv.Itoa(i) + "]", "property is not defined"
		}
	}
	for _, p := range s.Properties {
		if at, problem = checkSchema(p.Schema); problem != "" {
			return ".properties[" + p.Name + "]" + at, problem
		}
	}
	for i, sub := range s.AnyOf {
		if at, problem = checkSchema(sub); problem != "" {
			return ".any_of[" + strconv.Itoa(i) + "]" + at, problem
		}
	}
	if at, problem = checkSchema(s.Items); problem != "" {
		return ".items" + at, problem
	}
	return "", ""
}
