package systemtest

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// series is one time series, of which a window's worth is one number here.
type series struct {
	labels map[string]string
	value  float64
}

// promql evaluates the part of PromQL that terraform's charts and alerts use over the points of the metrics. What it does
// not know panics with a text.
type promql struct {
	metrics map[string]logMetric
	points  map[string][]point
	tokens  []string
}

var promqlToken = regexp.MustCompile(`\s*([A-Za-z_][\w:]*|\d+\.?\d*|"[^"]*"|=~|[=<>{}()\[\],/+-])`)

func (p promql) eval(query string) []series {
	for rest := query; rest != ""; {
		m := promqlToken.FindStringSubmatchIndex(rest)
		if m == nil || m[0] != 0 {
			panic(fmt.Sprintf("no token at %q", rest))
		}
		p.tokens = append(p.tokens, rest[m[2]:m[3]])
		rest = rest[m[1]:]
	}
	out := p.and()
	if len(p.tokens) > 0 {
		panic(fmt.Sprintf("%q is left over of %s", p.tokens, query))
	}
	return out
}

func (p *promql) take(token string) bool {
	if len(p.tokens) > 0 && p.tokens[0] == token {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *promql) next() string {
	token := p.tokens[0]
	p.tokens = p.tokens[1:]
	return token
}

func (p *promql) must(token string) {
	if !p.take(token) {
		panic(fmt.Sprintf("%q is missing before %q", token, p.tokens))
	}
}

func (p *promql) and() []series {
	left := p.above()
	for p.take("and") {
		left = match(left, p.above(), func(a, _ float64) float64 { return a })
	}
	return left
}

func (p *promql) above() []series {
	left := p.minus()
	if p.take(">") {
		bound, _ := strconv.ParseFloat(p.next(), 64)
		left = slices.DeleteFunc(left, func(s series) bool { return !(s.value > bound) })
	}
	return left
}

func (p *promql) minus() []series {
	left := p.over()
	for p.take("-") {
		left = match(left, p.over(), func(a, b float64) float64 { return a - b })
	}
	return left
}

func (p *promql) over() []series {
	left := p.part()
	for p.take("/") {
		left = match(left, p.part(), func(a, b float64) float64 { return a / b })
	}
	return left
}

// match pairs the series of two sides by their labels.
func match(left, right []series, f func(a, b float64) float64) (out []series) {
	for _, a := range left {
		for _, b := range right {
			if maps.Equal(a.labels, b.labels) {
				out = append(out, series{a.labels, f(a.value, b.value)})
			}
		}
	}
	return out
}

func (p *promql) part() []series {
	switch token := p.next(); token {
	case "sum":
		var by []string
		if p.take("by") {
			p.must("(")
			for by = append(by, p.next()); p.take(","); {
				by = append(by, p.next())
			}
			p.must(")")
		}
		p.must("(")
		inner := p.and()
		p.must(")")
		return grouped(inner, by)
	case "histogram_quantile":
		p.must("(")
		p.next()
		p.must(",")
		inner := p.and()
		p.must(")")
		for _, s := range inner {
			if s.labels["le"] == "" {
				panic("histogram_quantile of series without le")
			}
			delete(s.labels, "le")
		}
		return inner
	case "increase":
		p.must("(")
		out := p.selector()
		p.must("[")
		p.next() // 5
		p.next() // m
		p.must("]")
		p.must(")")
		return out
	default:
		panic(fmt.Sprintf("%q is not known", token))
	}
}

func grouped(all []series, by []string) (out []series) {
	for _, s := range all {
		labels := map[string]string{}
		for _, label := range by {
			v, ok := s.labels[label]
			if !ok {
				panic("there is no label " + label)
			}
			labels[label] = v
		}
		if i := slices.IndexFunc(out, func(o series) bool { return maps.Equal(o.labels, labels) }); i >= 0 {
			out[i].value += s.value
		} else {
			out = append(out, series{labels, s.value})
		}
	}
	return out
}

// selector reads NAME{label="value",…} and gives its series, one for each point.
func (p *promql) selector() (out []series) {
	name := p.next()
	metric, ok := strings.CutPrefix(name, "logging_googleapis_com:user_gemini_agent_")
	if !ok {
		panic(name + " is no metric out of the log")
	}
	part := ""
	if _, known := p.metrics[metric]; !known {
		i := strings.LastIndex(metric, "_")
		metric, part = metric[:i], metric[i+1:]
	}
	m, known := p.metrics[metric]
	if !known || (part == "") != (m.Value == nil) || !slices.Contains([]string{"", "sum", "count", "bucket"}, part) {
		panic(fmt.Sprintf("there is no metric %s, or it has no %q", name, part))
	}
	for _, point := range p.points[metric] {
		s := series{maps.Clone(point.labels), point.value}
		s.labels["monitored_resource"], s.labels["service_name"] = "cloud_run_revision", "gemini-agent"
		if part == "bucket" {
			s.labels["le"] = "+Inf"
		}
		if part == "bucket" || part == "count" {
			s.value = 1
		}
		out = append(out, s)
	}
	p.must("{")
	for !p.take("}") {
		label, op, value := p.next(), p.next(), strings.Trim(p.next(), `"`)
		if op == "=" {
			value = regexp.QuoteMeta(value)
		}
		re := regexp.MustCompile("^(?:" + value + ")$")
		out = slices.DeleteFunc(out, func(s series) bool {
			v, ok := s.labels[label]
			if !ok {
				panic("there is no label " + label)
			}
			return !re.MatchString(v)
		})
		p.take(",")
	}
	return out
}

// promqlOf has the metrics of what a day left behind.
func promqlOf(t *testing.T, d *day) promql {
	p := promql{points: map[string][]point{}}
	terraformLocal(t, "log_metrics", &p.metrics)
	for name, m := range p.metrics {
		p.points[name] = m.points(t, d)
	}
	return p
}

var legendLabel = regexp.MustCompile(`\$\{(\w+)\}`)

// Every chart over the log shows something of the day, and its legend names labels that its query leaves.
func TestChartsShowTheDay(t *testing.T) {
	t.Parallel()
	p := promqlOf(t, live(t))
	var charts []struct {
		Title   string
		Queries []struct{ Legend, Query string }
	}
	terraformLocal(t, "dashboard_promql_charts", &charts)
	shown := 0
	for _, chart := range charts {
		for _, q := range chart.Queries {
			if strings.Contains(q.Query, "run_googleapis_com:") {
				continue // the platform's
			}
			got := p.eval(q.Query)
			if !slices.ContainsFunc(got, func(s series) bool { return s.value > 0 && !math.IsInf(s.value, 0) }) {
				t.Errorf("%s shows nothing: %v of %s", chart.Title, got, q.Query)
			}
			for _, label := range legendLabel.FindAllStringSubmatch(q.Legend, -1) {
				if len(got) > 0 && !slices.Contains(slices.Collect(maps.Keys(got[0].labels)), label[1]) {
					t.Errorf("the legend of %s has no label %s", chart.Title, label[1])
				}
			}
			t.Logf("%-70s %v", chart.Title, got)
			shown++
		}
	}
	if shown < 15 {
		t.Errorf("%d queries are not all", shown)
	}
}

// Each alert fires for what it is there for, and none on a quiet day.
func TestAlertsFireForTheirReason(t *testing.T) {
	t.Parallel()
	var alerts map[string]struct{ Query string }
	terraformLocal(t, "logged_alerts", &alerts)
	whole := live(t)
	of := func(users ...string) *day {
		part := new(day)
		for _, user := range users {
			part.entries = append(part.entries, whole.found(t, fmt.Sprintf("jsonPayload.user=%q", user))...)
		}
		return part
	}
	costly := whole.found(t, `jsonPayload.user="ann"`)[0]
	costly["jsonPayload"].(map[string]any)["cost_usd"] = 10.5
	for _, tt := range []struct {
		name string
		day  *day
		want string
	}{
		{"the day", whole, "spans_dropped spend tool_failures"},
		{"answers only", of("bob"), ""},
		{"quota", of("cid"), "quota"},
		{"spend", of("ann"), "spend"},
	} {
		p := promqlOf(t, tt.day)
		var fired []string
		for _, name := range slices.Sorted(maps.Keys(alerts)) {
			if len(p.eval(alerts[name].Query)) > 0 {
				fired = append(fired, name)
			}
		}
		if got := strings.Join(fired, " "); got != tt.want {
			t.Errorf("%s: %q fire, want %q", tt.name, got, tt.want)
		}
	}
}
