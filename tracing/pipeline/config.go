package pipeline

import (
	"context"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Config bounds the way of finished spans to the trace backend. The zero value is the default.
type Config struct {
	FlushTimeout   time.Duration // longest wait at the end of an invocation; default 2s
	ExportTimeout  time.Duration // longest single export of an exporter without a timeout of its own; default 10m
	BufferSpans    int           // spans kept for a backend that is down or slow; default: any number
	BufferBytes    int           // the same in bytes, estimated; default 160 MiB
	HeldTraces     int           // invocations that hold spans at once, later ones hold their roots only; default 1000
	HeldSpans      int           // spans held for one undecided invocation; default 1000
	HeldBytes      int           // bytes held for all undecided invocations; default 32 MiB
	KeepSlowerThan time.Duration // keep traces whose local root took at least this long; 0: off
	// DownstreamPerSecond is how many invocations a second are kept at most because a service that was called says it kept
	// its part; default 10, negative: none.
	DownstreamPerSecond float64
	MinDuration         time.Duration // drop spans shorter than this; 0: off
	ParallelExports     int           // exports under way at once, per backend; default 4
	BatchSpans          int           // spans in one export; default 512
	BatchBytes          int           // bytes in one export, estimated; default 2 MiB (gRPC servers refuse 4 MiB)

	// DeadLetter is given the spans that could not be delivered to a backend when the process ends, within ctx. It returns
	// how many of them it has put in a safe place. Default: they are lost.
	DeadLetter func(ctx context.Context, backend string, spans []sdktrace.ReadOnlySpan) int
}

// WithDefaults returns c with the defaults in place of what is not set.
func (c Config) WithDefaults() Config {
	setDefault(&c.FlushTimeout, 2*time.Second)
	setDefault(&c.ExportTimeout, 10*time.Minute)
	setDefault(&c.BufferBytes, 160<<20)
	setDefault(&c.HeldTraces, 1000) // the most requests that Cloud Run gives an instance at once
	setDefault(&c.HeldSpans, 1000)
	setDefault(&c.HeldBytes, 32<<20)
	if c.DownstreamPerSecond == 0 {
		c.DownstreamPerSecond = 10
	}
	setDefault(&c.ParallelExports, 4)
	setDefault(&c.BatchSpans, 512)
	setDefault(&c.BatchBytes, 2<<20)
	return c
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}
