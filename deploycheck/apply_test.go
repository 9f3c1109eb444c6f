package deploycheck

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/gemini-agent/deploycheck/cloudsim"
)

// rig is the configuration, applied to a simulated control plane by the real Terraform and the real providers.
type rig struct {
	t      *testing.T
	cloud  *cloudsim.Server
	dir    string // of the configuration
	binary string
}

// newRig copies terraform/ beside a small source. The tests that use it run where the providers can be had:
//
//	DEPLOYCHECK_TERRAFORM=terraform go test -run Applied ./deploycheck     # or tofu
func newRig(t *testing.T) *rig {
	t.Helper()
	binary := os.Getenv("DEPLOYCHECK_TERRAFORM")
	if binary == "" {
		t.Skip("DEPLOYCHECK_TERRAFORM is not set: applies need Terraform or OpenTofu, and the providers")
	}
	t.Parallel() // most of an apply is waiting
	r := &rig{t: t, cloud: cloudsim.New(), dir: filepath.Join(t.TempDir(), "terraform"), binary: binary}
	t.Cleanup(r.cloud.Close)
	if err := os.CopyFS(r.dir, os.DirFS(filepath.Join(root, "terraform"))); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{".terraform", "terraform.tfvars", "terraform.tfstate", "backend.tf", "tests"} {
		if err := os.RemoveAll(filepath.Join(r.dir, state)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, "..", "function.go"), []byte("package function\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := r.run("init", "-input=false"); err != nil {
		t.Fatalf("init: %v\n%s", err, out)
	}
	return r
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

func (r *rig) args(command string, vars []string) []string {
	args := []string{command, "-input=false", "-auto-approve", "-no-color", "-compact-warnings"}
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
	if again := r.apply(`sub_agents={research={}}`, `pipeline={state_bucket="state"}`); len(again) > 0 {
		t.Errorf("the second apply of the same changes something: %q", again)
	}
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
	events := r.apply(`sub_agents={research={}}`)
	order(t, events, "create functions/gemini-agent-research", "grant "+caller, updateAgent)
	absent(t, events, "delete functions/")
	service := r.cloud.Function("gemini-agent")["serviceConfig"].(map[string]any)
	const url = "https://gemini-agent-research-" + cloudsim.ProjectNumber + ".europe-west1.run.app"
	if got := service["environmentVariables"].(map[string]any)["SUB_AGENT_URL"]; got != url {
		t.Errorf("SUB_AGENT_URL = %v, want %s", got, url)
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
	if out, err := r.run("plan", "-input=false", "-no-color", "-detailed-exitcode", "-var", "sessions={}"); err != nil {
		t.Errorf("the same plan again changes something:\n%s", out)
	}
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
	if again := r.apply(`trace_exporter=cloudtrace`, `deploy_attempt=2`); len(again) > 0 {
		t.Errorf("after the retry something is left to change: %q", again)
	}
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

func TestAppliedProtectionRefusesAnotherName(t *testing.T) {
	r := newRig(t)
	r.apply(`deletion_protection=true`)
	_, events := r.refused(`deletion_protection=true`, `name=other-agent`)
	absent(t, events, "delete functions/")
	absent(t, events, "revoke telemetry.tracesWriter from "+runAccount)
}
