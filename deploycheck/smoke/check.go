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

// target is a deployment: the agent, its sub-agents, and the version that all of them must be. Traced says that its
// traces go to the project's Cloud Trace.
type target struct {
	url, project, account string
	subAgents             []string // their URLs
	version               string
	public                bool // everybody may call the agent
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
	pause       time.Duration // between two looks, for the version or the trace; default 3 s
}

// rounds is how often each function is asked: an old revision that still has some of the traffic answers some requests.
const rounds = 3

func (c check) withDefaults() check {
	c.client = cmp.Or(c.client, http.DefaultClient)
	c.metadata = cmp.Or(c.metadata, "http://metadata.google.internal")
	c.credentials = cmp.Or(c.credentials, "https://iamcredentials.googleapis.com")
	c.cloudTrace = cmp.Or(c.cloudTrace, "https://cloudtrace.googleapis.com")
	c.pause = cmp.Or(c.pause, 3*time.Second)
	return c
}

// run returns nil when every function answers as the new version, and refuses whoever shows no token, unless it is public; and when the agent
// answers a task and, where its traces can be read, that answer's trace is whole: it holds the span of the run, made by
// the new version. It looks for the trace until ctx ends.
func (c check) run(ctx context.Context) error {
	c = c.withDefaults()
	access, err := c.accessToken(ctx)
	if err != nil {
		return err
	}
	for _, url := range append([]string{c.url}, c.subAgents...) {
		id, err := c.idToken(ctx, access, url)
		if err != nil {
			return err
		}
		if err := c.serves(ctx, url, id, c.public && url == c.url); err != nil {
			return err
		}
	}
	id, err := c.idToken(ctx, access, c.url)
	if err != nil {
		return err
	}
	for range rounds {
		trace, err := c.ask(ctx, id)
		if err != nil {
			return err
		}
		if !c.traced {
			fmt.Fprintln(c.log, "the traces of this deployment go elsewhere: not read back")
			continue
		}
		if err := c.readBack(ctx, access, trace); err != nil {
			return err
		}
	}
	return nil
}

// serves asks one function which version it is, without a token and with one. A grant and a change of traffic take a
// moment to be known everywhere, so the first right answer is waited for until ctx ends; from then on each must be right.
func (c check) serves(ctx context.Context, url, idToken string, public bool) error {
	var last error // of those that say more than that the time is over
	for right := 0; right < rounds; {
		err := c.versionIs(ctx, url, idToken)
		if err == nil && !public {
			err = c.refuses(ctx, url)
		}
		switch {
		case err == nil:
			right++
			continue
		case ctx.Err() == nil:
			last = err
		}
		if right > 0 {
			return cmp.Or(last, err)
		}
		select {
		case <-ctx.Done():
			return cmp.Or(last, err)
		case <-time.After(c.pause):
		}
	}
	fmt.Fprintf(c.log, "%s serves %s\n", url, c.version)
	return nil
}

func (c check) versionIs(ctx context.Context, url, idToken string) error {
	var index struct{ Version string }
	header := http.Header{"Authorization": {"Bearer " + idToken}}
	if err := c.call(ctx, "asking "+url+" for its version", url+"/", header, nil, &index); err != nil {
		return err
	}
	if index.Version != c.version {
		return fmt.Errorf("asking %s for its version: %q serves, %q was deployed", url, index.Version, c.version)
	}
	return nil
}

// refuses asks without any right.
func (c check) refuses(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		return fmt.Errorf("asking %s without a token: %w", url, err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s without a token: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("asking %s without a token: %s, and nobody was given that right", url, resp.Status)
	}
	return nil
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
				Name   string            `json:"name"`
				Labels map[string]string `json:"labels"`
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
				if v := span.Labels["service.version"]; v != "" && v != c.version {
					return fmt.Errorf("reading trace %s back: %s was made by version %q, not %q", trace, span.Name, v, c.version)
				}
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
func (c check) idToken(ctx context.Context, accessToken, url string) (string, error) {
	var token struct {
		Token string `json:"token"`
	}
	endpoint := fmt.Sprintf("%s/v1/projects/-/serviceAccounts/%s:generateIdToken", c.credentials, c.account)
	header := http.Header{"Authorization": {"Bearer " + accessToken}}
	body := map[string]any{"audience": url, "includeEmail": true}
	err := c.call(ctx, "getting an ID token", endpoint, header, body, &token)
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
