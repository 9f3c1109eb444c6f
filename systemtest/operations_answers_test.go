package systemtest

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// replyCost is what one usual reply costs.
const replyCost = (600*0.75 + 400*0.075 + 100*3.75) / 1e6

// wanted says of the answers to each question whether they are what happened, one check for each query.
var wanted = map[int][]func(t *testing.T, d *day, r table){
	1: {rows(3), atLeast(2)},
	2: {slowestFirst, func(t *testing.T, _ *day, r table) {
		if r.cell(t, "calls", "llm.generate") != 2.0 || r.cell(t, "calls", "tool.calculate") != 1.0 {
			t.Errorf("the calls of the trace are %v", r)
		}
	}, atLeast(1)},
	3: {func(t *testing.T, d *day, r table) {
		total := 0.0
		for _, row := range r.Rows {
			usd, _ := row[3].(float64)
			total += usd
			if row[4] != 0.0 {
				t.Errorf("unpriced: %v", row)
			}
		}
		if math.Abs(total-d.cost) > 1e-5 || r.cell(t, "tasks", "2026-11-24", "ann") != float64(plainTasks) {
			t.Errorf("the total is %v, want %v: %v", total, d.cost, r)
		}
	}, func(t *testing.T, d *day, r table) {
		kept := 0.0
		for _, s := range d.spans {
			if s.Name() == "agent.task" && text(s, "agent.user.id") == "ann" {
				kept++
			}
		}
		// One in ten was kept: each stands for ten.
		if kept == 0 || r.cell(t, "tasks", "2026-11-24", "ann") != 10*kept {
			t.Errorf("%v traces of ann's are kept, counted as %v", kept, r)
		}
		if usd, _ := r.cell(t, "usd", "2026-11-24", "ann").(float64); math.Abs(usd-10*kept*replyCost) > 1e-5 {
			t.Errorf("%v traces of ann's cost %v", kept, usd)
		}
		if r.cell(t, "tasks", "2026-11-24", "eve") != 3.0 {
			t.Errorf("traces with an error count otherwise than once: %v", r)
		}
	}},
	4: {rows(6), func(t *testing.T, _ *day, r table) {
		if r.cell(t, "calls", "calculate", "invalid_expression") != 6.0 {
			t.Errorf("the failed calls are %v", r)
		}
	}},
	5: {rows(5), func(t *testing.T, _ *day, r table) {
		if !slices.ContainsFunc(r.Rows, func(row []any) bool {
			return row[0] == "400" && strings.Contains(row[1].(string), "location")
		}) {
			t.Errorf("the refusal of the location is not told: %v", r)
		}
	}},
	6: {func(t *testing.T, d *day, r table) {
		versions := map[any]bool{} // of all kept tasks of the day: agents with other tools have other ones
		for _, s := range d.spans {
			if v := text(s, "agent.prompt.version"); s.Name() == "agent.task" && v != "" {
				versions[v] = true
			}
		}
		if len(r.Rows) != len(versions) || len(versions) == 0 || r.Rows[0][1].(float64) < 10 {
			t.Errorf("the versions of the prompt are %v, want %v", r, versions)
		}
		for _, row := range r.Rows {
			if !versions[row[0]] {
				t.Errorf("no span has the version %v", row[0])
			}
		}
	}, func(t *testing.T, d *day, r table) {
		lines := 0
		for _, e := range d.entries {
			if v, _ := e["jsonPayload"].(map[string]any)["prompt_version"].(string); v != "" {
				lines++
			}
		}
		rows(lines)(t, d, r)
	}},
	7: {func(t *testing.T, _ *day, r table) {
		// One failure in ten was sampled before it failed.
		reason := r.cell(t, "reason", "task done", "cid")
		if r.cell(t, "kept", "task done", "cid") != true || reason != "error" && reason != "ratio" {
			t.Errorf("the trace is %v", r)
		}
	}},
	8: {rows(3), atLeast(2), atLeast(2)},
	9: {func(t *testing.T, d *day, r table) {
		if len(r.Rows) != 1 || r.Rows[0][0] != d.retried() || r.Rows[0][1] != "503" || r.Rows[0][2] != 1.0 {
			t.Errorf("the retries are %v", r)
		}
	}, func(t *testing.T, _ *day, r table) {
		if len(r.Rows) != 1 || r.Rows[0][0] != "cid" || r.Rows[0][1] != 1.0 {
			t.Errorf("the retries are %v", r)
		}
	}},
	10: {func(t *testing.T, _ *day, r table) {
		if usd, _ := r.cell(t, "usd", "2.0").(float64); len(r.Rows) != 2 || math.Abs(usd-2*replyCost) > 1e-5 {
			t.Errorf("the versions are %v", r)
		}
	}, atLeast(3)},
	11: {func(t *testing.T, _ *day, r table) {
		if len(r.Rows) != 1 || r.Rows[0][2] != 1.0 || r.Rows[0][3] != 0.0 {
			t.Errorf("the sub-agents are %v", r)
		}
	}, rows(1)},
	12: {atLeast(1), atLeast(1)},
}

