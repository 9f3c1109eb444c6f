package deploycheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/gemini-agent/deploycheck/cloudsim"
)

// rig is the configuration, applied to a simulated control plane by the real Terraform and the real providers.
type rig struct {
	t      *testing.T
	cloud  *cloudsim.Server
	dir    string // of the configuration
	binary string
}

// newRig lays terraform/ beside a small source. The tests that use it run where the providers can be had:
//
//	DEPLOYCHECK_TERRAFORM=terraform go test -run Applied ./deploycheck     # or tofu
func newRig(t *testing.T) *rig {
	t.Helper()
	r := emptyRig(t)
	r.lay(filepath.Join(root, "terraform"))
	return r
}

// emptyRig has no configuration yet.
func emptyRig(t *testing.T) *rig {
	t.Helper()
	binary := os.Getenv("DEPLOYCHECK_TERRAFORM")
	if binary == "" {
		t.Skip("DEPLOYCHECK_TERRAFORM is not set: applies need Terraform or OpenTofu, and the providers")
	}
	t.Parallel() // most of an apply is waiting
	r := &rig{t: t, cloud: cloudsim.New(), dir: filepath.Join(t.TempDir(), "terraform"), binary: binary}
	t.Cleanup(r.cloud.Close)
	return r
}

// lay puts a configuration in the place of the one that is there, and keeps the state.
func (r *rig) lay(configuration string) {
	r.t.Helper()
	state, err := os.ReadFile(filepath.Join(r.dir, "terraform.tfstate"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(r.dir), os.CopyFS(r.dir, os.DirFS(configuration))); err != nil {
		r.t.Fatal(err)
	}
	for _, left := range []string{".terraform", "terraform.tfvars", "terraform.tfstate", "backend.tf", "tests"} {
		if err := os.RemoveAll(filepath.Join(r.dir, left)); err != nil {
			r.t.Fatal(err)
		}
	}
	if state != nil {
		if err := os.WriteFile(filepath.Join(r.dir, "terraform.tfstate"), state, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, "..", "function.go"), []byte("package function\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if out, err := r.run("init", "-input=false"); err != nil {
		r.t.Fatalf("init: %v\n%s", err, out)
	}
}

func (r *rig) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), r.cloud.Env()...)
	cmd.Env = append(cmd.Env, "TF_IN_AUTOMATION=1", "TF_VAR_project_id=my-project", "TF_VAR_region=europe-west1",
		"TF_VAR_grant_wait=0s", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// apply applies with the variables given as NAME=VALUE and gives what happened, in order.
func (r *rig) apply(vars ...string) []string {
	r.t.Helper()
	if out, err := r.run(r.args("apply", vars)...); err != nil {
		r.t.Fatalf("apply %v: %v\n%s", vars, err, out)
	}
	return r.cloud.Events()
}

// refused applies what must fail, and gives what was said and what happened.
func (r *rig) refused(vars ...string) (string, []string) {
	r.t.Helper()
	out, err := r.run(r.args("apply", vars)...)
	if err == nil {
		r.t.Fatalf("apply %v is green\n%s", vars, out)
	}
	return out, r.cloud.Events()
}

// settled fails when the same variables change something once more.
func (r *rig) settled(vars ...string) {
	r.t.Helper()
	if out, err := r.run(r.args("plan", vars, "-detailed-exitcode")...); err != nil {
		r.t.Errorf("after the apply of %v something is left to change:\n%s", vars, out)
	}
}

// guard plans, and gives what planguard says of the plan: nil for one that the pipeline applies.
func (r *rig) guard(vars ...string) error {
	r.t.Helper()
	if out, err := r.run(r.args("plan", vars, "-out=plan.tfplan")...); err != nil {
		r.t.Fatalf("plan %v: %v\n%s", vars, err, out)
	}
	plan, err := r.run("show", "-json", "plan.tfplan")
	if err != nil {
		r.t.Fatalf("show: %v\n%s", err, plan)
	}
	path := filepath.Join(r.dir, "plan.json")
	if err := os.WriteFile(path, []byte(plan), 0o600); err != nil {
		r.t.Fatal(err)
	}
	out, err := exec.CommandContext(r.t.Context(), "go", "run", "./planguard", "-plan", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (r *rig) args(command string, vars []string, more ...string) []string {
	args := append([]string{command, "-input=false", "-no-color", "-compact-warnings"}, more...)
	if command != "plan" {
		args = append(args, "-auto-approve")
	}
	for _, v := range vars {
		args = append(args, "-var", v)
	}
	return args
}

// order fails unless the events are all there and happened one after the other.
func order(t *testing.T, events []string, want ...string) {
	t.Helper()
	at := 0
	for _, event := range want {
		i := slices.Index(events[at:], event)
		if i < 0 {
			t.Errorf("%q did not happen, or too early; wanted in this order:\n  %s\nhappened:\n  %s", event,
				strings.Join(want, "\n  "), strings.Join(events, "\n  "))
			return
		}
		at += i + 1
	}
}

// absent fails when something happened that begins so.
func absent(t *testing.T, events []string, prefix string) {
	t.Helper()
	for _, event := range events {
		if strings.HasPrefix(event, prefix) {
			t.Errorf("%q happened:\n  %s", event, strings.Join(events, "\n  "))
		}
	}
}

const (
	updateAgent = "update functions/gemini-agent"
	runAccount  = "gemini-agent-run"
)

func TestAppliedTwiceAndDestroyed(t *testing.T) {
	r := newRig(t)
	events := r.apply(`sub_agents={research={}}`, `pipeline={state_bucket="state"}`)
	order(t, events, "grant telemetry.tracesWriter to "+runAccount, "create functions/gemini-agent")
	order(t, events, "create functions/gemini-agent-research",
		"grant run.invoker to "+runAccount+"@services/gemini-agent-research", "create functions/gemini-agent")
	r.settled(`sub_agents={research={}}`, `pipeline={state_bucket="state"}`)
	if out, err := r.run(r.args("destroy", []string{`pipeline={state_bucket="state"}`})...); err != nil {
		t.Fatalf("destroy: %v\n%s", err, out)
	}
}

// What a revision that still serves needs is there until the new one has replaced it.
func TestAppliedChangesGiveBeforeTheyTake(t *testing.T) {
	r := newRig(t)
	r.apply()

	events := r.apply(`trace_exporter=cloudtrace`)
	order(t, events, "grant cloudtrace.agent to "+runAccount, updateAgent, "revoke telemetry.tracesWriter from "+runAccount)
	events = r.apply(`trace_exporter=telemetry`)
	order(t, events, "grant telemetry.tracesWriter to "+runAccount, updateAgent, "revoke cloudtrace.agent from "+runAccount)

	const key = "@secrets/gemini-agent-gemini-api-key"
	events = r.apply(`gemini_backend=gemini_api`, `gemini_api_key_version=1`)
	order(t, events, "create secrets/gemini-agent-gemini-api-key", "grant secretmanager.secretAccessor to "+runAccount+key,
		updateAgent, "revoke aiplatform.user from "+runAccount)
	events = r.apply(`gemini_backend=gemini_api`)
	order(t, events, updateAgent, "revoke secretmanager.secretAccessor from "+runAccount+key)
	r.settled(`gemini_backend=gemini_api`)
	r.apply(`gemini_backend=gemini_api`, `gemini_api_key_version=2`)
	events = r.apply(`gemini_backend=vertex_ai`)
	order(t, events, "grant aiplatform.user to "+runAccount, updateAgent,
		"revoke secretmanager.secretAccessor from "+runAccount+key, "delete secrets/gemini-agent-gemini-api-key")

	events = r.apply(`secrets={WEATHER_KEY={secret="weather",version="1"}}`)
	order(t, events, "grant secretmanager.secretAccessor to "+runAccount+"@secrets/weather", updateAgent)
	events = r.apply()
	order(t, events, updateAgent, "revoke secretmanager.secretAccessor from "+runAccount+"@secrets/weather")
}

func TestAppliedSubAgentsComeBeforeTheAgentKnowsAndGoAfter(t *testing.T) {
	r := newRig(t)
	r.apply()
	caller := "run.invoker to " + runAccount + "@services/gemini-agent-research"
	events := r.apply(`sub_agents={research={}}`, `environment={WEATHER_URL="https://weather.example.com"}`,
		`secrets={WEATHER_KEY={secret="weather",version="2"}}`)
	order(t, events, "create functions/gemini-agent-research", "grant "+caller, updateAgent)
	absent(t, events, "delete functions/")
	service := r.cloud.Function("gemini-agent")["serviceConfig"].(map[string]any)
	const url = "https://gemini-agent-research-" + cloudsim.ProjectNumber + ".europe-west1.run.app"
	if got := service["environmentVariables"].(map[string]any)["SUB_AGENT_URL"]; got != url {
		t.Errorf("SUB_AGENT_URL = %v, want %s", got, url)
	}
	// A tool's own variable and secret reach every function, and each may read the secret.
	for _, name := range []string{"gemini-agent", "gemini-agent-research"} {
		order(t, events, "grant secretmanager.secretAccessor to "+name+"-run@secrets/weather")
		service := r.cloud.Function(name)["serviceConfig"].(map[string]any)
		if got := service["environmentVariables"].(map[string]any)["WEATHER_URL"]; got != "https://weather.example.com" {
			t.Errorf("WEATHER_URL of %s is %v", name, got)
		}
		want := []any{map[string]any{"key": "WEATHER_KEY", "projectId": "my-project", "secret": "weather", "version": "2"}}
		if diff := cmp.Diff(want, service["secretEnvironmentVariables"]); diff != "" {
			t.Errorf("secrets of %s (-want +got):\n%s", name, diff)
		}
	}

	events = r.apply()
	revoked := strings.Replace(caller, " to ", " from ", 1)
	order(t, events, updateAgent, "revoke "+revoked, "delete functions/gemini-agent-research")
}

func TestAppliedSessionsHaveTheirDatabaseBeforeAndUntilAfter(t *testing.T) {
	r := newRig(t)
	r.apply()
	const user = "datastore.user to " + runAccount + " if the database of sessions only"
	events := r.apply(`sessions={}`)
	order(t, events, "create databases/gemini-agent-sessions", "grant "+user, updateAgent)
	r.settled(`sessions={}`)
	events = r.apply()
	order(t, events, updateAgent, "revoke "+strings.Replace(user, " to ", " from ", 1), "delete databases/gemini-agent-sessions")
}

// Green means that the new code serves: a failed update stays red until it is retried.
func TestAppliedUpdateThatFailsIsRedUntilItIsMended(t *testing.T) {
	r := newRig(t)
	r.apply()
	r.cloud.FailBuilds("gemini-agent", true)
	out, _ := r.refused(`trace_exporter=cloudtrace`)
	if !strings.Contains(out, "Build failed") {
		t.Errorf("the first refusal does not tell of the build:\n%s", out)
	}
	r.cloud.FailBuilds("gemini-agent", false)
	out, events := r.refused(`trace_exporter=cloudtrace`)
	absent(t, events, "revoke")
	if !strings.Contains(out, "deploy_attempt") {
		t.Errorf("the second refusal does not say how to retry:\n%s", out)
	}
	events = r.apply(`trace_exporter=cloudtrace`, `deploy_attempt=2`)
	order(t, events, updateAgent, "revoke telemetry.tracesWriter from "+runAccount)
	r.settled(`trace_exporter=cloudtrace`, `deploy_attempt=2`)
}

func TestAppliedSubAgentThatFailsLeavesTheAgentAlone(t *testing.T) {
	r := newRig(t)
	r.apply()
	r.cloud.FailBuilds("gemini-agent-research", true)
	_, events := r.refused(`sub_agents={research={}}`)
	absent(t, events, updateAgent)
	absent(t, events, "delete")
	if state := r.cloud.Function("gemini-agent")["state"]; state != "ACTIVE" {
		t.Errorf("the agent is %v", state)
	}
}

// A first deploy that fails is made again by the next apply.
func TestAppliedAgainAfterAFirstDeployThatFailed(t *testing.T) {
	r := newRig(t)
	r.cloud.FailBuilds("gemini-agent", true)
	r.refused()
	r.cloud.FailBuilds("gemini-agent", false)
	order(t, r.apply(), "delete functions/gemini-agent", "create functions/gemini-agent")
}

func TestAppliedAnotherNameIsRefusedByTheGuardAndByProtection(t *testing.T) {
	r := newRig(t)
	r.apply(`deletion_protection=true`)
	if err := r.guard(`name=other-agent`); err == nil || !strings.Contains(err.Error(), "google_cloudfunctions2_function.main") {
		t.Errorf("the guard says %v of another name", err)
	}
	_, events := r.refused(`deletion_protection=true`, `name=other-agent`)
	absent(t, events, "delete functions/")
	absent(t, events, "revoke telemetry.tracesWriter from "+runAccount)
}
