package deploycheck

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The names that are not the same on all sides, and why.
var (
	// platformNames are set by Cloud Run, not by terraform.
	platformNames = []string{"CLOUD_RUN_TIMEOUT_SECONDS", "K_REVISION", "K_SERVICE", "PORT"}
	// aliases are a library's other names for what terraform sets under its first name.
	aliases = []string{"GOOGLE_API_KEY", "GOOGLE_GENAI_USE_ENTERPRISE"}
	// plannedNames can be deployed already and are about to be read. Each goes from this list with the code that reads it.
	plannedNames = []string{
		"TRACE_DEAD_LETTER",
	}
	// foreignNames are other programs' and never read by our Go.
	foreignNames = []string{"FUNCTION_TARGET", "GOOGLE_APPLICATION_CREDENTIALS", "TF_IN_AUTOMATION"}
)

// settingName is what a name of an environment variable of ours looks like. One that ends in "_" stands for a family.
var settingName = regexp.MustCompile(
	`\b(?:(?:AGENT|APP|BAGGAGE|CLOUD|CORS|FUNCTION|GEMINI|GOOGLE|K|LOG|LONG_TERM|MCP|OTEL|REQUEST|SESSION|SUB_AGENT|` +
		`TASK|TRACE)_[A-Z_]*[A-Z_]|ENVIRONMENT|FIRESTORE_DATABASE|PORT|SUB_AGENTS)\b`)

// nameSet is a set of names and of families of names.
type nameSet map[string]bool

// has reports whether the set holds the name or its family.
func (s nameSet) has(name string) bool {
	if s[name] {
		return true
	}
	for member := range s {
		if strings.HasSuffix(member, "_") && strings.HasPrefix(name, member) {
			return true
		}
	}
	return false
}

// settings gives the members that are names of settings, without families.
func (s nameSet) settings() []string {
	var names []string
	for member := range s {
		if settingName.FindString(member) == member && !strings.HasSuffix(member, "_") {
			names = append(names, member)
		}
	}
	slices.Sort(names)
	return names
}

func textNames(text string) nameSet {
	names := nameSet{}
	for _, name := range settingName.FindAllString(text, -1) {
		names[name] = true
	}
	return names
}

// disagreements says where terraform/, the Go code, the documents and local/ under root name different settings. What
// does not exist yet disagrees with nothing: docs/settings.md, local/.env.example, and Go without its function.go, which is
// then only held to know no setting that terraform cannot set.
func disagreements(t *testing.T, root string) []string {
	t.Helper()
	var complaints []string
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	deployed, code := terraformNames(t, root), goLiterals(t, root)

	for _, name := range code.literals.settings() {
		if !deployed.has(name) && !slices.Contains(slices.Concat(platformNames, aliases, foreignNames), name) {
			complain("Go reads %s, which terraform cannot set", name)
		}
	}
	if exists(filepath.Join(root, "function.go")) {
		for _, name := range deployed.settings() {
			if !code.has(name) && !slices.Contains(plannedNames, name) {
				complain("terraform sets %s, which Go never reads", name)
			}
		}
	}

	known := nameSet{}
	exceptions := slices.Concat(platformNames, aliases, foreignNames)
	for _, name := range slices.Concat(deployed.settings(), code.literals.settings(), exceptions) {
		known[name] = true
	}
	documents := map[string]bool{"docs/settings.md": true, "README.md": false, "local/.env.example": true} // true: names every setting
	for _, path := range localFiles(t, root) {
		if !documents[path] {
			documents[path] = false // known, but need not name every setting
		}
	}
	for _, path := range slices.Sorted(maps.Keys(documents)) {
		if !exists(filepath.Join(root, path)) {
			continue
		}
		names := textNames(read(t, filepath.Join(root, path)))
		for _, name := range names.settings() {
			if !known[name] {
				complain("%s names %s, which nothing reads", path, name)
			}
		}
		for _, name := range deployed.settings() {
			if documents[path] && !names.has(name) && !slices.Contains(plannedNames, name) {
				complain("%s does not name %s", path, name)
			}
		}
	}
	return complaints
}

// terraformNames gives every name that a deploy can set: keys of maps, and the names that settings takes.
func terraformNames(t *testing.T, root string) nameSet {
	t.Helper()
	files, err := parseModule(root)
	if err != nil {
		t.Fatal(err)
	}
	names := nameSet{}
	for _, body := range files {
		diags := hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
			word := ""
			switch n := node.(type) {
			case *hclsyntax.ObjectConsKeyExpr:
				word = hcl.ExprAsKeyword(n)
			case *hclsyntax.TemplateExpr:
				if v, diags := n.Value(nil); !diags.HasErrors() {
					word = v.AsString()
				}
			}
			if word != "" && settingName.FindString(word) == word {
				names[word] = true
			}
			return nil
		})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
	}
	return names
}

