package deploycheck

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wanted and unwanted are a repository in which everything lies about that has ever been deployed by mistake.
var (
	wanted = []string{
		"LICENSE",
		"agent/agent.go",
		"agent/prompt.md",
		"agent/searchservice/search.go",
		"function.go",
		"go.mod",
		"go.sum",
		"tracing/provider.go",
	}
	unwanted = []string{
		"agent/agenttest/bench.go", "agent/geminisim/server.go", "bench/costmain/main.go", "tracing/tracingtest/recorder.go",
		".ci/run", ".env", ".env.production", ".gcloudignore", ".git/HEAD", ".git/objects/ab/cd", ".github/workflows/ci.yaml",
		".gitignore", ".golangci.yml", ".idea/x.xml", ".vscode/settings.json", "DESIGN.md", "README.md",
		"agent/.DS_Store", "agent/.env.local", "agent/agent_test.go", "agent/testdata/run.trace.golden",
		"agent/cpu.prof", "bin/function", "cloudbuild.yaml", "cover.out", "deploycheck/doc.go",
		"deploycheck/fileset/main.go", "docs/picture.md", "function_test.go", "go.work", "go.work.sum",
		"key.pem", "local/.env", "local/docker-compose.yaml", "local/main.go", "my-credentials-1.json",
		"source.zip", "tracing/provider_test.go", "tracing/testdata/fuzz/FuzzB3/1", "tracing.test", "tls/server.key",
		"terraform/.terraform/source.zip", "terraform/main.tf", "terraform/terraform.tfstate",
		"terraform/terraform.tfstate.backup", "terraform/terraform.tfvars", "old/prod.tfvars", "old/x.tfstate.1.backup",
		"old/.terraform/providers/x", "old/plan.tfplan",
	}
)

// messyTree is that repository on disk, with this one's terraform/source.tf and .gcloudignore.
func messyTree(t *testing.T) string {
	t.Helper()
	files := map[string]string{}
	for _, file := range slices.Concat(wanted, unwanted) {
		files[file] = "x"
	}
	delete(files, ".git/HEAD") // git itself lays these
	delete(files, ".git/objects/ab/cd")
	files["terraform/source.tf"] = read(t, filepath.Join(root, "terraform", "source.tf"))
	files[".gcloudignore"] = read(t, filepath.Join(root, ".gcloudignore"))
	return writeTree(t, files)
}

func TestSourceIsWhatTheFunctionNeedsAndNothingElse(t *testing.T) {
	dir := messyTree(t)
	git(t, dir, "init", "-q")
	got, err := SourceFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("the upload (-want +got):\n%s", diff)
	}
}

func TestGcloudUploadsWhatTerraformUploads(t *testing.T) {
	dir := messyTree(t)
	want, err := SourceFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	// gcloud reads the file as git reads a .gitignore, so git is asked.
	git(t, dir, "init", "-q")
	got := strings.Fields(git(t, dir, "ls-files", "--others", "--exclude-from=.gcloudignore"))
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("terraform (-) and gcloud (+) upload different files:\n%s", diff)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func TestThisRepositorysSource(t *testing.T) {
	files, err := SourceFiles(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, needed := range []string{"go.mod", "go.sum"} {
		if !slices.Contains(files, needed) {
			t.Errorf("%s is not uploaded", needed)
		}
	}
	for _, dir := range []string{"agent/", "tracing/"} {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, dir) }) {
			t.Errorf("nothing of %s is uploaded", dir)
		}
	}
	if _, err := RootPackage(root, files); err != nil {
		t.Errorf("the buildpack would refuse the root: %v", err)
	}

	// Whatever is neither Go nor embedded by it is in the image for nobody: a stray file, or a secret.
	embedded := embeds(t, files)
	for _, file := range files {
		known := path.Ext(file) == ".go" || slices.Contains([]string{"go.mod", "go.sum", "LICENSE", "NOTICE"}, file)
		if !known && !embedded[file] {
			t.Errorf("%s is uploaded for no reason", file)
		}
	}
}

