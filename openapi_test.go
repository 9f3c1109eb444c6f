package function

import (
	"encoding/json"
	"go/ast"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// described is the part of the description that the code here can be held against.
type described struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Ref string `json:"$ref"`
		}
	}
	Components struct {
		Schemas map[string]struct{ Properties map[string]any }
	}
}

func readDescription(t *testing.T) described {
	t.Helper()
	// A path also has parameters that all of its methods share.
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components json.RawMessage
	}
	var d described
	if err := json.Unmarshal([]byte(openAPI), &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range doc.Paths {
		delete(path, "parameters")
	}
	raw, err := json.Marshal(doc)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Every route, every field of a request and every failure is described. What comes over the wire is held against the
// description in systemtest.
func TestOpenAPIDescribesTheHandlers(t *testing.T) {
	t.Parallel()
	d := readDescription(t)
	a, _ := newTestApp(t, modelFunc(says), nil)
	var served, told []string
	for _, r := range append(a.routes(), route{method: http.MethodGet, path: indexPath}, route{method: http.MethodGet, path: openAPIPath}) {
		served = append(served, r.method+" "+r.path)
	}
	for path, methods := range d.Paths {
		for method := range methods {
			told = append(told, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(told)
	if diff := cmp.Diff(served, told); diff != "" {
		t.Errorf("served (-) and described (+):\n%s", diff)
	}
	properties := slices.Sorted(maps.Keys(d.Components.Schemas["Task"].Properties))
	if diff := cmp.Diff(slices.Sorted(slices.Values(fields)), properties); diff != "" {
		t.Errorf("fields of a request that are taken (-) and described (+):\n%s", diff)
	}
	codes := refusals(t)
	for _, code := range statuses {
		if code != statusClientGone { // nobody receives it
			codes = append(codes, code)
		}
	}
	var answered []string
	for _, methods := range d.Paths {
		for _, m := range methods {
			for code := range m.Responses {
				answered = append(answered, code)
			}
		}
	}
	for _, code := range codes {
		if !slices.Contains(answered, strconv.Itoa(code)) {
			t.Errorf("the status %d is not described", code)
		}
	}
}

// refusals are the statuses with which this package refuses requests by badRequest.
func refusals(t *testing.T) (codes []int) {
	known := map[string]int{}
	for code := 400; code < 600; code++ {
		known["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(code))] = code
	}
	for _, s := range sources(t) {
		if s.dir != "." || s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "badRequest" {
				return true
			}
			sel, ok := call.Args[0].(*ast.SelectorExpr)
			if !ok || known[sel.Sel.Name] == 0 {
				t.Errorf("%s: a status that is not known by name", s.path)
				return true
			}
			codes = append(codes, known[sel.Sel.Name])
			return true
		})
	}
	if len(codes) < 10 {
		t.Errorf("found %d refusals only", len(codes))
	}
	return codes
}

// What only tests need is not in the deployed program.
func TestTheDeployedProgramHasNothingOfTests(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if !slices.Contains(packages, module+"/tracing") {
		t.Fatalf("%d packages, and tracing is not among them", len(packages))
	}
	for _, name := range packages {
		if withinAny(name, []string{
			"testing", "github.com/pb33f", "github.com/chromedp", "github.com/google/go-cmp", "github.com/hashicorp", "go.uber.org/goleak",
			module + "/agent/geminisim", module + "/tracing/tracingtest", module + "/local",
		}) {
			t.Errorf("%s is in the deployed program", name)
		}
	}
}
