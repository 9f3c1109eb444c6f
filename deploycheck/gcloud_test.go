package deploycheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The test binary is gcloud, too, where it is called by that name: the commands that the docs have, with the flags that
// gcloud has for them, spoken to the simulated control plane over HTTP.
func TestMain(m *testing.M) {
	if path.Base(os.Args[0]) != "gcloud" {
		os.Exit(m.Run())
	}
	if err := (gcloud{base: os.Getenv("CLOUDSIM"), out: os.Stdout}).run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ERROR: (gcloud)", err)
		os.Exit(1)
	}
}

type gcloud struct {
	base  string
	out   io.Writer
	args  []string
	flags map[string]string
}

type gcloudCommand struct {
	flags []string
	do    func(gcloud) error
}

var gcloudCommands = map[string]gcloudCommand{
	"auth login":                {[]string{"update-adc"}, func(gcloud) error { return nil }},
	"auth print-identity-token": {nil, func(g gcloud) error { _, err := fmt.Fprintln(g.out, "simulated"); return err }},
	"builds submit":             {[]string{"config", "ignore-file", "region", "substitutions"}, gcloud.submit},
	"functions delete":          {[]string{"gen2", "quiet", "region"}, gcloud.deleteFunction},
	"projects remove-iam-policy-binding": {[]string{"member", "role"}, func(g gcloud) error {
		return g.unbind("v1/projects/"+g.args[0]+":getIamPolicy", "v1/projects/"+g.args[0]+":setIamPolicy")
	}},
	"run revisions list":          {[]string{"region", "service"}, gcloud.revisions},
	"run services describe":       {[]string{"format", "project", "region"}, gcloud.traffic},
	"run services update-traffic": {[]string{"project", "quiet", "region", "to-latest", "to-revisions"}, gcloud.route},
	"secrets versions add":        {[]string{"data-file"}, gcloud.addVersion},
	"secrets versions destroy":    {[]string{"secret"}, func(gcloud) error { return nil }},
	"storage buckets create": {
		[]string{"location", "public-access-prevention", "uniform-bucket-level-access"}, gcloud.createBucket,
	},
	"storage buckets remove-iam-policy-binding": {[]string{"member", "role"}, func(g gcloud) error {
		policy := "storage/v1/b/" + g.bucket() + "/iam"
		return g.unbind(policy, policy)
	}},
	"storage buckets update": {[]string{"versioning"}, func(g gcloud) error {
		_, err := g.call(http.MethodPatch, "storage/v1/b/"+g.bucket(), map[string]any{"versioning": map[string]any{"enabled": true}})
		return err
	}},
}

func (g gcloud) run(args []string) error {
	var words []string
	g.flags = map[string]string{}
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, _ := strings.Cut(name, "=")
			g.flags[name] = value
			continue
		}
		words = append(words, arg)
	}
	for n := len(words); n > 0; n-- {
		command, ok := gcloudCommands[strings.Join(words[:n], " ")]
		if !ok {
			continue
		}
		for name := range g.flags {
			if !slices.Contains(command.flags, name) {
				return fmt.Errorf("%s takes no --%s", strings.Join(words[:n], " "), name)
			}
		}
		g.args = words[n:]
		return command.do(g)
	}
	return fmt.Errorf("no command is called %q here", strings.Join(words, " "))
}

func (g gcloud) call(method, where string, body any) (map[string]any, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, g.base+"/"+where, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %v", method, where, resp.Status, answer)
	}
	return answer, nil
}

func (g gcloud) place() string {
	return "v2/projects/my-project/locations/" + g.flags["region"] + "/"
}

func (g gcloud) bucket() string { return strings.TrimPrefix(g.args[0], "gs://") }

func (g gcloud) createBucket() error {
	body := map[string]any{"name": g.bucket(), "location": g.flags["location"]}
	_, err := g.call(http.MethodPost, "storage/v1/b?project=my-project", body)
	return err
}

func (g gcloud) deleteFunction() error {
	_, err := g.call(http.MethodDelete, g.place()+"functions/"+g.args[0], nil)
	return err
}

func (g gcloud) addVersion() error {
	key, err := io.ReadAll(os.Stdin)
	if err != nil || len(key) == 0 || g.flags["data-file"] != "-" {
		return fmt.Errorf("there is no key on standard input: %w", err)
	}
	_, err = g.call(http.MethodPost, "v1/projects/my-project/secrets/"+g.args[0]+"/versions", map[string]any{})
	return err
}

