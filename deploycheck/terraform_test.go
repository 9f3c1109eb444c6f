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
	for _, pattern := range []string{"*.tf", "*.tf.example", "*.tfvars.example", "tests/*.tftest.hcl"} {
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

// blocks gives the blocks of one type, in the order of their file.
func blocks(t *testing.T, file, kind string) []*hclsyntax.Block {
	t.Helper()
	body, err := parseFile(filepath.Join(root, "terraform", file))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Clone(body.Blocks), func(b *hclsyntax.Block) bool { return b.Type != kind })
}

func TestVariables(t *testing.T) {
	var names, required []string
	for _, b := range blocks(t, "variables.tf", "variable") {
		name := b.Labels[0]
		names = append(names, name)
		attrs := b.Body.Attributes
		if attrs["description"] == nil || attrs["type"] == nil {
			t.Errorf("variable %s lacks a type or a description", name)
			continue
		}
		if attrs["default"] == nil {
			required = append(required, name)
		}
		isBool := attrs["type"].Expr.Variables()[0].RootName() == "bool"
		validated := slices.ContainsFunc(b.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "validation" })
		if !isBool && !validated && name != "pipeline" {
			t.Errorf("variable %s takes anything", name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("variables are not in alphabetical order: %q", names)
	}
	if want := []string{"project_id", "region"}; !slices.Equal(required, want) {
		t.Errorf("required are %q, want %q", required, want)
	}
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
	for _, read := range []string{"curl", "project_id", "traces", "url"} { // by the README and the smoke test
		if !slices.Contains(names, read) {
			t.Errorf("there is no output %s", read)
		}
	}
}

func TestVersionsAreBoundOnBothSides(t *testing.T) {
	src := read(t, filepath.Join(root, "terraform", "versions.tf"))
	constraints := regexp.MustCompile(`(?m)version\s*=\s*"(.*)"$`).FindAllStringSubmatch(src, -1)
	if len(constraints) != 3 {
		t.Fatalf("found %d constraints, want Terraform's and two providers'", len(constraints))
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
	for _, b := range blocks(t, "variables.tf", "variable") {
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
		t.Errorf("go.mod needs Go 1.%s, but not both functions have runtime %s", goVersion[1], runtime)
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
