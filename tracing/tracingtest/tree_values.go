package tracingtest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// present stands for a value that differs from run to run.
const present = "<PRESENT>"

// unstableKeys are the attributes whose values differ from run to run; one that ends in '*' is a prefix.
var unstableKeys = []string{
	"llm.duration_ms", "tool.duration_ms",
	"llm.cost_usd",         // prices change
	"agent.prompt.version", // with every word of a prompt
	"wait_ms",              // of llm.retry: jitter
	"gen_ai.response.time_to_first_chunk",
	"client.port", "correlation.id", "exception.stacktrace", "faas.coldstart", "faas.invocation_id",
	"network.local.port", "network.peer.port", "process.*", "thread.*", "user_agent.original",
}

// values writes a span's attributes, events and links.
func (t *tree) values(b *strings.Builder, indent string, s sdktrace.ReadOnlySpan) {
	t.attributes(b, indent+"| ", s.Attributes())
	for _, e := range s.Events() {
		b.WriteString(indent + "* " + stableText(e.Name) + "\n")
		t.attributes(b, indent+"|   ", e.Attributes)
	}
	for _, l := range s.Links() {
		target := present
		if n := t.nodes[keyOf(l.SpanContext)]; n != nil {
			target = n.span.Name()
		}
		b.WriteString(indent + "> link to " + target + "\n")
		t.attributes(b, indent+"|   ", l.Attributes)
	}
}

func (t *tree) attributes(b *strings.Builder, prefix string, attrs []attribute.KeyValue) {
	lines := make([]string, 0, len(attrs))
	for _, a := range attrs {
		if !matches(t.cfg.Omit, string(a.Key)) {
			lines = append(lines, prefix+string(a.Key)+" = "+t.stable(a)+"\n")
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		b.WriteString(line)
	}
}

// stable renders a value so that every run renders it alike.
func (t *tree) stable(a attribute.KeyValue) string {
	key := string(a.Key)
	if matches(unstableKeys, key) || matches(t.cfg.Present, key) {
		return present
	}
	if key == "server.port" && a.Value.Type() == attribute.INT64 && a.Value.AsInt64() > 1023 {
		return "<PORT>"
	}
	switch a.Value.Type() {
	case attribute.STRING:
		return quote(stableText(a.Value.AsString()))
	case attribute.STRINGSLICE:
		quoted := make([]string, 0, 4)
		for _, s := range a.Value.AsStringSlice() {
			quoted = append(quoted, quote(stableText(s)))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return a.Value.String()
}

// quote prefers quotes that leave JSON readable.
func quote(s string) string {
	if strings.Contains(s, `"`) && strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

func matches(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			return strings.HasPrefix(key, prefix)
		}
		return p == key
	})
}

// unstableTexts are what differs from run to run inside texts.
var unstableTexts = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(\b127\.0\.0\.1|\blocalhost|\[::1\]):\d+`), "$1:<PORT>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<UUID>"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "<TRACE_ID>"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?`), "<TIME>"},
	{regexp.MustCompile(`0x[0-9a-f]{6,}`), "<ADDRESS>"},
}

func stableText(s string) string {
	for _, u := range unstableTexts {
		s = u.re.ReplaceAllString(s, u.by)
	}
	return s
}
