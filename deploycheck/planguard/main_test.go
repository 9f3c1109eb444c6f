package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	change := func(address, kind, actions, reason string) string {
		return `{"address": "` + address + `", "type": "` + kind + `", "action_reason": "` + reason +
			`", "change": {"actions": [` + actions + `]}}`
	}
	const function, secret, database = "google_cloudfunctions2_function", "google_secret_manager_secret", "google_firestore_database"
	tests := []struct{ name, changes, allow, want string }{
		{"nothing changes", change("module.agent.f", function, `"no-op"`, ""), "no", ""},
		{"a function changes in place", change("module.agent.f", function, `"update"`, ""), "no", ""},
		{"a grant goes", change("g", "google_project_iam_member", `"delete"`, ""), "no", ""},
		{"a function is replaced", change("module.agent.f", function, `"delete", "create"`, "replace_because_cannot_update"), "no",
			"module.agent.f (delete, create)"},
		{"a function is replaced the other way", change("module.agent.f", function, `"create", "delete"`, ""), "no",
			"module.agent.f (create, delete)"},
		{"a sub-agent goes", change("module.sub_agent[\\\"x\\\"].f", function, `"delete"`, ""), "no", `module.sub_agent["x"].f`},
		{"a secret goes", change("s", secret, `"delete"`, ""), "no", "its versions"},
		{"a database goes", change("d", database, `"delete", "create"`, ""), "no", "its documents"},
		{"a first deploy that failed is made again", change("module.agent.f", function, `"delete", "create"`,
			"replace_because_tainted"), "no", ""},
		{"a tainted secret is a loss all the same", change("s", secret, `"delete", "create"`, "replace_because_tainted"), "no",
			"its versions"},
		{"it is meant", change("module.agent.f", function, `"delete"`, ""), "yes", ""},
		{"neither yes nor no", "", "maybe", "yes or no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "plan.json")
			plan := `{"format_version": "1.2", "resource_changes": [` + tt.changes + `]}`
			if err := os.WriteFile(path, []byte(plan), 0o644); err != nil {
				t.Fatal(err)
			}
			err := run(path, tt.allow)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("run = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestGuardReadsOnlyPlans(t *testing.T) {
	for _, text := range []string{"", "{}", `{"values": {}}`, "Error: no plan"} {
		if _, err := losses([]byte(text)); err == nil {
			t.Errorf("%q passes for a plan without losses", text)
		}
	}
}
