package deploycheck

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.yaml.in/yaml/v3"
)

// pipeline is what cloudbuild.yaml says, as far as it is checked. Fields that Cloud Build does not know are refused by
// Cloud Build, so fields that are not here must be added here first.
type pipeline struct {
	Steps          []step
	Substitutions  map[string]string
	ServiceAccount string `yaml:"serviceAccount"`
	Timeout        string
	Options        struct {
		Logging     string
		MachineType string `yaml:"machineType"`
	}
}

type step struct {
	ID, Name, Entrypoint, Dir, Timeout string
	AllowFailure                       bool `yaml:"allowFailure"`
	Args, Env                          []string
	Volumes                            []struct{ Name, Path string }
}

// builtin are the substitutions that Cloud Build makes itself and that every build has.
var builtin = []string{"BUILD_ID", "LOCATION", "PROJECT_ID", "PROJECT_NUMBER"}

// substitution is a $NAME or ${NAME}; a $$ is a dollar for the shell.
var substitution = regexp.MustCompile(`\$\$|\$\{([A-Za-z0-9_]+)\}|\$([A-Za-z_][A-Za-z0-9_]*)|\$`)

// pinned is an image with a full version or a digest.
var pinned = regexp.MustCompile(`:[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.-]*$|@sha256:[0-9a-f]{64}$`)

