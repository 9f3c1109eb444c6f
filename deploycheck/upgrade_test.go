package deploycheck

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// beforeModules is the last commit whose configuration had no modules.
const beforeModules = "3832cd2"

func TestAppliedUpgradeKeepsWhatServes(t *testing.T) {
	tests := []struct {
		name     string
		old, now []string
	}{
		{"as the README has it", nil, nil},
		{
			"with everything",
			[]string{
				`sub_agent=true`, `environment=staging`, `pipeline={state_bucket="state"}`, `invokers=["user:a@example.com"]`,
				`gemini_backend=gemini_api`, `gemini_api_key_version=1`, `trace_exporter=otlp`,
				`otlp_endpoint=https://otel.example.com`,
				`secret_settings={OTEL_EXPORTER_OTLP_HEADERS={secret="headers",version="1"}}`,
			},
			[]string{
				`sub_agents={sub={}}`, `environment_name=staging`, `pipeline={state_bucket="state"}`, `invokers=["user:a@example.com"]`,
				`gemini_backend=gemini_api`, `gemini_api_key_version=1`, `trace_exporter=otlp`,
				`otlp_endpoint=https://otel.example.com`,
				`secrets={OTEL_EXPORTER_OTLP_HEADERS={secret="headers",version="1"}}`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := emptyRig(t)
			r.lay(configurationAt(t, beforeModules))
			order(t, r.apply(tt.old...), "create functions/gemini-agent")
			r.lay(filepath.Join(root, "terraform"))
			if err := r.guard(tt.now...); err != nil {
				t.Errorf("the pipeline refuses the upgrade: %v", err)
			}
			events := r.apply(tt.now...)
			const build = "gemini-agent-build"
			order(t, events, "grant storage.objectViewer to "+build+" if source buckets of functions only", updateAgent,
				"revoke storage.objectViewer from "+build)
			order(t, events, "grant artifactregistry.writer to "+build+"@repositories/gemini-agent", updateAgent)
			absent(t, events, "delete functions/")
			absent(t, events, "delete secrets/")
			for _, event := range events {
				if strings.HasPrefix(event, "revoke ") && strings.Contains(event, "-run") {
					t.Errorf("a function that serves lost a right: %q", event)
				}
			}
			r.settled(tt.now...)
		})
	}
}

// configurationAt takes terraform/ out of this repository's history.
func configurationAt(t *testing.T, commit string) string {
	t.Helper()
	git := exec.CommandContext(t.Context(), "git", "archive", "--format=tar", commit, "terraform")
	git.Dir = root
	raw, err := git.Output()
	if err != nil {
		t.Skipf("commit %s is not in this clone: %v", commit, err)
	}
	dir := t.TempDir()
	for archive := tar.NewReader(bytes.NewReader(raw)); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return filepath.Join(dir, "terraform")
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(archive)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
