package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// google plays the function and the three services of Google's that a smoke test calls. It refuses a call that the
// real ones would refuse.
type google struct {
	*httptest.Server
	spans   []string // names of the spans that the trace has, once it is there
	looks   int      // how many reads find no trace yet
	traceID string   // the trace the function answers with; default the caller's
	asked   string   // the trace id that the function was asked under
}

func newGoogle(t *testing.T, g *google) *google {
	mux := http.NewServeMux()
	const tokenPath = "/computeMetadata/v1/instance/service-accounts/default/token"
	mux.HandleFunc("GET "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" {
			http.Error(w, "missing Metadata-Flavor", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"access_token": "access"}`)
	})
	mux.HandleFunc("POST /v1/projects/-/serviceAccounts/{account}", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Audience string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if r.PathValue("account") != "deploy@p.iam.gserviceaccount.com:generateIdToken" ||
			r.Header.Get("Authorization") != "Bearer access" {
			http.Error(w, "denied", http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"token": "id for %s"}`, body.Audience)
	})
	mux.HandleFunc("POST /api/v1/agent/execute", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer id for "+g.URL {
			http.Error(w, "wrong audience", http.StatusUnauthorized)
			return
		}
		b3 := strings.Split(r.Header.Get("b3"), "-")
		if len(b3) != 3 || len(b3[0]) != 32 || len(b3[1]) != 16 || b3[2] != "1" {
			http.Error(w, "not a sampled b3 header", http.StatusBadRequest)
			return
		}
		g.asked = b3[0]
		traceID := g.traceID
		if traceID == "" {
			traceID = g.asked
		}
		fmt.Fprintf(w, `{"response": "391", "finish_reason": "stop", "trace_id": %q}`, traceID)
	})
	mux.HandleFunc("GET /v1/projects/p/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		if g.looks--; g.looks >= 0 || r.PathValue("id") != g.asked || r.Header.Get("Authorization") != "Bearer access" {
			http.NotFound(w, r)
			return
		}
		type span map[string]string
		var spans []span
		for _, name := range g.spans {
			spans = append(spans, span{"name": name})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"spans": spans})
	})
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

func (g *google) check(t *testing.T, traced bool, timeout time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	var log bytes.Buffer
	err := check{
		target:      target{url: g.URL, project: "p", account: "deploy@p.iam.gserviceaccount.com", traced: traced},
		log:         &log,
		client:      g.Client(),
		metadata:    g.URL,
		credentials: g.URL,
		cloudTrace:  g.URL,
		pause:       time.Millisecond,
	}.run(ctx)
	return log.String(), err
}

func TestPassesOnceTheTraceIsWhole(t *testing.T) {
	g := newGoogle(t, &google{spans: []string{"POST /api/v1/agent/execute", "agent.task", "llm.generate"}, looks: 3})
	log, err := g.check(t, true, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log, "agent.task") || !strings.Contains(log, g.asked) {
		t.Errorf("the log shows neither the trace nor its spans:\n%s", log)
	}
	if g.looks != -1 {
		t.Errorf("read the trace %d times after it was whole", -1-g.looks)
	}
}

func TestFailsWhenTheTraceNeverHasTheRun(t *testing.T) {
	g := newGoogle(t, &google{spans: []string{"POST /api/v1/agent/execute"}})
	_, err := g.check(t, true, 100*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "no agent.task") || !strings.Contains(err.Error(), "POST /api") {
		t.Errorf("error = %v; want one that says what was seen instead of agent.task", err)
	}
}

func TestFailsWhenTheFunctionStartsATraceOfItsOwn(t *testing.T) {
	g := newGoogle(t, &google{traceID: strings.Repeat("ab", 16)})
	_, err := g.check(t, true, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "not the caller's") {
		t.Errorf("error = %v; want one about the caller's trace", err)
	}
}

func TestReadsNoTraceBackThatGoesElsewhere(t *testing.T) {
	g := newGoogle(t, &google{looks: 1 << 20})
	log, err := g.check(t, false, time.Minute)
	if err != nil || !strings.Contains(log, "not read back") {
		t.Errorf("check = %v, log %q; want it to pass and say that no trace was read", err, log)
	}
}

func TestShowsWhatTheFunctionSaid(t *testing.T) {
	g := newGoogle(t, &google{})
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no model for you", http.StatusServiceUnavailable)
	}))
	defer broken.Close()
	err := check{
		target:   target{url: broken.URL, project: "p", account: "deploy@p.iam.gserviceaccount.com"},
		log:      t.Output(),
		metadata: g.URL, credentials: g.URL,
	}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no model for you") {
		t.Errorf("error = %v; want the function's status and words", err)
	}
}

func TestReadTarget(t *testing.T) {
	const account = "deploy@p.iam.gserviceaccount.com"
	tests := []struct {
		name, outputs, account string
		want                   target
		fails                  bool
	}{
		{
			name:    "traces in Cloud Trace",
			outputs: `{"url": {"value": "https://f"}, "project_id": {"value": "p"}, "traces": {"value": "https://c"}}`,
			account: account,
			want:    target{url: "https://f", project: "p", account: account, traced: true},
		},
		{
			name:    "traces elsewhere",
			outputs: `{"url": {"value": "https://f"}, "project_id": {"value": "p"}, "traces": {"value": null}}`,
			account: account,
			want:    target{url: "https://f", project: "p", account: account},
		},
		{name: "nothing applied", outputs: `{}`, account: account, fails: true},
		{name: "no account", outputs: `{"url": {"value": "u"}, "project_id": {"value": "p"}}`, fails: true},
		{name: "not JSON", outputs: `url = f`, account: account, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readTarget([]byte(tt.outputs), tt.account)
			if (err != nil) != tt.fails || got != tt.want {
				t.Errorf("readTarget = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}