// codeNames are the string literals of Go code, and the names that it may put together of two: where a file has the
// family OTEL_EXPORTER_OTLP_ and "TIMEOUT", it may read OTEL_EXPORTER_OTLP_TIMEOUT.
type codeNames struct{ literals, composed nameSet }

func (c codeNames) has(name string) bool { return c.literals[name] || c.composed[name] }

// goLiterals reads the Go code that is deployed and that of local/, tests left out.
func goLiterals(t *testing.T, root string) codeNames {
	t.Helper()
	names := codeNames{literals: nameSet{}, composed: nameSet{}}
	for _, dir := range []string{".", "agent", "tracing", "local"} {
		base := filepath.Join(root, dir)
		if !exists(base) {
			continue
		}
		err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && dir == "." && path != base {
				return filepath.SkipDir
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			addLiterals(t, names, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

func addLiterals(t *testing.T, names codeNames, path string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var families, parts []string
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		switch {
		case err != nil:
		case settingName.FindString(value) == value && strings.HasSuffix(value, "_"):
			families = append(families, value)
		case value != "":
			parts = append(parts, value)
		}
		return true
	})
	for _, part := range parts {
		names.literals[part] = true
		for _, family := range families {
			names.composed[family+part] = true
		}
	}
}

// localFiles are the files of local/ that are not Go.
func localFiles(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	base := filepath.Join(root, "local")
	if !exists(base) {
		return nil
	}
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".go" {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestAllSidesNameTheSameSettings(t *testing.T) {
	for _, complaint := range disagreements(t, root) {
		t.Error(complaint)
	}
}

func TestDisagreementsAreFound(t *testing.T) {
	const (
		terraform = `locals { environment = { LOG_LEVEL = "info", ENVIRONMENT = "x", OTEL_EXPORTER_OTLP_TIMEOUT = "1" } }`
		code      = "package function\nvar names = []string{\"LOG_LEVEL\", \"ENVIRONMENT\", \"K_SERVICE\"}\n" +
			"var family, parts = \"OTEL_EXPORTER_OTLP_\", []string{\"TIMEOUT\"}\n"
		settings = "Set LOG_LEVEL, `ENVIRONMENT` or OTEL_EXPORTER_OTLP_*."
	)
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{name: "all the same"},
		{
			name:  "a typo in terraform",
			files: map[string]string{"terraform/main.tf": strings.Replace(terraform, "LOG_LEVEL", "LOG_LEVLE", 1)},
			want: []string{
				"Go reads LOG_LEVEL, which terraform cannot set",
				"terraform sets LOG_LEVLE, which Go never reads",
				"docs/settings.md does not name LOG_LEVLE",
			},
		},
		{
			name:  "a member of a family that Go does not read",
			files: map[string]string{"terraform/main.tf": strings.Replace(terraform, "_TIMEOUT", "_HEADERS", 1)},
			want:  []string{"terraform sets OTEL_EXPORTER_OTLP_HEADERS, which Go never reads"},
		},
		{
			name:  "a setting that is only in Go",
			files: map[string]string{"agent/agent.go": "package agent\n\nconst x = \"MCP_SERVER_URL\""},
			want:  []string{"Go reads MCP_SERVER_URL, which terraform cannot set"},
		},
		{
			name:  "a test may read anything",
			files: map[string]string{"agent/agent_test.go": "package agent\n\nconst x = \"MCP_SERVER_URL\""},
		},
		{
			name:  "settings of yesterday",
			files: map[string]string{"docs/settings.md": "Set LOG_LEVEL, TRACE_MODE or OTEL_EXPORTER_OTLP_*."},
			want:  []string{"docs/settings.md names TRACE_MODE, which nothing reads", "docs/settings.md does not name ENVIRONMENT"},
		},
		{
			name: "local files",
			files: map[string]string{
				"local/.env.example":        "LOG_LEVEL=debug\nENVIRONMENT=development\n",
				"local/docker-compose.yaml": "environment: { LOG_LEVL: x, OTEL_TRACE: y }",
			},
			want: []string{
				"local/.env.example does not name OTEL_EXPORTER_OTLP_TIMEOUT",
				"local/docker-compose.yaml names LOG_LEVL, which nothing reads",
				"local/docker-compose.yaml names OTEL_TRACE, which nothing reads",
			},
		},
		{
			name: "Go is not complete before its root is there",
			files: map[string]string{
				"function.go":     "",
				"tracing/main.go": "package tracing\n\nconst x = \"LOG_LEVEL\"",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"terraform/main.tf": terraform, "function.go": code, "docs/settings.md": settings}
			maps.Copy(files, tt.files)
			if files["function.go"] == "" {
				delete(files, "function.go")
			}
			if diff := cmp.Diff(tt.want, disagreements(t, writeTree(t, files))); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}
