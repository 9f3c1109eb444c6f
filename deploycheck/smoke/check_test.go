package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
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

	versions []string // that GET / shows, one after the other; the last one from then on. Default v2
	maker    string   // service.version of the spans; default v2
	open     bool     // answers who shows no token, too
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
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer id for "+g.URL && !g.open {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		version := "v2"
		if len(g.versions) > 0 {
			version = g.versions[0]
			g.versions = g.versions[min(1, len(g.versions)-1):]
		}
		fmt.Fprintf(w, `{"name": "agent", "version": %q}`, version)
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
		var spans []any
		for _, name := range g.spans {
			labels := map[string]string{"service.version": cmp.Or(g.maker, "v2")}
			spans = append(spans, map[string]any{"name": name, "labels": labels})
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
		target:      target{url: g.URL, project: "p", version: "v2", account: "deploy@p.iam.gserviceaccount.com", traced: traced},
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
	if g.looks != -rounds {
		t.Errorf("read the traces of %d answers %d times after they were whole", rounds, -g.looks)
	}
}

func TestFailsWhenTheTraceNeverHasTheRun(t *testing.T) {
	g := newGoogle(t, &google{spans: []string{"POST /api/v1/agent/execute"}})
	_, err := g.check(t, true, 2*time.Second)
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
		if r.URL.Path == "/" {
			fmt.Fprint(w, `{"version": ""}`)
			return
		}
		http.Error(w, "no model for you", http.StatusServiceUnavailable)
	}))
	defer broken.Close()
	err := check{
		target:   target{url: broken.URL, project: "p", account: "deploy@p.iam.gserviceaccount.com", public: true},
		log:      t.Output(),
		metadata: g.URL, credentials: g.URL,
	}.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no model for you") {
		t.Errorf("error = %v; want the function's status and words", err)
	}
}

func TestWaitsForTheNewVersionAndHoldsItToThat(t *testing.T) {
	tests := []struct {
		name     string
		versions []string
		want     string
	}{
		{"the traffic moves after a moment", []string{"v1", "v1", "v2"}, ""},
		{"some of the traffic is the old revision's", []string{"v2", "v1", "v2"}, `"v1" serves, "v2" was deployed`},
		{"the old revision serves", []string{"v1"}, `"v1" serves, "v2" was deployed`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGoogle(t, &google{versions: tt.versions})
			timeout := time.Minute
			if len(tt.versions) == 1 {
				timeout = 500 * time.Millisecond
			}
			_, err := g.check(t, false, timeout)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("check = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFailsWhenEverybodyMayCall(t *testing.T) {
	g := newGoogle(t, &google{open: true})
	_, err := g.check(t, false, 500*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "without a token: 200") {
		t.Errorf("check = %v; want it to say that no token was needed", err)
	}
}

func TestFailsWhenAnotherVersionMadeTheTrace(t *testing.T) {
	g := newGoogle(t, &google{spans: []string{"agent.task"}, maker: "v1"})
	_, err := g.check(t, true, time.Minute)
	if err == nil || !strings.Contains(err.Error(), `version "v1", not "v2"`) {
		t.Errorf("check = %v; want it to name both versions", err)
	}
}

func TestAsksTheSubAgentsToo(t *testing.T) {
	old := newGoogle(t, &google{versions: []string{"v1"}})
	g := newGoogle(t, &google{})
	err := check{
		target: target{
			url: g.URL, project: "p", version: "v2", account: "deploy@p.iam.gserviceaccount.com", subAgents: []string{old.URL},
		},
		log: t.Output(), metadata: g.URL, credentials: g.URL, cloudTrace: g.URL, pause: time.Millisecond,
	}.run(shortly(t))
	if err == nil || !strings.Contains(err.Error(), old.URL) || !strings.Contains(err.Error(), `"v1" serves`) {
		t.Errorf("check = %v; want it to name the sub-agent", err)
	}
}

func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestReadTarget(t *testing.T) {
	const account = "deploy@p.iam.gserviceaccount.com"
	tests := []struct {
		name, outputs, account string
		want                   target
		fails                  bool
	}{
		{
			name: "traces in Cloud Trace",
			outputs: `{"url": {"value": "https://f"}, "project_id": {"value": "p"}, "version": {"value": "v2"},
				"traces": {"value": "https://c"}, "sub_agent_urls": {"value": {"b": "https://b", "a": "https://a"}},
				"public": {"value": true}}`,
			account: account,
			want: target{
				url: "https://f", project: "p", account: account, version: "v2", traced: true, public: true,
				subAgents: []string{"https://a", "https://b"},
			},
		},
		{
			name: "traces elsewhere",
			outputs: `{"url": {"value": "https://f"}, "project_id": {"value": "p"}, "version": {"value": "v2"},
				"traces": {"value": null}}`,
			account: account,
			want:    target{url: "https://f", project: "p", account: account, version: "v2"},
		},
		{name: "nothing applied", outputs: `{}`, account: account, fails: true},
		{name: "no account", outputs: `{"url": {"value": "u"}, "project_id": {"value": "p"}, "version": {"value": "v"}}`, fails: true},
		{name: "no version", outputs: `{"url": {"value": "u"}, "project_id": {"value": "p"}}`, account: account, fails: true},
		{name: "not JSON", outputs: `url = f`, account: account, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readTarget([]byte(tt.outputs), tt.account)
			if (err != nil) != tt.fails || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("readTarget = %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}
