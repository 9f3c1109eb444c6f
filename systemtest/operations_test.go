package systemtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// question is one of docs/operations.md, with its queries in order.
type question struct {
	number  int
	title   string
	queries []query
}

type query struct{ language, text string }

var (
	questionHeading = regexp.MustCompile(`(?m)^## (\d+)\. (.*)$`)
	queryBlock      = regexp.MustCompile("(?s)```(logging|traces|sql)\n(.*?)```")
)

func questions(t *testing.T) []question {
	t.Helper()
	doc, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []question
	headings := questionHeading.FindAllSubmatchIndex(doc, -1)
	for i, h := range headings {
		end := len(doc)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		q := question{title: string(doc[h[4]:h[5]])}
		q.number, _ = strconv.Atoi(string(doc[h[2]:h[3]]))
		for _, b := range queryBlock.FindAllSubmatch(doc[h[1]:end], -1) {
			q.queries = append(q.queries, query{string(b[1]), string(b[2])})
		}
		list = append(list, q)
	}
	return list
}

// The documentation asks at three in the morning about the day before.
var (
	dayBegan  = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	nightTime = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
)

// shift moves a time of the test to the day that the documentation asks about.
func (d *day) shift(at time.Time) string {
	first := at
	for _, s := range d.spans {
		if s.StartTime().Before(first) {
			first = s.StartTime()
		}
	}
	return dayBegan.Add(at.Sub(first)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// googleSQL turns the documentation's SQL into SQLite's. JSON_VALUE and COUNTIF are functions of ask.py.
var googleSQL = []struct {
	from *regexp.Regexp
	to   func(match []string) string
}{
	{regexp.MustCompile("`PROJECT\\.LOCATION\\._Trace\\.Spans\\._AllSpans`"), func([]string) string { return "spans" }},
	{regexp.MustCompile("`PROJECT\\.LOCATION\\._Default\\._AllLogs`"), func([]string) string { return "logs" }},
	{regexp.MustCompile(`CROSS JOIN UNNEST\((\w+\.events)\)`), func(m []string) string { return "CROSS JOIN json_each(" + m[1] + ")" }},
	{regexp.MustCompile(`\bevent\.(name|attributes)`), func(m []string) string { return "json_extract(event.value, '$." + m[1] + "')" }},
	{regexp.MustCompile(`\b(status|resource)\.(\w+)`), func(m []string) string { return m[1] + "_" + m[2] }},
	{regexp.MustCompile(`TIMESTAMP_SUB\(CURRENT_TIMESTAMP\(\), INTERVAL (\d+) DAY\)`), func(m []string) string {
		days, _ := strconv.Atoi(m[1])
		return nightTime.AddDate(0, 0, -days).Format("'2006-01-02T15:04:05Z'")
	}},
	{regexp.MustCompile(`DATE_SUB\(CURRENT_DATE\(\), INTERVAL (\d+) DAY\)`), func(m []string) string {
		days, _ := strconv.Atoi(m[1])
		return nightTime.AddDate(0, 0, -days).Format("'2006-01-02'")
	}},
	{regexp.MustCompile(`\bIF\(`), func([]string) string { return "iif(" }},
	{regexp.MustCompile(` / `), func([]string) string { return " * 1.0 / " }}, // "/" is never a whole number's there
}

func sqlite(sql string) string {
	for _, rule := range googleSQL {
		sql = rule.from.ReplaceAllStringFunc(sql, func(s string) string { return rule.to(rule.from.FindStringSubmatch(s)) })
	}
	return sql
}

// answerSQL asks all queries at once.
func (d *day) answerSQL(t *testing.T, queries []string) []table {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3, whose SQLite stands for BigQuery here")
	}
	given := map[string]any{"queries": queries, "spans": d.spanRows(t), "logs": d.logRows()}
	in, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/ask.py")
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var answers []table
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

func (d *day) spanRows(t *testing.T) (rows []map[string]any) {
	for _, s := range d.spans {
		var events []map[string]any
		for _, e := range s.Events() {
			events = append(events, map[string]any{"name": e.Name, "attributes": attributeMap(e.Attributes)})
		}
		parent := ""
		if s.Parent().IsValid() {
			parent = s.Parent().SpanID().String()
		}
		rows = append(rows, map[string]any{
			"trace_id": s.SpanContext().TraceID().String(), "span_id": s.SpanContext().SpanID().String(), "parent_span_id": parent,
			"name": s.Name(), "kind": int(s.SpanKind()), "start_time": d.shift(s.StartTime()), "end_time": d.shift(s.EndTime()),
			"duration_nano": s.EndTime().Sub(s.StartTime()).Nanoseconds(),
			"status_code":   statusCode(s), "status_message": s.Status().Description,
			"attributes": jsonText(t, attributeMap(s.Attributes())), "resource_attributes": jsonText(t, attributeMap(s.Resource().Attributes())),
			"events": jsonText(t, events),
		})
	}
	return rows
}

// statusCode is OTLP's number of the span's status.
func statusCode(s sdktrace.ReadOnlySpan) int {
	return map[string]int{"Unset": 0, "Ok": 1, "Error": 2}[s.Status().Code.String()]
}

func attributeMap(attrs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, a := range attrs {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (d *day) logRows() (rows []map[string]any) {
	for _, e := range d.entries {
		at, _ := time.Parse(time.RFC3339, e["timestamp"].(string))
		payload, _ := json.Marshal(e["jsonPayload"])
		rows = append(rows, map[string]any{"timestamp": d.shift(at), "severity": e["severity"], "json_payload": string(payload)})
	}
	return rows
}

// tracesFound gives the spans that have all attributes of a filter.
func (d *day) tracesFound(filter string) table {
	found := table{Columns: []string{"span", "trace"}}
	for _, s := range d.spans {
		if !slices.ContainsFunc(strings.Split(strings.TrimSpace(filter), "\n"), func(line string) bool {
			key, value, _ := strings.Cut(line, ": ")
			return text(s, key) != value
		}) {
			found.Rows = append(found.Rows, []any{s.Name(), s.SpanContext().TraceID().String()})
		}
	}
	return found
}

// table is an answer.
type table struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
}

// cell gives the value of a column in the one row that begins with these values.
func (r table) cell(t *testing.T, column string, begin ...any) any {
	t.Helper()
	var found []any
	for _, row := range r.Rows {
		if slices.Equal(row[:len(begin)], begin) {
			found = append(found, row[slices.Index(r.Columns, column)])
		}
	}
	if len(found) != 1 {
		t.Errorf("%d rows begin with %v in %v", len(found), begin, r)
		return nil
	}
	return found[0]
}

// logFields are shown of log lines.
var logFields = []string{"message", "user", "session", "http.response.status_code", "finish_reason", "error_type", "tool", "cost_usd", "kept", "reason", "spans_dropped", "error"}

func logTable(entries []map[string]any) table {
	all := table{Columns: logFields}
	for _, e := range entries {
		payload := e["jsonPayload"].(map[string]any)
		row := make([]any, len(logFields))
		for i, field := range logFields {
			row[i] = payload[field]
		}
		all.Rows = append(all.Rows, row)
	}
	return all
}

func (r table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %v\n", r.Columns)
	for i, row := range r.Rows {
		if i == 6 {
			fmt.Fprintf(&b, "    … %d rows\n", len(r.Rows))
			break
		}
		fmt.Fprintf(&b, "    %v\n", row)
	}
	return b.String()
}
