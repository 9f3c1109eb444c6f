package pipeline

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

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
				p.collector.KeptDownstream(call.SpanContext())
			}
			if tt.fail {
				call.SetStatus(1, "boom")
			}
			call.End()
			root.End()
			if kept := inv.End(); kept != (tt.reason != "") {
				t.Errorf("%s: kept %t", tt.name, kept)
			}
			for _, s := range b.spans {
				if s.Name() == "root" && !slices.Contains(s.Attributes(), attribute.String("sampling.reason", tt.reason)) {
					t.Errorf("%s: %v", tt.name, s.Attributes())
				}
			}
			p.collector.KeptDownstream(call.SpanContext()) // ended: nobody's any more
		})
	}
	var none *Collector
	none.KeptDownstream(trace.SpanContext{})
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
			p.collector.KeptDownstream(call.SpanContext())
			call.End()
			inv.End()
		}
		if len(b.seen) != 3 {
			t.Errorf("kept %d at once, want one second's worth of 3", len(b.seen))
		}
	})
}