func (g gcloud) revisions() error {
	answer, err := g.call(http.MethodGet, g.place()+"services/"+g.flags["service"]+"/revisions", nil)
	if err != nil {
		return err
	}
	for _, r := range answer["revisions"].([]any) {
		fmt.Fprintln(g.out, path.Base(r.(map[string]any)["name"].(string)))
	}
	return nil
}

func (g gcloud) traffic() error {
	if format := g.flags["format"]; format != "json(status.traffic)" {
		return fmt.Errorf("no format %q here", format)
	}
	answer, err := g.call(http.MethodGet, g.place()+"services/"+g.args[0], nil)
	if err != nil {
		return err
	}
	target := answer["traffic"].([]any)[0].(map[string]any)
	return json.NewEncoder(g.out).Encode(map[string]any{"status": map[string]any{"traffic": []any{
		map[string]any{"revisionName": target["revision"], "percent": target["percent"]},
	}}})
}

func (g gcloud) route() error {
	target := map[string]any{"percent": 100}
	_, latest := g.flags["to-latest"]
	revision, all := strings.CutSuffix(g.flags["to-revisions"], "=100")
	if latest == all {
		return errors.New("one of --to-latest and --to-revisions=REVISION=100 is needed")
	}
	if all {
		target["revision"] = revision
	}
	_, err := g.call(http.MethodPatch, g.place()+"services/"+g.args[0], map[string]any{"traffic": []any{target}})
	return err
}

// unbind takes one member out of a policy; gcloud refuses to take what is not there.
func (g gcloud) unbind(get, set string) error {
	method := http.MethodPost
	if get == set {
		method = http.MethodGet
	}
	policy, err := g.call(method, get, nil)
	if err != nil {
		return err
	}
	found := false
	bindings, _ := policy["bindings"].([]any)
	for _, b := range bindings {
		b := b.(map[string]any)
		members := b["members"].([]any)
		if i := slices.Index(members, any(g.flags["member"])); i >= 0 && b["role"] == g.flags["role"] {
			b["members"], found = slices.Delete(members, i, i+1), true
		}
	}
	if !found {
		return fmt.Errorf("%s has no %s", g.flags["member"], g.flags["role"])
	}
	if method == http.MethodGet {
		_, err = g.call(http.MethodPut, set, policy)
	} else {
		_, err = g.call(http.MethodPost, set, map[string]any{"policy": policy})
	}
	return err
}

// submit runs the steps of a build in a copy of this folder, one after the other, as Cloud Build does with the images.
func (g gcloud) submit() error {
	workspace, err := os.MkdirTemp("", "build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(workspace)
	const upload = `tar -cf - --exclude-from="$0" --exclude=.terraform . | tar -xf - -C "$1"` // as far as tar reads the file
	if out, err := exec.Command("sh", "-c", upload, g.flags["ignore-file"], workspace).CombinedOutput(); err != nil {
		return fmt.Errorf("uploading: %w: %s", err, out)
	}
	file := "cloudbuild.yaml"
	if given := g.flags["config"]; given != "" {
		file = given
	}
	raw, err := os.ReadFile(filepath.Join(workspace, file))
	if err != nil {
		return err
	}
	var p pipeline
	if err := yaml.Unmarshal(raw, &p); err != nil {
		return err
	}
	values := map[string]string{"PROJECT_ID": "my-project"}
	for name, value := range p.Substitutions {
		values[name] = value
	}
	for given := range strings.SplitSeq(g.flags["substitutions"], ",") {
		name, value, _ := strings.Cut(given, "=")
		if _, ok := p.Substitutions[name]; !ok {
			return fmt.Errorf("the build does not take %s", name)
		}
		values[name] = value
	}
	for _, s := range p.Steps {
		fmt.Fprintf(g.out, "--- step %s\n", s.ID)
		args := slices.Clone(s.Args)
		for i, arg := range args {
			args[i] = substitution.ReplaceAllStringFunc(arg, func(match string) string {
				if match == "$$" {
					return "$"
				}
				return values[strings.Trim(match, "${}")]
			})
		}
		cmd := exec.Command(s.Entrypoint, args...)
		cmd.Dir = filepath.Join(workspace, s.Dir)
		cmd.Env = append(os.Environ(), s.Env...)
		cmd.Stdout, cmd.Stderr = g.out, g.out
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(g.out, "--- step %s failed: %v\n", s.ID, err)
			if !s.AllowFailure {
				return fmt.Errorf("step %s: %w", s.ID, err)
			}
		}
	}
	return nil
}
