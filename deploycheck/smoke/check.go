package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// target is a deployed function. Traced says that its traces go to the project's Cloud Trace.
type target struct {
	url, project, account string
	traced                bool
}

// check is one smoke test. The zero value of everything but target is Google's own addresses and patience.
type check struct {
	target
	log io.Writer

	client      *http.Client
	metadata    string        // default http://metadata.google.internal
	credentials string        // default https://iamcredentials.googleapis.com
	cloudTrace  string        // default https://cloudtrace.googleapis.com
	pause       time.Duration // between two looks for the trace; default 3 s
}

func (c check) withDefaults() check {
	c.client = cmp.Or(c.client, http.DefaultClient)
	c.metadata = cmp.Or(c.metadata, "http://metadata.google.internal")
	c.credentials = cmp.Or(c.credentials, "https://iamcredentials.googleapis.com")
	c.cloudTrace = cmp.Or(c.cloudTrace, "https://cloudtrace.googleapis.com")
	c.pause = cmp.Or(c.pause, 3*time.Second)
	return c
}

// run returns nil when the function answered and, where its traces can be read, the answer's trace is whole: it holds
// the span of the run. It looks for the trace until ctx ends.
func (c check) run(ctx context.Context) error {
	c = c.withDefaults()
	access, err := c.accessToken(ctx)
	if err != nil {
		return err
	}
	id, err := c.idToken(ctx, access)
	if err != nil {
		return err
	}
	trace, err := c.ask(ctx, id)
	if err != nil {
		return err
	}
	if !c.traced {
		fmt.Fprintln(c.log, "the traces of this deployment go elsewhere: not read back")
		return nil
	}
	return c.readBack(ctx, access, trace)
}

// ask sends one task under a trace id of its own and returns that id. The B3 header is the one that Google's front end
// leaves alone, and its 1 asks for the trace to be kept whatever the sampling.
func (c check) ask(ctx context.Context, idToken string) (string, error) {
	trace, span := randomHex(16), randomHex(8)
	var answer struct {
		Response     string `json:"response"`
		FinishReason string `json:"finish_reason"`
		TraceID      string `json:"trace_id"`
	}
	body := map[string]any{"task": "What is 17 times 23? Use the calculator.", "user_id": "smoke-test"}
	header := http.Header{"B3": {trace + "-" + span + "-1"}, "Authorization": {"Bearer " + idToken}}
	if err := c.call(ctx, "asking the function", c.url+"/api/v1/agent/execute", header, body, &answer); err != nil {
		return "", err
	}
	switch {
	case answer.Response == "":
		return "", fmt.Errorf("asking the function: an answer without a text (finish_reason %q)", answer.FinishReason)
	case answer.TraceID != trace:
		return "", fmt.Errorf("asking the function: the answer's trace is %q, not the caller's %s", answer.TraceID, trace)
	}
	fmt.Fprintf(c.log, "answered (%s), trace %s\n", answer.FinishReason, trace)
	return trace, nil
}

// readBack waits until Cloud Trace shows the trace with the run's span in it, and prints the spans' names.
func (c check) readBack(ctx context.Context, accessToken, trace string) error {
	url := fmt.Sprintf("%s/v1/projects/%s/traces/%s", c.cloudTrace, c.project, trace)
	header := http.Header{"Authorization": {"Bearer " + accessToken}}
	last := "nothing"
	for {
		var found struct {
			Spans []struct {
				Name string `json:"name"`
			} `json:"spans"`
		}
		// A trace that is not there yet is a 404, so no error is final before the time is over.
		err := c.call(ctx, "reading the trace", url, header, nil, &found)
		switch {
		case err == nil:
			var names []string
			whole := false
			for _, span := range found.Spans {
				names = append(names, span.Name)
				whole = whole || span.Name == "agent.task"
			}
			last = "spans " + strings.Join(names, ", ")
			if whole {
				fmt.Fprintf(c.log, "read back: %s\n", last)
				return nil
			}
		case ctx.Err() == nil:
			last = err.Error()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reading trace %s back: no agent.task in it; last saw %s: %w", trace, last, ctx.Err())
		case <-time.After(c.pause):
		}
	}
}

// accessToken asks the metadata server for a token of the account that this runs as.
func (c check) accessToken(ctx context.Context) (string, error) {
	var token struct {
		AccessToken string `json:"access_token"`
	}
	url := c.metadata + "/computeMetadata/v1/instance/service-accounts/default/token"
	header := http.Header{"Metadata-Flavor": {"Google"}}
	err := c.call(ctx, "getting an access token", url, header, nil, &token)
	return token.AccessToken, err
}

// idToken makes an ID token for the function. The metadata server of Cloud Build gives none.
func (c check) idToken(ctx context.Context, accessToken string) (string, error) {
	var token struct {
		Token string `json:"token"`
	}
	url := fmt.Sprintf("%s/v1/projects/-/serviceAccounts/%s:generateIdToken", c.credentials, c.account)
	header := http.Header{"Authorization": {"Bearer " + accessToken}}
	body := map[string]any{"audience": c.url, "includeEmail": true}
	err := c.call(ctx, "getting an ID token", url, header, body, &token)
	return token.Token, err
}

// call sends one request, a GET without a body, and reads a JSON answer. Any status but 200 is an error that shows the
// answer: none of those called puts a token into an error.
func (c check) call(ctx context.Context, doing, url string, header http.Header, body, out any) error {
	method, payload := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	req.Header = header.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.500s", doing, resp.Status, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
