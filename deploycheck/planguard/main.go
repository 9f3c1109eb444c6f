// Command planguard refuses a plan of terraform's that would destroy or replace what serves or what cannot be made
// again, unless it is told that this is meant.
//
//	terraform show -json plan.tfplan > plan.json
//	go run ./deploycheck/planguard -plan plan.json -allow-destroy=no
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// guarded are the types that are not destroyed in passing, and what goes with them.
var guarded = map[string]string{
	"google_cloudfunctions2_function": "nobody is answered until it is there again",
	"google_secret_manager_secret":    "its versions cannot be brought back",
	"google_firestore_database":       "its documents cannot be brought back",
}

func main() {
	plan := flag.String("plan", "plan.json", "what terraform show -json said of the plan")
	allow := flag.String("allow-destroy", "no", "yes: destroying and replacing is meant")
	flag.Parse()
	if err := run(*plan, *allow); err != nil {
		fmt.Fprintln(os.Stderr, "planguard:", err)
		os.Exit(1)
	}
}

func run(path, allow string) error {
	if allow != "yes" && allow != "no" {
		return fmt.Errorf("reading arguments: -allow-destroy is yes or no, not %q", allow)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	found, err := losses(raw)
	if err != nil || len(found) == 0 || allow == "yes" {
		return err
	}
	return fmt.Errorf("the plan takes away what may not go in passing:\n  %s\nif that is meant, run again with _ALLOW_DESTROY=yes",
		strings.Join(found, "\n  "))
}

// losses lists the guarded things that the plan destroys or replaces. A function whose first deploy failed is replaced
// without a word: nobody is answered by it.
func losses(plan []byte) ([]string, error) {
	var p struct {
		FormatVersion   string `json:"format_version"`
		ResourceChanges []struct {
			Address      string
			Type         string
			ActionReason string `json:"action_reason"`
			Change       struct{ Actions []string }
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal(plan, &p); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	if p.FormatVersion == "" {
		return nil, fmt.Errorf("reading the plan: it has no format_version, so it is no plan")
	}
	var found []string
	for _, r := range p.ResourceChanges {
		loss, ok := guarded[r.Type]
		tainted := r.Type == "google_cloudfunctions2_function" && r.ActionReason == "replace_because_tainted"
		if ok && !tainted && slices.Contains(r.Change.Actions, "delete") {
			found = append(found, fmt.Sprintf("%s (%s): %s", r.Address, strings.Join(r.Change.Actions, ", "), loss))
		}
	}
	slices.Sort(found)
	return found, nil
}
