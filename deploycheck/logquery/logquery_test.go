package logquery_test

import (
	"testing"

	"example.com/gemini-agent/deploycheck/logquery"
)

const line = `{"time":"2026-11-24T10:00:00Z","severity":"WARNING","message":"task done","logging.googleapis.com/trace":"projects/p/traces/0af7",` +
	`"http.response.status_code":429,"user":"Ann","tools":["search","calculate"],"tools_failed":[],"cost_usd":0.25,"kept":true,` +
	`"delegated":{"input_tokens":7},"offset":-3}`

func entry(t *testing.T) map[string]any {
	t.Helper()
	e, err := logquery.Entry([]byte(line), logquery.Resource{Project: "p", Location: "europe-west1", Service: "agent", Revision: "agent-1"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMatch(t *testing.T) {
	t.Parallel()
	e := entry(t)
	for query, want := range map[string]bool{
		`jsonPayload.message="task done"`:                      true,
		`jsonPayload.message="TASK done"`:                      true, // text has no case
		`jsonPayload.message=~"TASK"`:                          false,
		`jsonPayload.message=~"^task"`:                         true,
		`jsonPayload.message:"done"`:                           true,
		`jsonPayload.nobody="x"`:                               false,
		`NOT jsonPayload.nobody="x"`:                           true,
		`-jsonPayload.user="ann"`:                              false,
		`jsonPayload.nobody:*`:                                 false,
		`jsonPayload.user:*`:                                   true,
		`jsonPayload."http.response.status_code"=429`:          true,
		`jsonPayload."http.response.status_code"="429"`:        true,
		`jsonPayload."http.response.status_code">=500`:         false,
		`jsonPayload.cost_usd>=0.25 jsonPayload.cost_usd<0.26`: true,
		`jsonPayload.cost_usd>-1`:                              true,
		`jsonPayload.offset<=-3`:                               true,
		`jsonPayload.user>5`:                                   true, // as texts: "ann" comes after "5"
		`jsonPayload.cost_usd="much"`:                          false,
		`jsonPayload.kept=true`:                                true,
		`jsonPayload.kept=false`:                               false,
		`jsonPayload.kept>false`:                               false,
		`jsonPayload.tools="calculate"`:                        true, // one element is enough
		`jsonPayload.tools=~"."`:                               true,
		`jsonPayload.tools_failed=~"."`:                        false,
		`jsonPayload.delegated.input_tokens>0`:                 true,
		`jsonPayload.delegated.input_tokens.more>0`:            false,
		`jsonPayload.user=("bob" OR "ann")`:                    true,
		`jsonPayload.user=("bob" OR "cid")`:                    false,
		`severity>=WARNING`:                                    true,
		`severity>WARNING`:                                     false,
		`severity=warning`:                                     true,
		`timestamp>="2026-11-24T00:00:00Z" AND timestamp<"2026-11-25T00:00:00+01:00"`:          true,
		`timestamp>"2026-11-24T12:00:00+01:00"`:                                                false,
		`trace:"0af7"`:                                                                         true,
		`log_id("run.googleapis.com/stdout")`:                                                  true,
		`NOT log_id("run.googleapis.com/requests")`:                                            true,
		`resource.labels.service_name=("x" OR "agent") AND resource.type="cloud_run_revision"`: true,
		// OR binds closer than AND.
		`jsonPayload.user="x" AND jsonPayload.user="x" OR jsonPayload.user="ann"`:   false,
		`(jsonPayload.user="x" AND jsonPayload.user="x") OR jsonPayload.user="ann"`: true,
		"-- who\njsonPayload.user=\"ann\"\n-- and what\njsonPayload.kept=true":      true,
	} {
		q, err := logquery.Parse(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := q.Match(e); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		``, `jsonPayload.user`, `"task done"`, `jsonPayload.user!="ann"`, `jsonPayload.user!~"a"`, `jsonPayload.user="ann`,
		`jsonPayload.user=`, `(severity=ERROR`, `severity=LOUD`, `timestamp>"yesterday"`, `jsonPayload.user=~"("`, `log_id(x)`,
		`jsonPayload..user=1`, `severity=ERROR)`, `jsonPayload.user=("a" OR`, `sample(insertId, 0.1)`, `jsonPayload.user = 'ann'`,
		`NOT`, `jsonPayload.x=-"5"`, `log_id`,
	} {
		if _, err := logquery.Parse(query); err == nil {
			t.Errorf("%q is taken", query)
		}
	}
}

func TestParsePath(t *testing.T) {
	t.Parallel()
	path, err := logquery.ParsePath(`jsonPayload."http.response.status_code"`)
	if err != nil || path.In(entry(t)) != 429.0 {
		t.Errorf("%v, %v", path, err)
	}
	if _, err := logquery.ParsePath(`jsonPayload.a b`); err == nil {
		t.Error("two paths are taken for one")
	}
}

func TestEntryOfWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	if _, err := logquery.Entry([]byte("plain"), logquery.Resource{}); err == nil {
		t.Error("a line of text is taken for JSON")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`jsonPayload."a.b"=("x" OR -5.5) AND NOT (severity>=ERROR OR log_id("y"))`)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := logquery.Parse(query)
		if err == nil {
			q.Match(entry(t)) // no panic
		}
	})
}
