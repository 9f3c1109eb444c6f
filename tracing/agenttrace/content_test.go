package agenttrace_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"example.com/gemini-agent/tracing/agenttrace"
	"example.com/gemini-agent/tracing/tracingtest"
)

func TestContentModeFromEnv(t *testing.T) {
	for _, tc := range []struct {
		value string
		want  agenttrace.ContentMode
		bad   bool
	}{
		{"", agenttrace.NoContent, false},
		{"NO_CONTENT", agenttrace.NoContent, false},
		{"false", agenttrace.NoContent, false},
		{"EVENT_ONLY", agenttrace.NoContent, false}, // no log events here, and not on spans by surprise
		{"SPAN_ONLY", agenttrace.SpanContent, false},
		{" span_and_event ", agenttrace.SpanContent, false},
		{"True", agenttrace.SpanContent, false},
		{"yes", agenttrace.NoContent, true},
	} {
		got, err := agenttrace.ContentModeFromEnv(env(agenttrace.EnvContent, tc.value))
		if got != tc.want || (err != nil) != tc.bad {
			t.Errorf("%q: got %v, %v", tc.value, got, err)
		}
	}
}

func TestPreviewModeFromEnv(t *testing.T) {
	for _, tc := range []struct {
		value string
		want  agenttrace.PreviewMode
		bad   bool
	}{
		{"", agenttrace.PreviewsOn, false},
		{"TRUE", agenttrace.PreviewsOn, false},
		{"false", agenttrace.PreviewsOff, false},
		{"off", agenttrace.PreviewsOff, true},
	} {
		got, err := agenttrace.PreviewModeFromEnv(env(agenttrace.EnvPreviews, tc.value))
		if got != tc.want || (err != nil) != tc.bad {
			t.Errorf("%q: got %v, %v", tc.value, got, err)
		}
	}
}

func env(name, value string) func(string) string {
	return func(n string) string {
		if n == name {
			return value
		}
		return ""
	}
}

const maxContent = 32 << 10

// record runs one model call and one tool call with this content and returns the attributes that captured it.
func record(t *testing.T, content agenttrace.ModelContent, args map[string]any) map[string]string {
	t.Helper()
	rec := tracingtest.NewRecorder()
	tr := agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})
	in := call(0)
	in.Content = func() agenttrace.ModelContent { return content }
	_, m := tr.StartModelCall(t.Context(), in)
	m.End(agenttrace.ModelCallResult{}, nil)
	_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x", Args: args})
	c.End(agenttrace.ToolCallResult{Result: func() any { return args }}, nil)
	for _, violation := range tracingtest.Conformance(rec.Spans()) {
		t.Error(violation)
	}
	got := make(map[string]string)
	for _, span := range rec.Spans() {
		for _, a := range span.Attributes() {
			value := a.Value.String()
			if got[string(a.Key)] = value; len(value) > maxContent {
				t.Errorf("%s has %d bytes", a.Key, len(value))
			}
		}
	}
	return got
}

func user(texts ...string) []agenttrace.Message {
	var out []agenttrace.Message
	for _, text := range texts {
		out = append(out, agenttrace.Message{Role: "user", Parts: []agenttrace.Part{{Type: "text", Content: text}}})
	}
	return out
}

func TestLongContentIsShortenedAndStaysJSON(t *testing.T) {
	got := record(t, agenttrace.ModelContent{
		Instructions: strings.Repeat("ñ\"", 100_000),
		Input:        user("first", strings.Repeat("🙂\\", 50_000), "last"),
		Tools:        []agenttrace.ToolDefinition{{Name: "x"}},
	}, map[string]any{"text": strings.Repeat("日", 40_000)})

	var messages []struct{ Parts []struct{ Content string } }
	if err := json.Unmarshal([]byte(got["gen_ai.input.messages"]), &messages); err != nil {
		t.Fatal(err)
	}
	if len(messages) != 3 || messages[0].Parts[0].Content != "first" || messages[2].Parts[0].Content != "last" {
		t.Errorf("the short messages are not there whole: %.200s", got["gen_ai.input.messages"])
	}
	if n := len(messages[1].Parts[0].Content); n < 1000 {
		t.Errorf("the long message kept %d bytes only", n)
	}
	if got["content.shortened"] != "true" {
		t.Error("content.shortened does not say so")
	}
	if len(got["gen_ai.tool.call.arguments"]) < 1000 || len(got["gen_ai.tool.call.result"]) < 1000 {
		t.Errorf("arguments or result are gone: %v", got)
	}
}

func TestTheOldestMessagesGoFirst(t *testing.T) {
	var texts []string
	for i := range 2000 {
		texts = append(texts, fmt.Sprintf("message %d", i))
	}
	got := record(t, agenttrace.ModelContent{Input: user(texts...)}, nil)
	value := got["gen_ai.input.messages"]
	if !strings.Contains(value, `"message 1999"`) || strings.Contains(value, `"message 0"`) {
		t.Errorf("kept %.100s … %s", value, value[max(0, len(value)-100):])
	}
	if got["content.shortened"] != "true" || len(value) < maxContent/2 {
		t.Errorf("%d bytes kept, content.shortened %q", len(value), got["content.shortened"])
	}
}

func TestContentThatNeverFitsLeavesEmptyJSON(t *testing.T) {
	args := make(map[string]any)
	for i := range 5000 {
		args[fmt.Sprintf("key %d", i)] = "x"
	}
	parts := make([]agenttrace.Part, 5000)
	for i := range parts {
		parts[i] = agenttrace.Part{Type: "text", Content: "x"}
	}
	got := record(t, agenttrace.ModelContent{Input: []agenttrace.Message{{Role: "user", Parts: parts}}}, args)
	if got["gen_ai.input.messages"] != "[]" || got["gen_ai.tool.call.arguments"] != "{}" {
		t.Errorf("got %.200q", got)
	}
}

func TestResultsBecomeObjects(t *testing.T) {
	for _, tc := range []struct {
		result any
		want   string
	}{
		{map[string]any{"a": 1}, `{"a":1}`},
		{` {"a":1} `, `{"a":1}`},
		{"plain text", `{"result":"plain text"}`},
		{[]string{"x"}, `{"result":["x"]}`},
		{struct {
			Secret string `json:"client_secret"`
		}{"x"}, `{"client_secret":"[REDACTED]"}`},
		{nil, `{}`},
	} {
		rec := tracingtest.NewRecorder()
		tr := agenttrace.New(rec, agenttrace.Config{Content: agenttrace.SpanContent})
		_, c := tr.StartToolCall(t.Context(), agenttrace.ToolCallStart{Name: "x"})
		c.End(agenttrace.ToolCallResult{Result: func() any { return tc.result }}, nil)
		if got := value(rec.Spans()[0], "gen_ai.tool.call.result").AsString(); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.result, got, tc.want)
		}
	}
}