// pipelineFaults says what Cloud Build, or a person who runs the pipeline, would trip over.
func pipelineFaults(src string) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var p pipeline
	decoder := yaml.NewDecoder(strings.NewReader(src))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil {
		return []string{err.Error()}
	}
	if len(p.Steps) == 0 {
		return []string{"there is no step"}
	}

	used := map[string]bool{}
	scan := func(where, text string) {
		for _, match := range substitution.FindAllStringSubmatch(text, -1) {
			name := match[1] + match[2]
			_, declared := p.Substitutions[name]
			switch {
			case match[0] == "$$":
			case declared:
				used[name] = true
			case strings.HasPrefix(name, "_"):
				fault("%s: %s is not declared", where, match[0])
			case !slices.Contains(builtin, name):
				fault("%s: %q is the shell's and needs two dollars", where, match[0])
			}
		}
	}
	scan("serviceAccount", p.ServiceAccount)
	volumes := map[string]int{}
	var sum time.Duration
	for _, s := range p.Steps {
		for _, text := range slices.Concat([]string{s.Name, s.Entrypoint, s.Dir}, s.Args, s.Env) {
			scan("step "+s.ID, text)
		}
		if !pinned.MatchString(s.Name) {
			fault("step %s: image %s is not pinned", s.ID, s.Name)
		}
		timeout, err := time.ParseDuration(s.Timeout)
		if err != nil || timeout <= 0 {
			fault("step %s: no timeout", s.ID)
		}
		sum += timeout
		for _, v := range s.Volumes {
			volumes[v.Name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(volumes)) {
		if volumes[name] < 2 {
			fault("volume %s is in one step only, which Cloud Build refuses", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Substitutions)) {
		if !used[name] {
			fault("substitution %s is declared and not used", name)
		}
		if check := strings.Join(p.Steps[0].Args, "\n"); !strings.Contains(check, `test -n "${`+name+`}"`) {
			fault("the first step does not check %s", name)
		}
	}
	if total, err := time.ParseDuration(p.Timeout); err != nil || total > 24*time.Hour {
		fault("no timeout")
	} else if longest := slices.MaxFunc(p.Steps, byTimeout); total < seconds(longest) || sum < total {
		fault("the timeout %s has no sense beside the steps' %s", total, sum)
	}
	if p.ServiceAccount == "" {
		fault("no account of its own")
	}
	if p.Options.Logging != "CLOUD_LOGGING_ONLY" {
		fault("an account of its own needs options.logging")
	}
	return faults
}

func seconds(s step) time.Duration {
	d, _ := time.ParseDuration(s.Timeout)
	return d
}

func byTimeout(a, b step) int { return int(seconds(a) - seconds(b)) }

// pipelines are the builds, by the trigger that starts them, and their steps.
var pipelines = map[string]struct {
	file  string
	steps []string
}{
	"test": {"cloudbuild.test.yaml", []string{"check", "test", "rehearse", "plans"}},
	"main": {"cloudbuild.yaml", []string{
		"check", "tested", "plan", "guard", "note", "apply", "route", "smoke", "settle",
	}},
}

func readPipeline(t *testing.T, file string) pipeline {
	t.Helper()
	src := read(t, filepath.Join(root, file))
	for _, fault := range pipelineFaults(src) {
		t.Errorf("%s: %s", file, fault)
	}
	var p pipeline
	if err := yaml.Unmarshal([]byte(src), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPipelines(t *testing.T) {
	for _, want := range pipelines {
		var ids []string
		for _, s := range readPipeline(t, want.file).Steps {
			ids = append(ids, s.ID)
		}
		if diff := cmp.Diff(want.steps, ids); diff != "" {
			t.Errorf("steps of %s (-want +got):\n%s", want.file, diff)
		}
	}
}

// What a trigger passes must be what its file takes.
func TestTriggersPassWhatTheirFilesTake(t *testing.T) {
	for _, b := range blocks(t, "trigger.tf", "resource") {
		attr := b.Body.Attributes["substitutions"]
		if attr == nil {
			continue
		}
		file := pipelines[b.Labels[1]].file
		takes := readPipeline(t, file).Substitutions
		for _, item := range attr.Expr.(*hclsyntax.ObjectConsExpr).Items {
			key, err := evaluated(item.KeyExpr, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := takes[key.AsString()]; !ok {
				t.Errorf("the trigger passes %s, which %s does not take", key.AsString(), file)
			}
			delete(takes, key.AsString())
		}
		if len(takes) > 0 {
			t.Errorf("the trigger of %s does not pass %v", file, slices.Sorted(maps.Keys(takes)))
		}
	}
}

// Who deploys runs no code but ours: no test, and no build of what is deployed.
func TestTheDeployRunsNoTests(t *testing.T) {
	for _, s := range readPipeline(t, "cloudbuild.yaml").Steps {
		for _, word := range []string{"go test", "terraform test", ".ci/"} {
			if strings.Contains(strings.Join(s.Args, " "), word) {
				t.Errorf("step %s runs %q as the account that deploys", s.ID, word)
			}
		}
	}
}

// After the apply nothing ends the build before the step that goes back.
func TestAFailureAfterThePlanReachesTheStepThatGoesBack(t *testing.T) {
	steps := readPipeline(t, "cloudbuild.yaml").Steps
	applied := false
	for _, s := range steps[:len(steps)-1] {
		applied = applied || s.ID == "apply"
		if s.AllowFailure != applied {
			t.Errorf("step %s: allowFailure is %v, want %v", s.ID, s.AllowFailure, applied)
		}
	}
	if last := steps[len(steps)-1]; last.AllowFailure || !strings.Contains(last.Args[len(last.Args)-1], "exit 1") {
		t.Errorf("step %s does not turn the build red", last.ID)
	}
}

func TestPipelineFaultsAreFound(t *testing.T) {
	src := read(t, filepath.Join(root, "cloudbuild.yaml"))
	tests := []struct{ name, old, new, want string }{
		{"a mistyped substitution", `region=${_REGION}"`, `region=${_REGOIN}"`, "step plan: ${_REGOIN} is not declared"},
		{"an unescaped shell variable", "go run ./deploycheck/smoke", "go run $pkgs",
			`step smoke: "$pkgs" is the shell's and needs two dollars`},
		{"an unescaped command", "go run ./deploycheck/smoke", "go run $(go list)", `step smoke: "$" is the shell's and needs two dollars`},
		{"an escaped shell variable", "go run ./deploycheck/smoke", "go run $$pkgs", ""},
		{"a substitution that builds by hand lack", "go run ./deploycheck/smoke", "go run $SHORT_SHA",
			`step smoke: "$SHORT_SHA" is the shell's and needs two dollars`},
		{"an unused substitution", "  _REGION:", "  _OTHER: x\n  _REGION:",
			"substitution _OTHER is declared and not used"},
		{"an unchecked substitution", `test -n "${_REGION}"`, `test -n "x${_REGION}"`,
			"the first step does not check _REGION"},
		{"a moving image", "hashicorp/terraform:1.15.6", "hashicorp/terraform:latest",
			"step plan: image hashicorp/terraform:latest is not pinned"},
		{"a step without end", "    timeout: 2700s\n", "", "step tested: no timeout"},
		{"an end before the longest step's", "\ntimeout: 7200s", "\ntimeout: 60s", "has no sense"},
		{"no logging", "logging: CLOUD_LOGGING_ONLY", "logging: LEGACY", "options.logging"},
		{"a field that is none", "options:\n", "option:\n", "field option not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			broken := strings.Replace(src, tt.old, tt.new, 1)
			if broken == src {
				t.Fatalf("cloudbuild.yaml no longer has %q", tt.old)
			}
			got := strings.Join(pipelineFaults(broken), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("faults %q, want %q", got, tt.want)
			}
		})
	}
}
