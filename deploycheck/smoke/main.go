// Command smoke asks a deployed function for one answer and then reads that answer's trace back from Cloud Trace, so a
// deploy counts as done only when both work. It runs where Google's metadata server is: in Cloud Build.
//
//	terraform -chdir=terraform output -json > outputs.json
//	go run ./deploycheck/smoke -outputs outputs.json -service-account deployer@project.iam.gserviceaccount.com
//
// The account needs run.invoker on the function, serviceAccountOpenIdTokenCreator on itself and cloudtrace.user.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
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
	}
	if err := json.Unmarshal(outputs, &values); err != nil {
		return target{}, fmt.Errorf("reading the outputs: %w", err)
	}
	t := target{
		url:     values.URL.Value,
		project: values.ProjectID.Value,
		account: account,
		traced:  values.Traces.Value != nil,
	}
	if t.url == "" || t.project == "" || t.account == "" {
		return target{}, fmt.Errorf("reading the outputs: url, project_id and -service-account are needed, have %+v", t)
	}
	return t, nil
}
