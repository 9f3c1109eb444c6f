package deploycheck

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/deploycheck/cloudsim"
)

// reader is somebody who follows README.md and docs/deploy.md by pasting what is in them: with the real Terraform,
// providers, curl and pipeline, and a gcloud that speaks to the simulated control plane.
type reader struct {
	t     *testing.T
	cloud *cloudsim.Server
	dir   string // a clone
	env   []string
}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := emptyRig(t)
	for _, program := range []string{"bash", "curl", "git", "openssl", "python3", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not on this machine: %v", program, err)
		}
	}
	home := t.TempDir()
	proxy, err := r.cloud.Proxy(home)
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(home, "bin")
	for _, dir := range []string{bin, filepath.Join(home, "clone")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath(r.binary)
	if err != nil {
		t.Fatal(err)
	}
	// Terraform reaches a registry, if there is one, as ever.
	terraform := "#!/bin/sh\n"
	for _, setting := range proxy {
		name, _, _ := strings.Cut(setting, "=")
		terraform += "unset " + name + "\n"
		if value, ok := os.LookupEnv(name); ok {
			terraform += "export " + name + "='" + value + "'\n"
		}
	}
	terraform += "exec " + real + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "terraform"), []byte(terraform), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "gcloud")); err != nil {
		t.Fatal(err)
	}
	reader := &reader{t: t, cloud: r.cloud, dir: filepath.Join(home, "clone")}
	reader.env = append(os.Environ(), r.cloud.Env()...)
	reader.env = append(reader.env, proxy...)
	reader.env = append(reader.env, "PATH="+bin+":"+os.Getenv("PATH"), "CLOUDSIM="+r.cloud.URL(), "TF_VAR_grant_wait=0s",
		"NO_COLOR=1", "KEY=a-key")
	clone := exec.CommandContext(t.Context(), "sh", "-c", `git ls-files -z --cached --others --exclude-standard --deduplicate |
		xargs -0 sh -c 'for f; do if [ -e "$f" ]; then printf "%s\0" "$f"; fi; done' sh | xargs -0 tar -cf - | tar -xf - -C "$0"`, reader.dir)
	clone.Dir = root
	if out, err := clone.CombinedOutput(); err != nil {
		t.Skipf("this is no clone: %v: %s", err, out)
	}
	return reader
}

