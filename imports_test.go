package function

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "example.com/gemini-agent"

// source is one Go file of the module.
type source struct {
	path    string // from the root, with slashes
	dir     string // "." is the root
	test    bool
	file    *ast.File
	imports []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{
			path: filepath.ToSlash(path), dir: filepath.ToSlash(filepath.Dir(path)),
			test: strings.HasSuffix(path, "_test.go"), file: file,
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 50 {
		t.Fatalf("found %d Go files: not the whole module", len(list))
	}
	return list
}

// within reports whether a directory or import path is root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func withinAny(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return within(path, root) })
}

// The rooms are built on one another in one direction: local → function → agent → tracing. Tests of the whole are in
// systemtest, above all but local.
func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	const (
		framework = "github.com/GoogleCloudPlatform/functions-framework-go"
		sdk       = "go.opentelemetry.io/otel/sdk"
		genai     = "google.golang.org/genai"
	)
	for _, rule := range []struct {
		room  string
		tests bool // holds for test files as well
		never []string
	}{
		{"tracing", true, []string{module + "/agent", module + "/local", module + "/bench", module + "/terraform", genai, framework}},
		{"tracing/tracingtest", true, []string{module + "/tracing"}},
		{"agent", true, []string{module + "/local", module + "/bench", framework}},
		{"agent", false, []string{
			sdk, "go.opentelemetry.io/otel/exporters", "go.opentelemetry.io/contrib", module + "/tracing/tracingtest",
			"github.com/GoogleCloudPlatform/opentelemetry-operations-go",
		}},
		{"agent/geminisim", true, []string{module + "/tracing"}},
		{".", false, []string{module + "/local", module + "/bench"}},
		{".", false, []string{module + "/tracing/tracingtest", module + "/agent/geminisim", genai, sdk}},
	} {
		for _, s := range sources(t) {
			inRoom := within(s.dir, rule.room)
			if rule.room == "." {
				inRoom = s.dir == "."
			}
			if !inRoom || s.test && !rule.tests {
				continue
			}
			own := module + "/" + s.dir
			for _, name := range s.imports {
				if withinAny(name, rule.never) && !within(name, own) {
					t.Errorf("%s imports %s", s.path, name)
				}
			}
			if rule.room != "." && slices.Contains(s.imports, module) {
				t.Errorf("%s imports the root", s.path)
			}
		}
	}
}

// The buildpack wants one package in the root, tests included, that imports the framework's functions and no more of
// it, and it looks at no build tags.
func TestTheRootIsWhatTheBuildpackTakes(t *testing.T) {
	t.Parallel()
	const framework = "github.com/GoogleCloudPlatform/functions-framework-go"
	registers := false
	for _, s := range sources(t) {
		if s.dir != "." {
			continue
		}
		if name := s.file.Name.Name; name != "function" {
			t.Errorf("%s is of package %s", s.path, name)
		}
		for _, name := range s.imports {
			registers = registers || name == framework+"/functions"
			if within(name, framework) && name != framework+"/functions" {
				t.Errorf("%s imports %s", s.path, name)
			}
		}
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:build") {
					t.Errorf("%s has a build tag", s.path)
				}
			}
		}
	}
	if !registers {
		t.Error("the root does not import the framework's functions")
	}
}

// The environment is read at the edge, and no part depends on OpenTelemetry's globals.
func TestNothingReadsWhatOthersSet(t *testing.T) {
	t.Parallel()
	env := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv"}
	globals := []string{
		"SetTracerProvider", "GetTracerProvider", "Tracer", "SetTextMapPropagator", "GetTextMapPropagator",
		"SetErrorHandler", "GetErrorHandler", "Handle", "SetLogger", "SetMeterProvider", "GetMeterProvider", "Meter",
	}
	for _, s := range sources(t) {
		if s.test || within(s.dir, "tracing/tracingtest") {
			continue
		}
		atTheEdge := s.path == "function.go" || s.dir == "local" || within(s.dir, "bench")
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			switch {
			case !ok:
			case pkg.Name == "os" && slices.Contains(env, sel.Sel.Name) && !atTheEdge:
				t.Errorf("%s reads the environment with os.%s", s.path, sel.Sel.Name)
			case pkg.Name == "otel" && sel.Sel.Name == "SetErrorHandler" && atTheEdge: // to silence the SDK
			case pkg.Name == "otel" && slices.Contains(globals, sel.Sel.Name):
				t.Errorf("%s uses the global otel.%s", s.path, sel.Sel.Name)
			}
			return true
		})
	}
}
