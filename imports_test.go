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

// leaves of tracing: any room may use them.
var leaves = []string{"tracing/redact", "tracing/semconv", "tracing/correlation"}

// edges are the rooms of this module that the code of a room may import, and code outside that it may not, with what lies
// below. Tests may look at more. A room that is not named may not exist.
var edges = map[string]struct{ own, never []string }{
	".": {
		own:   []string{"agent", "agent/mcptools", "agent/remote", "agent/session", "tracing", "tracing/agenttrace", "tracing/correlation", "tracing/env", "tracing/httptrace", "tracing/redact"},
		never: []string{sdk, genai},
	},
	"agent": {
		own:   []string{"agent/remote", "agent/toolschema", "tracing/agenttrace", "tracing/env", "tracing/httptrace", "tracing/googleauth", "tracing/redact", "tracing/semconv"},
		never: []string{sdk, exporters, contrib, operations, framework, mcpSDK},
	},
	"agent/toolschema": {never: []string{telemetry, genai, mcpSDK, google}},
	"agent/remote":     {never: []string{telemetry, genai, mcpSDK, google}},
	"agent/mcptools": {
		own:   []string{"agent", "agent/remote", "agent/toolschema", "tracing/agenttrace", "tracing/httptrace", "tracing/redact", "tracing/semconv"},
		never: []string{sdk, exporters, contrib, operations, framework, genai},
	},
	"agent/session": {
		own:   []string{"agent", "agent/wordindex", "tracing/agenttrace", "tracing/googleauth", "tracing/redact", "tracing/semconv"},
		never: []string{sdk, exporters, contrib, operations, framework, genai, mcpSDK},
	},
	"agent/geminisim": {never: []string{sdk, framework, genai}},
	"agent/agenttest": {
		own:   []string{"agent", "tracing/agenttrace", "tracing/httptrace", "tracing/tracingtest"},
		never: []string{exporters, contrib, operations, framework, genai, mcpSDK},
	},
	"agent/wordindex": {never: []string{telemetry, genai, mcpSDK, google}},

	"tracing": {
		own: append([]string{
			"tracing/agenttrace", "tracing/httptrace", "tracing/pipeline", "tracing/sampling", "tracing/propagation",
			"tracing/export", "tracing/export/otlp", "tracing/export/cloudtrace", "tracing/export/console",
			"tracing/googleauth", "tracing/env",
		}, leaves...),
		never: []string{genai, framework, mcpSDK},
	},
	"tracing/agenttrace":        {own: []string{"tracing/env", "tracing/redact", "tracing/semconv"}, never: []string{sdk, exporters, contrib, operations, grpc, google}},
	"tracing/httptrace":         {own: leaves, never: []string{sdk, exporters, contrib, operations, grpc, google}},
	"tracing/pipeline":          {own: append([]string{"tracing/export", "tracing/sampling"}, leaves...), never: []string{exporters, operations, grpc}},
	"tracing/sampling":          {own: []string{"tracing/semconv", "tracing/env"}, never: []string{exporters, grpc}},
	"tracing/propagation":       {never: []string{sdk, exporters, grpc}},
	"tracing/export":            {own: leaves, never: []string{exporters, operations}},
	"tracing/export/otlp":       {own: append([]string{"tracing/export", "tracing/googleauth", "tracing/httptrace"}, leaves...), never: []string{exporters, operations}},
	"tracing/export/cloudtrace": {own: append([]string{"tracing/export", "tracing/googleauth"}, leaves...), never: []string{exporters}},
	"tracing/export/console":    {own: append([]string{"tracing/export"}, leaves...), never: []string{exporters, operations, grpc}},
	"tracing/googleauth":        {never: []string{sdk, exporters, grpc}},
	"tracing/env":               {never: []string{telemetry}},
	"tracing/redact":            {never: []string{telemetry}},
	"tracing/semconv":           {own: []string{"tracing/redact"}, never: []string{sdk, exporters, contrib}},
	"tracing/correlation":       {never: []string{telemetry}},
	"tracing/tracingtest":       {never: []string{exporters, grpc}},

	"local": {own: []string{
		".", "agent/geminisim", "agent/remote", "local/live", "local/searchservice", "tracing", "tracing/agenttrace", "tracing/httptrace",
		"tracing/export/console", "tracing/redact", "tracing/semconv",
	}},
	"local/live":            {own: []string{"tracing/semconv", "tracing/redact"}, never: []string{exporters, grpc, genai, framework}},
	"local/geminisim":       {own: []string{"agent/geminisim"}},
	"local/searchservice":   {own: []string{"agent/wordindex"}, never: []string{sdk, genai, framework}},
	"systemtest":            {},
	"deploycheck":           {},
	"deploycheck/fileset":   {own: []string{"deploycheck"}},
	"deploycheck/smoke":     {},
	"deploycheck/cloudsim":  {},
	"deploycheck/logquery":  {},
	"deploycheck/planguard": {},
	"bench":                 {own: []string{"bench/process"}},
	"bench/costmain":        {own: []string{"."}},
	"bench/functionmain":    {own: []string{"."}},
	"bench/helloworld":      {},
	"bench/process":         {},
}

const (
	framework  = "github.com/GoogleCloudPlatform/functions-framework-go"
	telemetry  = "go.opentelemetry.io"
	sdk        = "go.opentelemetry.io/otel/sdk"
	exporters  = "go.opentelemetry.io/otel/exporters"
	contrib    = "go.opentelemetry.io/contrib"
	operations = "github.com/GoogleCloudPlatform/opentelemetry-operations-go"
	genai      = "google.golang.org/genai"
	grpc       = "google.golang.org/grpc"
	google     = "cloud.google.com/go"
	mcpSDK     = "github.com/modelcontextprotocol/go-sdk"
)

// The rooms are built on one another in one direction, and know no more of each other than edges says.
func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		edge, known := edges[s.dir]
		if !known {
			t.Errorf("%s: the room %s is not in the table of edges", s.path, s.dir)
			continue
		}
		if s.test {
			continue
		}
		for _, name := range s.imports {
			if withinAny(name, edge.never) {
				t.Errorf("%s imports %s", s.path, name)
			}
			if !within(name, module) {
				continue
			}
			room := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
			if room == "" {
				room = "."
			}
			if !slices.Contains(edge.own, room) {
				t.Errorf("%s imports the room %s, which is no edge of %s", s.path, room, s.dir)
			}
		}
	}
}

// The tests of tracing and of the agent do not look up either.
func TestTestsDoNotImportWhatIsBuiltOnTheirRoom(t *testing.T) {
	t.Parallel()
	for _, rule := range []struct {
		room  string
		never []string
	}{
		{"tracing", []string{module + "/agent", module + "/local", module + "/bench", genai, framework}},
		{"tracing/tracingtest", []string{module + "/agent", module + "/local"}},
		{"agent", []string{module + "/local", module + "/bench", framework}},
		{"agent/geminisim", []string{module + "/tracing"}},
	} {
		for _, s := range sources(t) {
			for _, name := range s.imports {
				if within(s.dir, rule.room) && (withinAny(name, rule.never) || rule.room != "." && name == module) {
					t.Errorf("%s imports %s", s.path, name)
				}
			}
		}
	}
}

// The buildpack wants one package in the root, tests included, that imports the framework's functions and no more of
// it, and it looks at no build tags.
func TestTheRootIsWhatTheBuildpackTakes(t *testing.T) {
	t.Parallel()
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