var embedDirective = regexp.MustCompile(`(?m)^//go:embed (.+)$`)

// embeds gives the uploaded files that uploaded Go files embed, and complains of patterns that lost theirs.
func embeds(t *testing.T, files []string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, file := range files {
		if path.Ext(file) != ".go" {
			continue
		}
		for _, directive := range embedDirective.FindAllStringSubmatch(read(t, filepath.Join(root, file)), -1) {
			for pattern := range strings.FieldsSeq(directive[1]) {
				pattern = path.Join(path.Dir(file), strings.TrimPrefix(pattern, "all:"))
				before := len(found)
				for _, candidate := range files {
					if ok, err := path.Match(pattern, candidate); err == nil && ok || strings.HasPrefix(candidate, pattern+"/") {
						found[candidate] = true
					}
				}
				if len(found) == before {
					t.Errorf("%s embeds %s, which is not uploaded", file, pattern)
				}
			}
		}
	}
	return found
}

func TestTheZipIsNotInTheZip(t *testing.T) {
	output := ""
	for _, line := range strings.Split(read(t, filepath.Join(root, "terraform", "source.tf")), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == "output_path" {
			output = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	rel, ok := strings.CutPrefix(output, "${path.module}/")
	if !ok {
		t.Fatalf("the zip's path %q is not below terraform/: does it change from machine to machine?", output)
	}
	dir := writeTree(t, map[string]string{
		"function.go":         "package function",
		"terraform/source.tf": read(t, filepath.Join(root, "terraform", "source.tf")),
		"terraform/" + rel:    "x",
	})
	files, err := SourceFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"function.go"}; !slices.Equal(files, want) {
		t.Errorf("uploaded are %q, want %q", files, want)
	}
}

func TestPatternsMatchAsTheArchiveProviderMatchesThem(t *testing.T) {
	dir := writeTree(t, map[string]string{
		"README.md": "", "agent/prompt.md": "", "agent/x/y.go": "", "agent/x/y_test.go": "", "local/main.go": "",
		"z_test.go": "",
	})
	tests := []struct {
		exclude string
		want    []string
	}{
		{"*.md", []string{"agent/prompt.md", "agent/x/y.go", "agent/x/y_test.go", "local/main.go", "z_test.go"}},
		{"**/*_test.go", []string{"README.md", "agent/prompt.md", "agent/x/y.go", "local/main.go"}},
		{"agent", []string{"README.md", "local/main.go", "z_test.go"}},
		{"agent/**", []string{"README.md", "local/main.go", "z_test.go"}},
		{"x/*.go", []string{"README.md", "agent/prompt.md", "agent/x/y.go", "agent/x/y_test.go", "local/main.go",
			"z_test.go"}},
	}
	for _, tt := range tests {
		got, err := without(dir, []string{tt.exclude})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("without %q: %q, want %q", tt.exclude, got, tt.want)
		}
	}
	if _, err := without(dir, []string{"[a"}); err == nil {
		t.Error("a broken pattern goes unnoticed")
	}
}

func TestRootPackage(t *testing.T) {
	tests := []struct {
		name    string
		files   map[string]string
		want    string
		problem string
	}{
		{"one package", map[string]string{"a.go": "package function", "b.go": "package function", "agent/a.go": "package a"},
			"function", "<nil>"},
		{"an external test", map[string]string{"a.go": "package function", "a_test.go": "package function_test"},
			"", "a_test.go is package function_test"},
		{"a tool behind a tag", map[string]string{"a.go": "package function", "gen.go": "//go:build ignore\n\npackage main"},
			"", "gen.go is package main"},
		{"no Go at all", map[string]string{"agent/a.go": "package agent"}, "", "no Go file"},
		{"not Go", map[string]string{"a.go": "function"}, "", "package clause"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeTree(t, tt.files)
			files, err := without(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := RootPackage(dir, files)
			if got != tt.want || !strings.Contains(fmt.Sprint(err), tt.problem) {
				t.Errorf("RootPackage = %q, %v; want %q, %q", got, err, tt.want, tt.problem)
			}
		})
	}
}
