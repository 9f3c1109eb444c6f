package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/agent/geminisim"
	"example.com/gemini-agent/local/live"
)

const (
	slowTool      = 3 * time.Second
	outage        = 2 * time.Second // of the sub-agent and of the collector
	modelAttempts = 4               // that the agent makes before it gives up
)

// faults are what the live page can make go wrong beside the model: with the services of this run and its collector.
type faults struct {
	slowTools     atomic.Int32 // calls still to be slow
	subAgentUntil outageUntil
	collectorDown outageUntil
}

// outageUntil is the end of an outage.
type outageUntil struct{ unixNano atomic.Int64 }

func (o *outageUntil) begin()      { o.unixNano.Store(time.Now().Add(outage).UnixNano()) }
func (o *outageUntil) lasts() bool { return time.Now().UnixNano() < o.unixNano.Load() }

// list returns the faults on offer. Those of the model need the simulated one, nil when there is none.
func (f *faults) list(gemini *geminisim.Server) []live.Fault {
	var list []live.Fault
	if gemini != nil {
		overloaded := geminisim.Error(http.StatusServiceUnavailable, "", "The model is overloaded. Please try again later.")
		for _, m := range []struct {
			name, help string
			script     []geminisim.Reply
		}{
			{"429", "The model's quota is spent; the call is tried again when it says so.", []geminisim.Reply{geminisim.QuotaExceeded(300 * time.Millisecond)}},
			{"503", "The model stays overloaded however often it is asked.", slices.Repeat([]geminisim.Reply{overloaded}, modelAttempts)},
			{"blocked", "The model refuses the prompt.", []geminisim.Reply{geminisim.Blocked("PROHIBITED_CONTENT")}},
			{"malformed", "The model garbles a function call.", []geminisim.Reply{geminisim.MalformedCall("Malformed function call: call:search{query:")}},
			{"hang", "The model says nothing until the request is out of time.", []geminisim.Reply{geminisim.Hang()}},
		} {
			list = append(list, live.Fault{Name: m.name, Label: m.name, Help: m.help, Arm: func() { gemini.Script(m.script...) }})
		}
	}
	return append(list,
		live.Fault{Name: "slow-tool", Label: "slow tool", Help: "The next search takes 3 s.", Arm: func() { f.slowTools.Store(1) }},
		live.Fault{Name: "sub-agent-down", Label: "sub-agent down", Help: "The sub-agent drops its connections for 2 s.", Arm: f.subAgentUntil.begin},
		live.Fault{Name: "collector-down", Label: "collector down", Help: "A trace backend refuses everything for 2 s.", Arm: f.collectorDown.begin})
}

// tools makes a tool service slow when asked to.
func (f *faults) tools(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.slowTools.Load() > 0 {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
			if bytes.Contains(body, []byte(`"tools/call"`)) && f.slowTools.CompareAndSwap(1, 0) {
				select {
				case <-time.After(slowTool):
				case <-r.Context().Done():
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// failing is the end of a body: io.EOF, or what else it ended with.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// subAgent drops the connections to a sub-agent when asked to.
func (f *faults) subAgent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.subAgentUntil.lasts() {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// collector is a trace backend that takes everything, or nothing when asked to.
func (f *faults) collector() sdktrace.SpanExporter { return failingCollector{f} }

type failingCollector struct{ f *faults }

func (c failingCollector) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	if c.f.collectorDown.lasts() {
		return errors.New("the collector is down, as the live page has asked")
	}
	return nil
}

func (failingCollector) Shutdown(context.Context) error { return nil }
