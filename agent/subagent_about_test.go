package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/tracingtest"
)

// plain is how a sub-agent called research is described of which nothing is known.
const plain = `Gives a self-contained task to the agent "research" and returns its answer.` +
	` It knows nothing of this conversation: put everything it needs into the task.`

func describedAs(says string) string {
	return strings.Replace(plain, "answer. ", "answer. What it does: "+says+" ", 1)
}

// What a sub-agent says of itself stands in its tool's description, whatever it is: in one line, cut, and never more than
// the description.
func TestToolIsDescribedByTheSubAgent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"description", respond(200, "application/json", `{"name":"x","description":"Finds things out.","paths":[]}`), describedAs("Finds things out.")},
		{"no full stop", respond(200, "application/json", `{"description":" Finds\n\tthings\u0000 out "}`), describedAs("Finds things out.")},
		{"long", respond(200, "application/json", `{"description":"`+strings.Repeat("ü", 9000)+`"}`), describedAs(strings.Repeat("ü", 500) + ".")},
		{"none", respond(200, "application/json", `{"name":"x","paths":[]}`), plain},
		{"of another type", respond(200, "application/json", `{"description":["x"]}`), plain},
		{"not JSON", respond(200, "text/html", `<html>`), plain},
		{"huge", respond(200, "application/json", `{"description":"`+strings.Repeat("x", maxAbout)+`"}`), plain},
		{"404", respond(404, "application/problem+json", `{"description":"x"}`), plain},
		{"redirect", http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, plain},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte(`{"description":"x"}`))
		}, plain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			noLeaks(t)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.Path != "/base/" {
					t.Errorf("it was asked %s %s", r.Method, r.URL)
				}
				tt.handler(w, r)
			})
			s := newSubAgent(t, SubAgentConfig{URL: server.URL + "/base", Name: "research", Setting: "SUB_AGENTS"})
			tools := s.Tools(t.Context())
			if len(tools) != 1 || tools[0].Name != "delegate_to_research" || tools[0].Description != tt.want {
				t.Errorf("Tools = %+v, want the description %q", tools, tt.want)
			}
		})
	}
}

// answering answers the requests of a client in memory.
type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// saysOf is the answer of a sub-agent to who it is.
func saysOf(description string) *http.Response {
	w := httptest.NewRecorder()
	respond(200, "application/json", fmt.Sprintf(`{"description":%q}`, description))(w, nil)
	return w.Result()
}

// A sub-agent is asked at the first run and not before, then when its word is old, and soon again when it did not answer.
// What is known stays known.
func TestSubAgentIsAskedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, down := 0, false
		s := newSubAgent(t, SubAgentConfig{URL: "http://sub.example", Name: "research", HTTPClient: &http.Client{
			Transport: answering(func(*http.Request) (*http.Response, error) {
				if asked++; down {
					return nil, errors.New("down")
				}
				return saysOf(fmt.Sprint("Version ", asked)), nil
			}),
		}})
		for _, step := range []struct {
			wait time.Duration
			down bool
			want string
		}{
			{0, true, plain}, {aboutRetry - 1, false, plain}, {1, false, describedAs("Version 2.")},
			{aboutFresh - 1, false, describedAs("Version 2.")}, {1, true, describedAs("Version 2.")},
			{aboutRetry, false, describedAs("Version 4.")},
		} {
			time.Sleep(step.wait)
			down = step.down
			if got := s.Tools(t.Context())[0].Description; got != step.want {
				t.Errorf("after %v: %q, want %q", step.wait, got, step.want)
			}
		}
		if asked != 4 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// A silent sub-agent costs a run a second, however many there are, and those that run meanwhile nothing.
func TestSilentSubAgentsCostOneSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := &http.Client{Transport: answering(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		var sources []ToolSource
		for _, name := range []string{"research", "math", "poetry"} {
			sources = append(sources, newSubAgent(t, SubAgentConfig{URL: "http://sub.example", Name: name, HTTPClient: silent}))
		}
		a := New(script(says("done"), says("done"), says("done")), Config{Sources: sources})
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * aboutWait / 2)
				if _, err := a.Run(t.Context(), Task{Text: "x"}); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); i == 0 && took != aboutWait || i == 1 && took != aboutWait/2 {
					t.Errorf("run %d ended after %v", i, took)
				}
			})
		}
		wg.Wait()

		// A caller that leaves says nothing about the sub-agent: the next run asks again.
		time.Sleep(aboutRetry)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		sources[0].Tools(ctx)
		begin = time.Now()
		if sources[0].Tools(t.Context()); time.Since(begin) != aboutWait {
			t.Errorf("after a caller that left, it was asked for %v", time.Since(begin))
		}
	})
}

// The model reads the descriptions, the schema of the tool is compiled once, and each sub-agent has a span of its own.
func TestSeveralSubAgents(t *testing.T) {
	rec, tracer, client := recorded(t)
	var sources []ToolSource
	for _, name := range []string{"research", "math"} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				respond(200, "application/json", `{"description":"Does `+name+`."}`)(w, r)
				return
			}
			respond(200, "application/json", `{"response":"`+name+`"}`)(w, r)
		})
		sources = append(sources, newSubAgent(t, SubAgentConfig{URL: server.URL, Name: name, HTTPClient: client, Tracer: tracer}))
	}
	task := map[string]any{"task": "x"}
	m := script(asks(Call{Name: "delegate_to_research", Args: task}, Call{Name: "delegate_to_math", Args: task}), says("done"), says("done"))
	a := New(m, Config{Sources: sources, Tracer: tracer})
	result, err := a.Run(t.Context(), Task{Text: "go"})
	if err != nil || len(result.Steps) != 1 || len(result.Steps[0].ToolsFailed) > 0 {
		t.Fatalf("Run = %+v, %v", result, err)
	}
	first := a.tools.Load()
	if _, err := a.Run(t.Context(), Task{Text: "go"}); err != nil || a.tools.Load().schemas[1] != first.schemas[1] {
		t.Errorf("the schema was compiled again (%v)", err)
	}
	var declared []string
	for _, d := range first.declarations {
		declared = append(declared, d.Name)
		if want := "What it does: Does " + strings.TrimPrefix(d.Name, "delegate_to_") + "."; !strings.Contains(d.Description, want) {
			t.Errorf("%s is described as %q", d.Name, d.Description)
		}
	}
	if fmt.Sprint(declared) != "[delegate_to_research delegate_to_math]" {
		t.Errorf("declared are %v", declared)
	}
	spans := rec.Spans()
	for _, name := range []string{"invoke_agent research", "invoke_agent math"} {
		for _, v := range tracingtest.Conformance([]sdktrace.ReadOnlySpan{spanCalled(t, spans, name)}) {
			t.Error(v)
		}
	}
}

// The sub-agent is asked as itself: with the token that it wants.
func TestDescriptionIsReadWithTheToken(t *testing.T) {
	for _, fails := range []bool{false, true} {
		var got []string
		s := newSubAgent(t, SubAgentConfig{URL: "https://sub.example/", Name: "research",
			HTTPClient: &http.Client{Transport: answering(func(r *http.Request) (*http.Response, error) {
				got = append(got, r.Header.Get("Authorization"))
				return saysOf("Secret"), nil
			})},
			Token: func(_ context.Context, audience string) (string, error) {
				if fails || audience != "https://sub.example" {
					return "", errors.New("no token for " + audience)
				}
				return "t", nil
			}})
		want, asked := describedAs("Secret."), "[Bearer t]"
		if fails {
			want, asked = plain, "[]"
		}
		if tool := s.Tools(t.Context())[0]; tool.Description != want || fmt.Sprint(got) != asked {
			t.Errorf("fails %v: %q by requests with %v", fails, tool.Description, got)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"", "Finds.", " a\nb\x00\xff", strings.Repeat("ü", 600)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := oneLine(s)
		if _, err := json.Marshal(got); err != nil || len(got) > maxAboutBytes+1 || strings.ContainsAny(got, "\n\r\t\x00") ||
			strings.ToValidUTF8(got, "") != got {
			t.Errorf("oneLine(%q) = %q", s, got)
		}
	})
}
