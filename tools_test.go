package function

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/gemini-agent/agent"
	"example.com/gemini-agent/agent/agenttest"
)

// This is how a tool of yours is tested: a fake service, a script for the model, and the spans in a file.
func TestOrderStatus(t *testing.T) {
	b := agenttest.New(t)
	b.Setenv("ORDERS_URL", b.Service(http.HandlerFunc(shop)))
	b.Setenv("ORDERS_TOKEN", "hunter2")
	b.Run(agent.Config{Tools: Tools(b.Kit())}, "Where are my orders A-1042 and A-7?",
		agenttest.Calls(
			agent.Call{Name: "order_status", Args: map[string]any{"number": "A-1042"}},
			agent.Call{Name: "order_status", Args: map[string]any{"number": "A-7"}},
			agent.Call{Name: "order_status", Args: map[string]any{"number": "../admin"}},
		),
		agenttest.Say("A-1042 arrives tomorrow; there is no A-7."))

	want := []string{
		`{"status":"on its way","arrives":"tomorrow"}`, `{"error":"there is no such order"}`, `{"error":"the shop answered 401"}`,
	}
	if got := b.Results(); !slices.Equal(got, want) {
		t.Errorf("the model got %q, want %q", got, want)
	}
	b.Hides("hunter2")
	b.Golden("testdata/order_status.golden")
}

// shop is an API that repeats the token when it is angry, as some do.
func shop(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer hunter2" || r.Header.Get("X-User") != "tester":
		http.Error(w, "who are you?", http.StatusForbidden)
	case r.URL.Path == "/orders/A-1042":
		agenttest.JSON(http.StatusOK, `{"status": "on its way", "arrives": "tomorrow", "price": 12}`).ServeHTTP(w, r)
	case r.URL.Path == "/orders/../admin":
		http.Error(w, "not with "+r.Header.Get("Authorization"), http.StatusUnauthorized)
	default:
		http.NotFound(w, r)
	}
}

func TestTheExampleToolIsOffUntilItIsSet(t *testing.T) {
	if tools := Tools(agenttest.New(t).Kit()); len(tools) > 0 {
		t.Errorf("on offer: %v", toolNames(tools))
	}
}

// The deployed function, the local runner and tests get their tools in one place.
func TestTheAppOffersTheToolsOfToolsGo(t *testing.T) {
	mine := agent.Tool{Name: "calculate", Description: "mine"}
	var offered []agent.Declaration
	model := agenttest.NewModel(agenttest.Say("Hello."))
	a := New(t.Context(), Config{
		Getenv: func(name string) string {
			return map[string]string{"ORDERS_URL": "http://shop.invalid", "OTEL_TRACES_EXPORTER": "none"}[name]
		},
		Model: model, Tools: []agent.Tool{mine},
	})
	if w := ask(a); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	offered = model.Sent()[0].Tools
	var names []string
	for _, d := range offered {
		names = append(names, d.Name)
	}
	if got := strings.Join(names, " "); got != "calculate order_status current_time" || offered[0].Description != "mine" {
		t.Errorf("offered: %s, calculate of %q", got, offered[0].Description)
	}
}
