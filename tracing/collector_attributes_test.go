package tracing

import (
	"context"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
)

// A key that is set twice (the status of an answer, then what broke its body) is there once, with the later value.
func TestTheLaterOfTwoValuesArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		p := newTestProvider(t, Config{}, b)
		ctx, inv := p.Begin(context.Background())
		_, s := start(p, ctx, "call")
		p.collector.setAttributes(s, []attribute.KeyValue{KeyErrorType.String("500"), attribute.Int("a", 1)})
		p.collector.setAttributes(s, []attribute.KeyValue{KeyErrorType.String("timeout")})
		s.End()
		p.collector.setAttributes(s, []attribute.KeyValue{KeyErrorType.String("after the end")})
		inv.End()
		seen := make(map[attribute.Key][]string)
		for _, kv := range b.spans[0].Attributes() {
			seen[kv.Key] = append(seen[kv.Key], kv.Value.String())
		}
		if got := seen[KeyErrorType]; len(got) != 1 || got[0] != "timeout" {
			t.Errorf("error.type = %v, want timeout once", got)
		}
		if got := seen["a"]; len(got) != 1 || got[0] != "1" {
			t.Errorf("a = %v, want 1 once", got)
		}
	})
}
