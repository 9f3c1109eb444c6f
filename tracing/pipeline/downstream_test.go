package pipeline

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"example.com/gemini-agent/tracing/sampling"
)

// What a callee kept keeps its caller's invocation, and says why; what the caller has decided itself is not touched.
func TestACalleeThatKeptItsPartKeepsOurs(t *testing.T) {
	for _, tt := range []struct {
		name       string
		perSecond  float64
		told, fail bool
		reason     string // "": dropped
	}{
		{"dropped", 0, false, false, ""},
		{"the callee kept it", 0, true, false, "downstream"},
		{"it failed here as well", 0, true, true, "error"},
		{"never honoured", -1, true, false, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &backend{}
			p := newTestProvider(t, testConfig{
				Sampler:  sampling.Config{Name: sampling.SamplerParentBasedAlwaysOff},
				Pipeline: Config{DownstreamPerSecond: tt.perSecond},
			}, b)
			ctx, inv := p.Begin(context.Background())
			ctx, root := start(p, ctx, "root")
			_, call := p.TracerProvider().Tracer("test").Start(ctx, "call", trace.WithSpanKind(trace.SpanKindClient))
			if tt.told {
				p.collector.Downstream(call.SpanContext())(true)
			}
			if tt.fail {
				call.SetStatus(1, "boom")
			}
			call.End()
			root.End()
			if kept := inv.End().Kept; kept != (tt.reason != "") {
				t.Errorf("%s: kept %t", tt.name, kept)
			}
			for _, s := range b.spans {
				if s.Name() == "root" && !slices.Contains(s.Attributes(), attribute.String("sampling.reason", tt.reason)) {
					t.Errorf("%s: %v", tt.name, s.Attributes())
				}
			}
			p.collector.Downstream(call.SpanContext())(true) // ended: nobody's any more
		})
	}
	var none *Collector
	none.Downstream(trace.SpanContext{})(true)
}

func TestWhatCalleesMakeUsKeepIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, testConfig{
			Sampler:  sampling.Config{Name: sampling.SamplerParentBasedAlwaysOff},
			Pipeline: Config{DownstreamPerSecond: 3},
		}, b)
		for range 100 {
			ctx, inv := p.Begin(context.Background())
			_, call := start(p, ctx, "call")
			p.collector.Downstream(call.SpanContext())(true)
			call.End()
			inv.End()
		}
		if len(b.seen) != 3 {
			t.Errorf("kept %d at once, want one second's worth of 3", len(b.seen))
		}
	})
}

// A stream says whether its trace was kept with its last byte, which may come after the caller is done with it.
func TestTheEndWaitsForTheWordOfACallee(t *testing.T) {
	for _, tt := range []struct{ after, wait time.Duration }{
		{50 * time.Millisecond, 50 * time.Millisecond}, {time.Hour, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &backend{}
			p := newTestProvider(t, testConfig{Sampler: sampling.Config{Name: sampling.SamplerParentBasedAlwaysOff}}, b)
			ctx, inv := p.Begin(context.Background())
			_, call := start(p, ctx, "call")
			answered := p.collector.Downstream(call.SpanContext())
			time.AfterFunc(tt.after, func() { answered(true); call.End() })
			begin := time.Now()
			kept := inv.End().Kept
			if wait := time.Since(begin); wait != tt.wait || kept != (tt.after == tt.wait) {
				t.Errorf("kept %t after %v, want %v", kept, wait, tt.wait)
			}
			time.Sleep(2 * time.Hour)
		})
	}
}
