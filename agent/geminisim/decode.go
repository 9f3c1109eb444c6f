package geminisim

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// decoder decodes JSON into messages the way the API's front end does: names in camel or snake case, unknown names
// refused, a lone value taken for a list of one, null for unset. It gathers violations and goes on.
type decoder struct {
	cursor
	vertex     bool
	path       []step
	violations []violation
	deep       bool // a schema was cut at maxSchemaDepth
}

type step struct {
	name string
	i    int // -1: not an element of a list
}

type violation struct {
	Field       string `json:"field,omitempty"`
	Description string `json:"description"`
}

// maxViolations bounds the answer to a body made of rubbish.
const maxViolations = 50

func (d *decoder) violate(format string, args ...any) {
	if len(d.violations) < maxViolations {
		v := violation{Field: d.where(), Description: fmt.Sprintf(format, args...)}
		d.violations = append(d.violations, v)
	}
}

// where renders the path as the API does, in the proto's snake case: tools[0].function_declarations[1].parameters.
func (d *decoder) where() string {
	var b strings.Builder
	for i, s := range d.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(snake(s.name))
		if s.i >= 0 {
			b.WriteString("[" + strconv.Itoa(s.i) + "]")
		}
	}
	return b.String()
}

// invalid takes a value of the wrong type.
func (d *decoder) invalid(typ string) {
	raw := d.raw()
	if raw[0] == '[' {
		d.violate("Invalid value at '%s' (%s), Proto field is not repeating, cannot start list.", d.where(), typ)
		return
	}
	d.violate("Invalid value at '%s' (%s), %s", d.where(), typ, clip(string(raw), 80))
}

// message decodes an object whose fields know takes; it answers false for a name it does not know.
func (d *decoder) message(typ string, know func(field string) bool) {
	switch d.next() {
	case 'n':
		d.raw()
	case '{':
		d.object(func(key string) {
			field := camel(key)
			d.path = append(d.path, step{field, -1})
			known := know(field)
			d.path = d.path[:len(d.path)-1]
			if known {
				return
			}
			d.raw()
			at := ""
			if len(d.path) > 0 {
				at = " at '" + d.where() + "'"
			}
			d.violate("Invalid JSON payload received. Unknown name %q%s: Cannot find field.", key, at)
		})
	default:
		d.invalid(d.typeName(typ))
	}
}

// each decodes a repeated field.
func (d *decoder) each(element func()) {
	last := &d.path[len(d.path)-1]
	switch d.next() {
	case 'n':
		d.raw()
	case '[':
		d.array(func(i int) {
			d.path[len(d.path)-1].i = i
			element()
		})
		d.path[len(d.path)-1].i = -1
	default:
		last.i = 0
		element()
		d.path[len(d.path)-1].i = -1
	}
}

func (d *decoder) string() string {
	switch d.next() {
	case '"':
		return d.str()
	case 'n':
		d.raw()
	default:
		d.invalid("TYPE_STRING")
	}
	return ""
}

// bytes decodes base64 in any of its spellings, and keeps it as sent.
func (d *decoder) bytes() string {
	s := d.string()
	if _, err := base64.StdEncoding.DecodeString(standardBase64(s)); err != nil {
		d.violate("Invalid value at '%s' (TYPE_BYTES), Base64 decoding failed for %q", d.where(), clip(s, 80))
	}
	return s
}

func (d *decoder) bool() bool {
	switch d.next() {
	case 't', 'f', 'n':
		return d.raw()[0] == 't'
	default:
		d.invalid("TYPE_BOOL")
	}
	return false
}

// number decodes a number, bare or in quotes; nil when unset or wrong.
func (d *decoder) number(typ string) *float64 {
	c := d.next()
	if c == 'n' {
		d.raw()
		return nil
	}
	at := d.cursor
	if f, err := strconv.ParseFloat(strings.Trim(string(d.raw()), `"`), 64); err == nil {
		isFloat := typ == "TYPE_FLOAT" || typ == "TYPE_DOUBLE"
		if isFloat && !math.IsNaN(f) && !math.IsInf(f, 0) || f == float64(int64(f)) {
			return &f
		}
	}
	d.cursor = at
	d.invalid(typ)
	return nil
}

// enum decodes one of names, in any case; "" when unset or wrong.
func (d *decoder) enum(typ string, names ...string) string {
	if d.next() == 'n' {
		d.raw()
		return ""
	}
	at := d.cursor
	if d.next() == '"' {
		got := d.str()
		for _, n := range names {
			if strings.EqualFold(got, n) {
				return n
			}
		}
	}
	d.cursor = at
	d.invalid(d.typeName(typ))
	return ""
}

// structure takes a free JSON object (google.protobuf.Struct); nil when unset or wrong.
func (d *decoder) structure() json.RawMessage {
	switch d.next() {
	case '{':
		return d.raw()
	case 'n':
		d.raw()
	default:
		d.invalid("type.googleapis.com/google.protobuf.Struct")
	}
	return nil
}

func (d *decoder) typeName(typ string) string {
	if d.vertex {
		return "type.googleapis.com/google.cloud.aiplatform.v1beta1." + typ
	}
	return "type.googleapis.com/google.ai.generativelanguage.v1beta." + typ
}

// err joins the violations into the API's answer; nil when there are none.
func (d *decoder) err() *apiError {
	if len(d.violations) == 0 {
		return nil
	}
	lines := make([]string, len(d.violations))
	for i, v := range d.violations {
		lines[i] = v.Description
	}
	e := invalidf("%s", strings.Join(lines, "\n"))
	e.Details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": d.violations,
	}}
	return e
}
