package systemtest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"example.com/gemini-agent/deploycheck"
	"example.com/gemini-agent/deploycheck/logquery"
)

// logMetric is an element of local.log_metrics in terraform/.
type logMetric struct {
	Filter string
	Value  *string // field of the value; nil: the lines are counted
	Labels map[string]string
}

// point is what one line adds to a metric.
type point struct {
	labels map[string]string
	value  float64
}

func terraformLocal(t *testing.T, name string, out any) {
	t.Helper()
	err := deploycheck.Local("..", map[string]string{"project_id": "my-project", "region": "europe-west1"}, name, out)
	if err != nil {
		t.Fatal(err)
	}
}

// points does with the entries what Cloud Logging does for a metric.
func (m logMetric) points(t *testing.T, d *day) []point {
	t.Helper()
	field := func(path string, entry map[string]any) any {
		p, err := logquery.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		return p.In(entry)
	}
	var points []point
	for _, entry := range d.found(t, m.Filter) {
		p := point{labels: map[string]string{}, value: 1}
		for label, path := range m.Labels {
			p.labels[label] = ""
			if v := field(path, entry); v != nil {
				p.labels[label] = fmt.Sprint(v)
			}
		}
		if m.Value != nil {
			v, ok := field(*m.Value, entry).(float64)
			if !ok {
				t.Errorf("%s is no number in %v", *m.Value, entry)
			}
			p.value = v
		}
		points = append(points, p)
	}
	return points
}

// added adds up the points with these labels.
func added(points []point, labels map[string]string) (total float64) {
	for _, p := range points {
		same := true
		for label, value := range labels {
			same = same && p.labels[label] == value
		}
		if same {
			total += p.value
		}
	}
	return total
}

// Every metric that terraform makes finds what the function writes: a field or a message that has another name in Go
// leaves one of them empty, or with another total than the answers say.
func TestMetricsOfTheLogCountWhatTheFunctionWrites(t *testing.T) {
	t.Parallel()
	d := live(t)
	d.want(t)
	var metrics map[string]logMetric
	terraformLocal(t, "log_metrics", &metrics)

	const model = "gemini-3.8-flash"
	// One reply is a plain task's; two are a task's with a round of tools. Sub-agents have metrics of their own.
	const replies = plainTasks + 2 + 2 + 1 + 2 + 3*2
	for name, want := range map[string][]struct {
		labels map[string]string
		sum    float64
	}{
		"errors":                  {{map[string]string{"service": "gemini-agent"}, 1}},
		"tasks":                   {{nil, plainTasks + 3 + 5 + 1 + 1 + 3}, {map[string]string{"status": "429"}, 3}, {map[string]string{"status": "502"}, 1}, {map[string]string{"finish_reason": "blocked"}, 1}},
		"task_duration":           {},
		"cost_usd":                {{map[string]string{"model": model}, replies * (600*0.75 + 400*0.075 + 100*3.75) / 1e6}},
		"tool_failures":           {{map[string]string{"tool": "calculate", "error_type": "invalid_expression"}, 5}},
		"tasks_with_tools":        {{nil, 6}},
		"tasks_with_failed_tools": {{nil, 5}},
		"attempts":                {{nil, replies + 3 + 1 + 1}},
		"steps":                   {{nil, 6}},
		"input_tokens":            {{map[string]string{"model": model}, replies * 1000}},
		"cached_tokens":           {{nil, replies * 400}},
		"output_tokens":           {{nil, replies * 100}},
		"reasoning_tokens":        {{nil, replies * 20}},
		"spans_dropped":           {},
		"spans_kept":              {},
		"spans_retried":           {},
	} {
		m, ok := metrics[name]
		if !ok {
			t.Errorf("there is no metric %s", name)
			continue
		}
		delete(metrics, name)
		points := m.points(t, d)
		if added(points, nil) <= 0 {
			t.Errorf("%s finds nothing with %s", name, m.Filter)
		}
		for _, w := range want {
			if got := added(points, w.labels); math.Abs(got-w.sum) > 1e-6 {
				t.Errorf("%s of %v is %v, want %v", name, w.labels, got, w.sum)
			}
		}
		for label := range m.Labels {
			if !slices.ContainsFunc(points, func(p point) bool { return p.labels[label] != "" }) {
				t.Errorf("the label %s of %s is always empty", label, name)
			}
		}
	}
	for name := range maps.Keys(metrics) {
		t.Errorf("nothing is expected of the metric %s", name)
	}
}

// The check above would see a field that Go calls otherwise.
func TestAMetricWithoutItsFieldFindsNothing(t *testing.T) {
	t.Parallel()
	entry, err := logquery.Entry([]byte(`{"severity":"INFO","message":"task done","costs_usd":1,"model":"m","tools":[]}`),
		logquery.Resource{Location: "europe-west1", Service: "gemini-agent"})
	if err != nil {
		t.Fatal(err)
	}
	d := &day{entries: []map[string]any{entry}}
	var metrics map[string]logMetric
	terraformLocal(t, "log_metrics", &metrics)
	var found []string
	for name, m := range metrics {
		if len(m.points(t, d)) > 0 {
			found = append(found, name)
		}
	}
	if got := strings.Join(found, " "); got != "tasks" {
		t.Errorf("found by %q, want only tasks, which needs no field", got)
	}
}
