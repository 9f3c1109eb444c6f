package function

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A bad entry costs itself and one warning, which quotes nothing of an address.
func TestBadSubAgentsAreLeftOutWithOneWarningEach(t *testing.T) {
	t.Parallel()
	const left = "SUB_AGENTS: an entry is not NAME=URL with a name of letters, digits, - or _; it is left out"
	for _, tt := range []struct {
		name, url, list, auth string
		tools, warnings       []string
	}{
		{name: "none"},
		{name: "one without a name", url: "http://a.example", tools: []string{"delegate_to_subagent"}},
		{name: "several", list: " research = http://a.example , math=http://b.example/x?=,,", tools: []string{"delegate_to_research"},
			warnings: []string{"SUB_AGENTS math is not usable: it must not have a query."}},
		{name: "with and without a name", url: "http://c.example", list: "a=http://a.example,b_2=http://b.example",
			tools: []string{"delegate_to_subagent", "delegate_to_a", "delegate_to_b_2"}},
		{name: "no pairs", list: "http://user:hunter2@a.example,=http://hunter2,math=,two words=http://hunter2,a=http://a.example",
			tools: []string{"delegate_to_a"}, warnings: []string{left, left, left, left}},
		{name: "bad addresses", list: "a=hunter2,b=ftp://hunter2,c=http://u:hunter2@c.example,d=http://d.example", tools: []string{"delegate_to_d"},
			warnings: []string{"SUB_AGENTS a is not usable: it must start with http:// or https://.",
				"SUB_AGENTS b is not usable: it must start with http:// or https://.",
				"SUB_AGENTS c is not usable: it must not hold a user or password."}},
		{name: "twice", url: "http://a.example", list: "a=http://a.example,a=http://hunter2,subagent=http://hunter2",
			tools:    []string{"delegate_to_subagent", "delegate_to_a"},
			warnings: []string{"SUB_AGENTS a: the name is taken; the first one is used", "SUB_AGENTS subagent: the name is taken; the first one is used"}},
		{name: "no token in the clear", list: "a=https://a.example,b=http://b.example", auth: "idtoken", tools: []string{"delegate_to_a"},
			warnings: []string{"SUB_AGENT_AUTH=idtoken needs https in SUB_AGENTS b: a token is not sent in the clear."}},
		{name: "unknown auth", list: "a=https://a.example", auth: "basic", warnings: []string{"SUB_AGENT_AUTH must be idtoken or none."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := &bytes.Buffer{}
			a := New(t.Context(), Config{LogWriter: log, Model: modelFunc(says), Getenv: func(name string) string {
				return map[string]string{"SUB_AGENT_URL": tt.url, "SUB_AGENTS": tt.list, "SUB_AGENT_AUTH": tt.auth, "OTEL_TRACES_EXPORTER": "none"}[name]
			}})
			t.Cleanup(func() { _ = a.Shutdown(context.Background()) })
			var warnings []string
			for line := range strings.Lines(log.String()) {
				var entry struct{ Message string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatal(err)
				}
				warnings = append(warnings, strings.TrimPrefix(entry.Message, "configuration: "))
			}
			if diff := cmp.Diff(tt.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.tools, a.subAgents.toolNames()); diff != "" {
				t.Errorf("tools (-want +got):\n%s", diff)
			}
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("the log shows a secret: %s", log)
			}
		})
	}
}

// agentCalled is a sub-agent that answers with its name.
func agentCalled(t *testing.T, name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"response":"`+name+`"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestDelegateGoesToTheSubAgentThatIsNamed(t *testing.T) {
	research, math, own := agentCalled(t, "research"), agentCalled(t, "math"), agentCalled(t, "own")
	const known = "known are research, math"
	for _, tt := range []struct {
		name, url, list, query string
		status                 int
		want                   string // the response, or the detail of the problem
	}{
		{"none", "", "", "", 503, "no sub-agent is configured; set SUB_AGENT_URL or SUB_AGENTS and restart"},
		{"a name where there is none", "", "", "?agent=x", 503, "no sub-agent is configured; set SUB_AGENT_URL or SUB_AGENTS and restart"},
		{"the only one", "", "math=" + math, "", 200, "math"},
		{"the only one by name", "", "math=" + math, "?agent=math", 200, "math"},
		{"first", "", "research=" + research + ",math=" + math, "?agent=research&x=y", 200, "research"},
		{"second", "", "research=" + research + ",math=" + math, "?agent=math", 200, "math"},
		{"not named", "", "research=" + research + ",math=" + math, "?agent=", 400, "name one of the sub-agents with ?agent=NAME; " + known},
		{"named twice", "", "research=" + research + ",math=" + math, "?agent=math&agent=math", 400, "agent is there more than once; name one sub-agent"},
		{"unknown", "", "research=" + research + ",math=" + math, "?agent=hunter2", 404, "there is no sub-agent of this name; " + known},
		{"other case", "", "research=" + research + ",math=" + math, "?agent=Math", 404, "there is no sub-agent of this name; " + known},
		{"unusable", "", "research=" + research + ",math=hunter2", "?agent=math", 503, "SUB_AGENTS math is not usable: it must start with http:// or https://."},
		{"SUB_AGENT_URL is the default", own, "math=" + math, "", 200, "own"},
		{"SUB_AGENT_URL by name", own, "math=" + math, "?agent=sub-agent", 200, "own"},
		{"beside SUB_AGENT_URL", own, "math=" + math, "?agent=math", 200, "math"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, rec := newTestApp(t, modelFunc(says), map[string]string{"SUB_AGENT_URL": tt.url, "SUB_AGENTS": tt.list})
			w := httptest.NewRecorder()
			a.ServeHTTP(w, newTask(delegatePath+tt.query))
			var got struct{ Response, Detail, Field string }
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.status || got.Response+got.Detail != tt.want {
				t.Errorf("%d %s (%v), want %d %q", w.Code, w.Body, err, tt.status, tt.want)
			}
			if field := map[int]string{400: "agent", 404: "agent"}[tt.status]; got.Field != field {
				t.Errorf("field = %q, want %q", got.Field, field)
			}
			name := map[string]string{"own": "sub-agent"}[tt.want]
			if name == "" {
				name = tt.want
			}
			if tt.status == 200 && !strings.Contains(strings.Join(names(rec.Spans()), "\n"), "invoke_agent "+name) {
				t.Errorf("the spans are %q", names(rec.Spans()))
			}
		})
	}
}