func rows(n int) func(*testing.T, *day, table) {
	return func(t *testing.T, _ *day, r table) {
		if len(r.Rows) != n {
			t.Errorf("%d rows, want %d:\n%v", len(r.Rows), n, r)
		}
	}
}

func atLeast(n int) func(*testing.T, *day, table) {
	return func(t *testing.T, _ *day, r table) {
		if len(r.Rows) < n {
			t.Errorf("%d rows, want at least %d:\n%v", len(r.Rows), n, r)
		}
	}
}

func slowestFirst(t *testing.T, _ *day, r table) {
	if len(r.Rows) == 0 || !slices.IsSortedFunc(r.Rows, func(a, b []any) int { return int(b[2].(float64) - a[2].(float64)) }) {
		t.Errorf("the slowest are %v", r)
	}
}

// retried is the trace of the task whose model call was made again; a tool failed in it as well, so it is kept.
func (d *day) retried() string {
	for _, a := range d.answers {
		if a.user == "cid" && a.status == 200 {
			return a.traceID
		}
	}
	return ""
}

// TestQuestionsOfAPersonOnCall answers every query of docs/operations.md about a day that the function has lived through
// with production settings.
func TestQuestionsOfAPersonOnCall(t *testing.T) {
	t.Parallel()
	d := live(t)
	d.want(t)
	asked := questions(t)
	if len(asked) != 12 {
		t.Fatalf("there are %d questions, want 12", len(asked))
	}
	for _, e := range d.entries {
		at, err := time.Parse(time.RFC3339, e["timestamp"].(string))
		if err != nil {
			t.Fatal(err)
		}
		e["timestamp"] = d.shift(at)
	}
	own := strings.NewReplacer("TRACE_ID", d.retried(), "duration_ms>=5000", "duration_ms>=0")
	var sql []string
	for _, q := range asked {
		for _, query := range q.queries {
			if query.language == "sql" {
				sql = append(sql, sqlite(own.Replace(query.text)))
			}
		}
	}
	answers := d.answerSQL(t, sql)
	for i, q := range asked {
		if q.number != i+1 || len(q.queries) != len(wanted[q.number]) {
			t.Errorf("question %d %q has %d queries, answered are %d", q.number, q.title, len(q.queries), len(wanted[q.number]))
			continue
		}
		for n, query := range q.queries {
			var r table
			switch query.language {
			case "sql":
				r, answers = answers[0], answers[1:]
			case "traces":
				r = d.tracesFound(query.text)
			case "logging":
				r = logTable(d.found(t, own.Replace(query.text)))
			}
			t.Logf("%d. %s [%s]\n%v", q.number, q.title, query.language, r)
			wanted[q.number][n](t, d, r)
		}
	}
}
