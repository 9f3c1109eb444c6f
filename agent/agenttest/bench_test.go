package agenttest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/agenttest"
)

// weather is a tool as a user writes one.
func weather(kit agent.Toolkit) []agent.Tool {
	type in struct {
		City string `json:"city"`
	}
	return []agent.Tool{agent.MustTool(agent.NewTool("weather", "Says how the weather is.",
		func(ctx context.Context, in in) (string, error) {
			req, err := http.NewRequestWithContext(ctx, "GET", kit.Getenv("WEATHER_URL")+"/"+in.City, nil)
			if err != nil {
				return "", err
			}
			req.Header.Set("Authorization", "Bearer "+kit.Getenv("WEATHER_TOKEN"))
			res, err := kit.HTTP.Do(req)
			if err != nil {
				return "", errors.New("the weather service does not answer")
			}
			defer func() { _ = res.Body.Close() }()
			kit.Logger.InfoContext(ctx, "asked", "city", in.City)
			if res.StatusCode != 200 {
				return "", fmt.Errorf("the weather service answered %d", res.StatusCode)
			}
			return "sunny", nil
		}))}
}

func TestABenchRunsAnAgent(t *testing.T) {
	b := agenttest.New(t)
	var asked []string
	b.Setenv("WEATHER_URL", b.Service(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		if r.Header.Get("Traceparent") == "" {
			t.Error("the request carries no trace")
		}
		if r.URL.Path != "/Madrid" {
			http.Error(w, "no such city", http.StatusNotFound)
		}
	})))
	b.Setenv("WEATHER_TOKEN", "hunter2")
	res := b.Run(agent.Config{Tools: weather(b.Kit()), Instructions: "Be short."}, "How is it in Madrid?",
		agenttest.Call("weather", map[string]any{"city": "Madrid"}), agenttest.Call("weather", map[string]any{"city": "Atlantis"}),
		agenttest.Say("Sunny."))
	if res.Response != "Sunny." || len(res.Steps) != 2 || fmt.Sprint(asked) != "[/Madrid Bearer hunter2 /Atlantis Bearer hunter2]" {
		t.Errorf("result %+v after %q", res, asked)
	}
	if got := fmt.Sprint(b.Results()); got != `["sunny" {"error":"the weather service answered 404"}]` {
		t.Errorf("the model got %s", got)
	}
	if sent := b.Sent(); len(sent) != 3 || sent[0].Instructions != "Be short." || sent[0].Tools[0].Name != "weather" {
		t.Errorf("the model was asked %+v", sent)
	}
	if !strings.Contains(b.Log(), `"city":"Madrid"`) {
		t.Errorf("log:\n%s", b.Log())
	}
	b.Hides("hunter2")
	b.Golden("testdata/weather.golden")
}

// verdict is a test that only notes that it failed.
type verdict struct {
	testing.TB
	failed []string
}

func (v *verdict) Helper() {}
func (v *verdict) Errorf(format string, args ...any) {
	v.failed = append(v.failed, fmt.Sprintf(format, args...))
}
func (v *verdict) Fatalf(format string, args ...any) { v.Errorf(format, args...); panic(v) }

// run is what a bench says of a test that does this.
func run(t *testing.T, do func(*agenttest.Bench)) []string {
	v := &verdict{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != v {
				panic(p)
			}
		}()
		do(agenttest.New(v))
	}()
	return v.failed
}

func TestABenchFailsATest(t *testing.T) {
	leak := agent.MustTool(agent.NewTool("leak", "", func(context.Context, struct{}) (string, error) { return "hunter2", nil }))
	quiet := agent.MustTool(agent.NewTool("quiet", "", func(context.Context, struct{}) (string, error) { return "", nil }))
	for _, tt := range []struct {
		name, want string
		do         func(*agenttest.Bench)
	}{
		{"a reply that is not asked for", "1 replies", func(b *agenttest.Bench) {
			b.Run(agent.Config{}, "Hi", agenttest.Say("Hello."), agenttest.Say("And?"))
		}},
		{"a script that ends too early", "no more replies", func(b *agenttest.Bench) {
			b.Run(agent.Config{Tools: []agent.Tool{quiet}}, "Hi", agenttest.Call("quiet", nil))
		}},
		{"a secret in a result", "in what the model got", func(b *agenttest.Bench) {
			b.Run(agent.Config{Tools: []agent.Tool{leak}}, "Hi", agenttest.Call("leak", nil), agenttest.Say("Done."))
			b.Hides("hunter2")
		}},
		{"a secret on a span", "on a span", func(b *agenttest.Bench) {
			b.Run(agent.Config{Tools: []agent.Tool{quiet}}, "Call the shop of hunter2", agenttest.Say("Done."))
			b.Hides("hunter2")
		}},
		{"a secret in the log", "in the log", func(b *agenttest.Bench) {
			b.Kit().Logger.Info("hunter2")
			b.Hides("hunter2")
		}},
	} {
		if failed := run(t, tt.do); len(failed) != 1 || !strings.Contains(failed[0], tt.want) {
			t.Errorf("%s: the bench says %q", tt.name, failed)
		}
	}
	if failed := run(t, func(b *agenttest.Bench) { b.Run(agent.Config{}, "Hi", agenttest.Say("Hello.")); b.Hides("hunter2") }); failed != nil {
		t.Errorf("a good test: the bench says %q", failed)
	}
}
