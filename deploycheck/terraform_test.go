package deploycheck

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// hclFiles are all files of terraform/ that hold HCL, examples and tests too.
func hclFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.tf", "modules/*/*.tf", "*.tf.example", "*.tfvars.example", "tests/*.tftest.hcl"} {
		found, err := filepath.Glob(filepath.Join(root, "terraform", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no terraform/%s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	return files
}

func TestHCLIsValidAndFormatted(t *testing.T) {
	for _, path := range hclFiles(t) {
		if _, err := parseFile(path); err != nil {
			t.Error(err)
			continue
		}
		src := read(t, path)
		if diff := cmp.Diff(string(hclwrite.Format([]byte(src))), src); diff != "" {
			t.Errorf("%s is not formatted (-want +got):\n%s", path, diff)
		}
	}
}

// blocks gives the blocks of one type, in the order of their files. The file may be a pattern.
func blocks(t *testing.T, file, kind string) []*hclsyntax.Block {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "terraform", file))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no terraform/%s: %v", file, err)
	}
	var all []*hclsyntax.Block
	for _, path := range paths {
		body, err := parseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, body.Blocks...)
	}
	return slices.DeleteFunc(all, func(b *hclsyntax.Block) bool { return b.Type != kind })
}

func TestVariables(t *testing.T) {
	required := map[string][]string{
		"variables.tf": {"project_id", "region"}, "variables_observability.tf": nil, "variables_platform.tf": nil, "variables_settings.tf": nil,
		"modules/build/variables.tf":    {"name", "project_id", "region", "zip"},
		"modules/function/variables.tf": {"entry_point", "name", "project_id", "region"},
	}
	for file, want := range required {
		t.Run(file, func(t *testing.T) {
			var names, required []string
			for _, b := range blocks(t, file, "variable") {
				names = append(names, b.Labels[0])
				if b.Body.Attributes["default"] == nil {
					required = append(required, b.Labels[0])
				}
				if b.Body.Attributes["description"] == nil || b.Body.Attributes["type"] == nil {
					t.Errorf("variable %s lacks a type or a description", b.Labels[0])
				} else if !strings.HasPrefix(file, "modules/") && takesAnything(b) {
					t.Errorf("variable %s takes anything", b.Labels[0])
				}
			}
			if !slices.IsSorted(names) {
				t.Errorf("variables are not in alphabetical order: %q", names)
			}
			if !slices.Equal(required, want) {
				t.Errorf("required are %q, want %q", required, want)
			}
		})
	}
}

// takesAnything reports whether a variable is neither checked nor narrowed by its type.
func takesAnything(b *hclsyntax.Block) bool {
	narrow := []string{"bool", "object"}
	expr := b.Body.Attributes["type"].Expr
	if call, ok := expr.(*hclsyntax.FunctionCallExpr); ok && slices.Contains(narrow, call.Name) {
		return false
	}
	if vars := expr.Variables(); len(vars) > 0 && slices.Contains(narrow, vars[0].RootName()) {
		return false
	}
	return !slices.ContainsFunc(b.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "validation" })
}

func TestOutputs(t *testing.T) {
	var names []string
	for _, b := range blocks(t, "outputs.tf", "output") {
		names = append(names, b.Labels[0])
		if b.Body.Attributes["description"] == nil {
			t.Errorf("output %s lacks a description", b.Labels[0])
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("outputs are not in alphabetical order: %q", names)
	}
	// By the README, the pipeline and the smoke test.
	for _, read := range []string{
		"curl", "name", "project_id", "public", "region", "services", "sub_agent_urls", "traces", "url", "version",
	} {
		if !slices.Contains(names, read) {
			t.Errorf("there is no output %s", read)
		}
	}
}

func TestVersionsAreBoundOnBothSides(t *testing.T) {
	src := read(t, filepath.Join(root, "terraform", "versions.tf"))
	constraints := regexp.MustCompile(`(?m)version\s*=\s*"(.*)"$`).FindAllStringSubmatch(src, -1)
	if len(constraints) != 4 {
		t.Fatalf("found %d constraints, want Terraform's and three providers'", len(constraints))
	}
	for _, constraint := range constraints {
		if !regexp.MustCompile(`^>= [0-9.]+, < [0-9.]+$`).MatchString(constraint[1]) {
			t.Errorf("constraint %q is not bound on both sides", constraint[1])
		}
	}
}

// The tfvars example is what people copy: a name in it that is no variable, commented out or not, is a false lead.
func TestTfvarsExampleNamesVariables(t *testing.T) {
	var names []string
	for _, b := range blocks(t, "variables*.tf", "variable") {
		names = append(names, b.Labels[0])
	}
	src := read(t, filepath.Join(root, "terraform", "terraform.tfvars.example"))
	assigned := regexp.MustCompile(`(?m)^(?:# )?([a-z_]+) *= `).FindAllStringSubmatch(src, -1)
	if len(assigned) < 2 {
		t.Fatal("the example assigns nothing")
	}
	for _, match := range assigned {
		if !slices.Contains(names, match[1]) {
			t.Errorf("the example sets %s, which is no variable", match[1])
		}
	}
}

// The function's name in code, its Go version and the log fields are strings on both sides.
func TestTerraformNamesWhatTheCodeHas(t *testing.T) {
	terraform := ""
	for _, path := range hclFiles(t) {
		if filepath.Ext(path) == ".tf" {
			terraform += read(t, path)
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go 1\.(\d+)`).FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))
	if runtime := `= "go1` + goVersion[1] + `"`; strings.Count(terraform, runtime) != 2 {
		t.Errorf("go.mod needs Go 1.%s, but runtime %s is not the default of both the module and the root", goVersion[1], runtime)
	}

	if !exists(filepath.Join(root, "function.go")) {
		return
	}
	literals := goLiterals(t, root)
	for _, entry := range regexp.MustCompile(`entry_point\s*= "(.*)"`).FindAllStringSubmatch(terraform, -1) {
		if !literals.has(entry[1]) {
			t.Errorf("entry point %s is registered nowhere", entry[1])
		}
	}
	for field := range spanCounts(t) {
		if !literals.has(field) {
			t.Errorf("no log line has the field %s that the dashboard shows", field)
		}
	}
}

// spanCounts gives the log fields that local.span_counts makes metrics of.
func spanCounts(t *testing.T) map[string]bool {
	t.Helper()
	files, err := parseModule(root)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := local(files, &hcl.EvalContext{}, "span_counts")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for field := range maps.Keys(counts.AsValueMap()) {
		fields[field] = true
	}
	return fields
}

func TestGitIgnoresStateAndSecrets(t *testing.T) {
	gitignore := read(t, filepath.Join(root, ".gitignore"))
	for _, pattern := range []string{".terraform/", "*.tfstate*", "*.tfplan", "terraform.tfvars", ".env"} {
		if !slices.Contains(strings.Split(gitignore, "\n"), pattern) {
			t.Errorf(".gitignore lacks %s", pattern)
		}
	}
}

// A lock file holds for other machines only with the registry's own checksums ("zh:"); a provider that was built by hand
// gives none.
func TestALockFileIsTheRegistrys(t *testing.T) {
	path := filepath.Join(root, "terraform", ".terraform.lock.hcl")
	if !exists(path) {
		return
	}
	for provider := range strings.SplitSeq(read(t, path), "\nprovider ") {
		if strings.Contains(provider, "hashes") && !strings.Contains(provider, `"zh:`) {
			t.Errorf("provider %.60s has no checksum of the registry's", provider)
		}
	}
}
