// Package function is a Cloud Run function that runs a Gemini agent and traces every step of it.
//
//	caller ──▶ Agent (entry point) ──▶ tracing.Middleware ──▶ mux ──▶ execute ──▶ agent.Run ──▶ Gemini, tools
//	                                     │ server span           └──▶ delegate ──▶ sub-agent
//	                                     └ flush, then return
//
// This file registers the entry point; app.go and wire.go put the parts together; request.go reads a task, execute.go
// and delegate.go answer it; sessions.go keeps its conversation, which session_api.go reads and deletes; problem.go holds
// the one table from failures to statuses; drain.go ends the process without losing a trace.
//
// It is the only package that knows all the others. The package-level state of the project is here: the app that
// serves the entry point, built with the first request so that a cold start does only what a request needs.
package function

import (
	"context"
	"net/http"
	"os"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"go.opentelemetry.io/otel"

	"example.com/gemini-agent/tracing"
)

// EntryPoint is the name under which the function is deployed.
const EntryPoint = "Agent"

// serviceName is the function's where the environment gives it no other.
const serviceName = "gemini-agent"

func init() {
	functions.HTTP(EntryPoint, func(w http.ResponseWriter, r *http.Request) {
		drain()
		entryPoint().ServeHTTP(w, r)
	})
	// The platform's build sets the variable. From here to the first request there is the server's start and the
	// platform's way to us: time in which the app can get ready.
	if os.Getenv("FUNCTION_TARGET") == EntryPoint {
		go entryPoint()
	}
}

// entryPoint is the app of the deployed function. New cannot fail: what is missing is answered request by request.
var entryPoint = sync.OnceValue(func() *App {
	// The SDK reads some of our variables by itself, does not know all of our values and would say so in plain text
	// between the log lines. What is wrong with them, New says.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	return New(context.Background(), Config{Getenv: os.Getenv, Variables: tracing.VariableNames(os.Environ()), LogWriter: os.Stdout})
})

// drain makes SIGTERM lose nothing; before the first request there is nothing to lose.
var drain = sync.OnceFunc(func() { go entryPoint().DrainOnSignal(os.Exit) })
