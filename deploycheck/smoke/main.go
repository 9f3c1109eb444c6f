// Command smoke asks every function of a deployment which version it is, with and without a token, then the agent for
// answers, and reads their traces back from Cloud Trace: a deploy counts as done only when the new code does all that.
// It runs where Google's metadata server is: in Cloud Build.
//
//	terraform -chdir=terraform output -json > outputs.json
//	go run ./deploycheck/smoke -outputs outputs.json -service-account deployer@project.iam.gserviceaccount.com
//
// The account needs run.invoker on the functions, serviceAccountOpenIdTokenCreator on itself and cloudtrace.user.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

func main() {
	outputs := flag.String("outputs", "outputs.json", "what terraform output -json said")
	account := flag.String("service-account", "", "email of the account this runs as")
	timeout := flag.Duration("timeout", 5*time.Minute, "longest that everything may take")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	if err := run(ctx, *outputs, *account); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, outputs, account string) error {
	raw, err := os.ReadFile(outputs)
	if err != nil {
		return fmt.Errorf("reading the outputs: %w", err)
	}
	target, err := readTarget(raw, account)
	if err != nil {
		return err
	}
	return check{target: target, log: os.Stdout}.run(ctx)
}

// readTarget takes what is to be checked from terraform's outputs.
func readTarget(outputs []byte, account string) (target, error) {
	var values struct {
		URL       struct{ Value string }
		ProjectID struct{ Value string } `json:"project_id"`
		Traces    struct{ Value *string }
		Public    struct{ Value bool }
		Version   struct{ Value string }
		SubAgents struct{ Value map[string]string } `json:"sub_agent_urls"`
	}
	if err := json.Unmarshal(outputs, &values); err != nil {
		return target{}, fmt.Errorf("reading the outputs: %w", err)
	}
	t := target{
		url:     values.URL.Value,
		project: values.ProjectID.Value,
		account: account,
		public:  values.Public.Value,
		version: values.Version.Value,
		traced:  values.Traces.Value != nil,
	}
	for _, name := range slices.Sorted(maps.Keys(values.SubAgents.Value)) {
		t.subAgents = append(t.subAgents, values.SubAgents.Value[name])
	}
	if t.url == "" || t.project == "" || t.account == "" || t.version == "" {
		return target{}, fmt.Errorf("reading the outputs: url, project_id, version and -service-account are needed, have %+v", t)
	}
	return t, nil
}