// try pastes commands, with values in the place of what the docs write in capitals, and answers yes to every question.
func (r *reader) try(commands string, values ...string) (string, error) {
	values = append(values, "PROJECT", "my-project", "BUCKET", "my-project-tfstate", "REGION", "europe-west1",
		"NAME", "gemini-agent", "NUMBER", cloudsim.ProjectNumber)
	for i := 0; i < len(values); i += 2 {
		commands = regexp.MustCompile(`\b`+values[i]+`\b`).ReplaceAllString(commands, values[i+1])
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.Stdin = yes{}
	out, err := cmd.CombinedOutput()
	return "$ " + commands + "\n" + string(out), err
}

// yes answers every question.
type yes struct{}

func (yes) Read(p []byte) (int, error) {
	const answer = "yes\n"
	n := len(p) - len(p)%len(answer)
	copy(p, strings.Repeat(answer, n/len(answer)))
	return n, nil
}

func (r *reader) paste(commands string, values ...string) string {
	r.t.Helper()
	out, err := r.try(commands, values...)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (r *reader) write(name, content string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(content)
		f.Close()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// serves fails unless the agent's version is, or is no longer, the one given. It returns the version.
func (r *reader) serves(want string, same bool) string {
	r.t.Helper()
	got := r.cloud.Serving("gemini-agent")
	if got == "" || (got == want) != same {
		r.t.Fatalf("%q serves; before, %q did, and that it stays is %v", got, want, same)
	}
	return got
}

// block gives the first fenced block of a page that has the words in it.
func block(t *testing.T, page, words string) string {
	t.Helper()
	for _, match := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if strings.Contains(match[1], words) {
			return match[1]
		}
	}
	t.Fatalf("no block has %q", words)
	return ""
}

// span gives the command in a line of text, between back quotes, that begins with the words.
func span(t *testing.T, page, words string) string {
	t.Helper()
	i := strings.Index(page, "`"+words)
	if i < 0 {
		t.Fatalf("no command begins with %q", words)
	}
	command, _, _ := strings.Cut(page[i+1:], "`")
	return strings.Join(strings.Fields(command), " ")
}

func TestAppliedByPastingTheDocs(t *testing.T) {
	r := newReader(t)
	readme, docs := read(t, filepath.Join(root, "README.md")), read(t, filepath.Join(root, "docs/deploy.md"))
	const apply = "terraform -chdir=terraform apply"

	// README, Deploy.
	out := r.paste(block(t, readme, "output -raw curl"))
	if !strings.Contains(out, `"trace_id"`) {
		t.Fatalf("the first call has no trace:\n%s", out)
	}
	first := r.serves("", false)

	// README, an API key instead of Vertex AI, and back. With a terraform.tfvars from here on, as docs/deploy.md has it.
	r.paste(strings.ReplaceAll(block(t, readme, "gemini_api_key_version=1"), "terraform apply", "terraform apply -var project_id=PROJECT -var region=REGION"))
	r.write("terraform/terraform.tfvars", "project_id = \"my-project\"\nregion = \"europe-west1\"\n")
	r.cloud.Events()
	r.paste(apply)
	order(t, r.cloud.Events(), updateAgent, "delete secrets/gemini-agent-gemini-api-key")
	r.paste(apply + " -var trace_exporter=cloudtrace")
	r.paste(apply)

	// Green means that the new code serves: a build that fails, and the same again.
	r.write("function.go", "\n// Changed.\n")
	r.cloud.FailBuilds("gemini-agent", true)
	if out, err := r.try(apply); err == nil {
		t.Fatalf("a build that failed is green:\n%s", out)
	}
	r.serves(first, true)
	r.cloud.FailBuilds("gemini-agent", false)
	r.paste(span(t, docs, apply+" -var deploy_attempt=2"))
	second := r.serves(first, false)
	r.paste(apply)

	// A sub-agent whose first deploy fails.
	r.cloud.FailBuilds("gemini-agent-research", true)
	r.write("terraform/production.auto.tfvars", "sub_agents = { research = {} }\n")
	if out, err := r.try(apply); err == nil {
		t.Fatalf("a sub-agent that failed is green:\n%s", out)
	}
	r.serves(second, true)
	r.cloud.FailBuilds("gemini-agent-research", false)
	r.paste(span(t, docs, "gcloud functions delete NAME-KEY"), "KEY", "research")
	r.paste(apply)

	// Rollback by hand, and forward again.
	list, back, _ := strings.Cut(block(t, docs, "revisions list"), "\n")
	revisions := strings.Fields(r.paste(list))
	r.paste(back, "REVISION", revisions[len(revisions)-1])
	r.serves(first, true)
	r.paste(block(t, docs, "--to-latest"))
	r.serves(second, true)

	// Cloud Build: the state moves, and the pipeline deploys what has changed.
	r.write("terraform/production.auto.tfvars", "pipeline = { state_bucket = \"my-project-tfstate\" }\n")
	move, submit, _ := strings.Cut(block(t, docs, "storage buckets create"), "gcloud builds submit")
	r.paste(move)
	submit = "gcloud builds submit" + submit
	r.write("function.go", "\n// Changed again.\n")
	out = r.paste(submit)
	third := r.serves(second, false)
	for _, line := range []string{"https://gemini-agent-research-" + cloudsim.ProjectNumber + ".europe-west1.run.app serves " + third, "read back: spans agent.task", "the new version serves"} {
		if !strings.Contains(out, line) {
			t.Errorf("the pipeline does not say %q:\n%s", line, out)
		}
	}

	// A version that deploys and does not answer: red, and what served before serves.
	r.write("function.go", "\n// Broken.\n")
	r.cloud.BreakRevisions("gemini-agent", true)
	if out, err := r.try(submit); err == nil || !strings.Contains(out, "RED") {
		t.Fatalf("a version that does not answer is %v:\n%s", err, out)
	}
	r.serves(third, true)
	r.cloud.BreakRevisions("gemini-agent", false)

	// A build that fails in the pipeline, and the next push.
	r.write("function.go", "\n// Does not build.\n")
	r.cloud.FailBuilds("gemini-agent", true)
	if out, err := r.try(submit); err == nil || !strings.Contains(out, "RED") {
		t.Fatalf("a build that failed is %v:\n%s", err, out)
	}
	r.serves(third, true)
	r.cloud.FailBuilds("gemini-agent", false)
	r.write("function.go", "\n// Mended.\n")
	r.paste(submit)
	r.serves(third, false)

	// The pipeline does not destroy in passing.
	r.write("terraform/without.auto.tfvars", "sub_agents = {}\n")
	if out, err := r.try(submit); err == nil || !strings.Contains(out, "_ALLOW_DESTROY=yes") {
		t.Fatalf("taking a sub-agent away is %v:\n%s", err, out)
	}

	// README, tear down.
	r.paste(span(t, readme, "terraform -chdir=terraform destroy"))
	if got := r.cloud.Serving("gemini-agent"); got != "" {
		t.Errorf("after the destroy %q serves", got)
	}
}
