package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// span is what a backend knows of a span, whatever the backend.
type span struct {
	id, parent    string // 16 hex digits; "": no parent
	name, service string
	start         int64
	attrs         map[string]any
	links         []string // TRACE/SPAN
}

// checkWhole fails the test unless spans are one trace: no span twice, and every parent there, but for the local root
// whose parent is the one given ("": none).
func checkWhole(tb testing.TB, spans []span, parent string) {
	tb.Helper()
	ids, roots := map[string]bool{}, 0
	for _, s := range spans {
		if ids[s.id] {
			tb.Errorf("%s %s came twice", s.name, s.id)
		}
		ids[s.id] = true
	}
	for _, s := range spans {
		if s.parent == parent {
			roots++
		} else if !ids[s.parent] {
			tb.Errorf("the parent of %s: %s did not come", s.service, s.name)
		}
	}
	if roots != 1 {
		tb.Errorf("the trace has %d roots, want 1", roots)
	}
}

// outline draws spans as an indented tree, siblings by name and then by start, each with its error.type. The service
// stands where it changes.
func outline(spans []span) string {
	children, ids := map[string][]span{}, map[string]bool{}
	for _, s := range spans {
		ids[s.id] = true
	}
	for _, s := range spans {
		parent := s.parent
		if !ids[parent] {
			parent = ""
		}
		children[parent] = append(children[parent], s)
	}
	var b strings.Builder
	var draw func(parent, service string, depth int)
	draw = func(parent, service string, depth int) {
		below := children[parent]
		slices.SortStableFunc(below, func(x, y span) int {
			return cmp.Or(strings.Compare(x.name, y.name), cmp.Compare(x.start, y.start))
		})
		for _, s := range below {
			b.WriteString(strings.Repeat("  ", depth))
			if s.service != service {
				b.WriteString(s.service + ": ")
			}
			b.WriteString(s.name)
			if e, ok := s.attrs["error.type"]; ok {
				fmt.Fprintf(&b, " !%v", e)
			}
			b.WriteByte('\n')
			draw(s.id, s.service, depth+1)
		}
	}
	draw("", "", 0)
	return b.String()
}

// first returns the earliest span of a name in a service.
func first(tb testing.TB, spans []span, service, name string) span {
	tb.Helper()
	var found *span
	for _, s := range spans {
		if s.service == service && s.name == name && (found == nil || s.start < found.start) {
			found = &s
		}
	}
	if found == nil {
		tb.Fatalf("no span of %s is named %s:\n%s", service, name, outline(spans))
	}
	return *found
}
