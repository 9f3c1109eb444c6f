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

func TestPipeline(t *testing.T) {
	src := read(t, filepath.Join(root, "cloudbuild.yaml"))
	for _, fault := range pipelineFaults(src) {
		t.Error(fault)
	}
	var p pipeline
	if err := yaml.Unmarshal([]byte(src), &p); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range p.Steps {
		ids = append(ids, s.ID)
	}
	want := []string{"check", "test", "rehearse", "plan", "apply", "smoke"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}

	// What the trigger passes must be what the file takes.
	for _, b := range blocks(t, "trigger.tf", "resource") {
		if attr := b.Body.Attributes["substitutions"]; attr != nil {
			for _, item := range attr.Expr.(*hclsyntax.ObjectConsExpr).Items {
				key, err := evaluated(item.KeyExpr, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := p.Substitutions[key.AsString()]; !ok {
					t.Errorf("the trigger passes %s, which cloudbuild.yaml does not take", key.AsString())
				}
				delete(p.Substitutions, key.AsString())
			}
		}
	}
	if len(p.Substitutions) > 0 {
		t.Errorf("the trigger does not pass %v", slices.Sorted(maps.Keys(p.Substitutions)))
	}
}

func TestPipelineFaultsAreFound(t *testing.T) {
	src := read(t, filepath.Join(root, "cloudbuild.yaml"))
	tests := []struct{ name, old, new, want string }{
		{"a mistyped substitution", `region=${_REGION}"`, `region=${_REGOIN}"`, "step plan: ${_REGOIN} is not declared"},
		{"an unescaped shell variable", "go vet ./...", "go vet $pkgs",
			`step test: "$pkgs" is the shell's and needs two dollars`},
		{"an unescaped command", "go vet ./...", "go vet $(go list)", `step test: "$" is the shell's and needs two dollars`},
		{"an escaped shell variable", "go vet ./...", "go vet $$pkgs", ""},
		{"a substitution that builds by hand lack", "go vet ./...", "go vet $SHORT_SHA",
			`step test: "$SHORT_SHA" is the shell's and needs two dollars`},
		{"an unused substitution", "  _REGION:", "  _OTHER: x\n  _REGION:",
			"substitution _OTHER is declared and not used"},
		{"an unchecked substitution", `test -n "${_REGION}"`, `test -n "x${_REGION}"`,
			"the first step does not check _REGION"},
		{"a moving image", "hashicorp/terraform:1.11.4", "hashicorp/terraform:latest",
			"step plan: image hashicorp/terraform:latest is not pinned"},
		{"a step without end", "    timeout: 1200s\n", "", "step test: no timeout"},
		{"an end before the longest step's", "\ntimeout: 3600s", "\ntimeout: 60s", "has no sense"},
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
