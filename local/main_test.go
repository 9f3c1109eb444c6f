package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	function "example.com/gemini-agent"
	"example.com/gemini-agent/agent"
)

// panicking, in the environment of this test's own program, makes it serve a function with defects.
const panicking = "TEST_SERVES_PANICS"

func TestMain(m *testing.M) {
	if os.Getenv(panicking) != "" {
		fmt.Fprintln(os.Stderr, servePanics())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// servePanics is the deployed function, with a tool that panics and a request header that makes the handler do so.
func servePanics() error {
	explode, err := agent.NewTool("explode", "Has a defect.", func(context.Context, struct{}) (any, error) {
		panic("boom")
	})
	if err != nil {
		return err
	}
	app := function.New(context.Background(), function.Config{
		Getenv: os.Getenv, LogWriter: os.Stdout, Tools: []agent.Tool{explode},
	})
	go app.DrainOnSignal(os.Exit)
	functions.HTTP(os.Getenv("FUNCTION_TARGET"), func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Test-Panic") != "" {
			r.Body = panickingBody{}
		}
		app.ServeHTTP(w, r)
	})
	return funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080"))
}

type panickingBody struct{}

func (panickingBody) Read([]byte) (int, error) { panic("boom") }
func (panickingBody) Close() error             { return nil }
