// Command local runs the whole system on this machine: the agent on the functions framework, a sub-agent (several with
// flags -sub-agent NAME=DESCRIPTION), a tool service and, without a key, a simulated Gemini. Nothing but Go is needed.
//
//	curl ──▶ agent :8080 ──▶ Gemini (simulated without a key)
//	           ├──▶ sub-agent ──▶ Gemini
//	           └──▶ search service (MCP) ◀── sub-agent
//
// The live page, whose link is printed, shows every trace while it happens and has a chat; -live=false leaves it out. Each
// finished trace is drawn in the terminal; with Jaeger or another collector listening on the OTLP port it goes
// there too.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"go.opentelemetry.io/otel"
)

func main() {
	demo := flag.Bool("demo", false, "run a worked example, print its answer and its traces, and exit")
	page := flag.Bool("live", true, "serve the live page, on LIVE_PORT")
	var named namedAgents
	flag.Var(&named, "sub-agent", "start a sub-agent with this `NAME=DESCRIPTION`; several make several (default: one without a name)")
	flag.Parse()
	if err := run(*demo, *page, named, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(demo, page bool, named namedAgents, getenv func(string) string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal ends the process at once
	addr := net.JoinHostPort(host(getenv), cmp.Or(getenv("PORT"), "8080"))
	if !demo {
		if err := checkFree(addr); err != nil {
			return err
		}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // as in the deployed function, whose comment says why
	agentAddr := ""
	if page && !demo {
		agentAddr = reachable(addr)
	}
	sys, err := startSystem(ctx, getenv, named, os.Stdout, agentAddr)
	if err != nil {
		return err
	}
	if demo {
		return errors.Join(runDemo(ctx, sys, sys.screen), sys.stop())
	}
	failed := make(chan error, 1)
	go func() { failed <- serve(sys, addr) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, sys.stop())
}

// target is the name under which the agent is registered. With a target the framework serves only that, on every
// path, and prints nothing.
const target = "Local"

// serve runs the agent on the functions framework, as the deployed function does. It returns only with an error.
func serve(sys *system, addr string) error {
	colon := strings.LastIndexByte(addr, ':') // the host may be an IPv6 address, whose brackets the framework needs
	host, port := addr[:colon], addr[colon+1:]
	if err := os.Setenv("FUNCTION_TARGET", target); err != nil {
		return err
	}
	functions.HTTP(target, sys.agent.ServeHTTP)
	sys.printUsage(net.JoinHostPort("localhost", port))
	if err := funcframework.StartHostPort(host, port); err != nil {
		return fmt.Errorf("serving on %s: %w", addr, err)
	}
	return nil
}

// checkFree finds out that a port is taken before anything is started or printed: the framework listens last.
func checkFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; set PORT to a free one", addr)
	}
	if err != nil {
		return fmt.Errorf("PORT or HOST cannot be used: %w", err)
	}
	return l.Close()
}

// reachable is the address at which a program on this machine finds what listens on addr, which may be every address.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// host keeps the agent on this machine unless HOST says otherwise, as in a container.
func host(getenv func(string) string) string {
	if h := getenv("HOST"); h != "" {
		return h
	}
	return "127.0.0.1"
}

// stopTimeout bounds the flush at the end.
const stopTimeout = 9 * time.Second
