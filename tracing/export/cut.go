package export

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"example.com/gemini-agent/tracing/redact"
	"example.com/gemini-agent/tracing/semconv"
)

// shortText is what a text is never cut below, in bytes.
const shortText = 64

// cutMark ends a text that was cut here.
const cutMark = "…[cut]"

// Cut returns s with texts that take at most limit bytes together: those of attributes, events and links, the status's and
// the name. The longest lose first, all down to one length; trace.cut_bytes tells how many bytes are gone. It returns false
// when no text is longer than 64 bytes: s cannot be made smaller.
func Cut(s sdktrace.ReadOnlySpan, limit int) (sdktrace.ReadOnlySpan, bool) {
	c := &cutSpan{
		ReadOnlySpan: s, name: s.Name(), status: s.Status(),
		attrs: slices.Clone(s.Attributes()), events: slices.Clone(s.Events()), links: slices.Clone(s.Links()),
	}
	lists := [][]attribute.KeyValue{c.attrs}
	for i := range c.events {
		c.events[i].Attributes = slices.Clone(c.events[i].Attributes)
		lists = append(lists, c.events[i].Attributes)
	}
	for i := range c.links {
		c.links[i].Attributes = slices.Clone(c.links[i].Attributes)
		lists = append(lists, c.links[i].Attributes)
	}
	sizes := []int{len(c.name), len(c.status.Description)}
	for _, attrs := range lists {
		for _, kv := range attrs {
			sizes = append(sizes, textSize(kv.Value))
		}
	}
	if slices.Max(sizes) <= shortText {
		return s, false
	}
	length, gone := lengthWithin(sizes, limit), 0
	shorten := func(text string) string {
		if len(text) <= length {
			return text
		}
		short := redact.Bytes(text, max(0, length-len(cutMark))) + cutMark
		gone += len(text) - len(short)
		return short
	}
	c.name, c.status.Description = shorten(c.name), shorten(c.status.Description)
	for _, attrs := range lists {
		for i, kv := range attrs {
			if textSize(kv.Value) > length {
				attrs[i].Value = attribute.StringValue(shorten(kv.Value.String()))
			}
		}
	}
	if i := slices.IndexFunc(c.attrs, func(kv attribute.KeyValue) bool { return kv.Key == semconv.KeyTraceCutBytes }); i >= 0 {
		gone += int(c.attrs[i].Value.AsInt64())
		c.attrs = slices.Delete(c.attrs, i, i+1)
	}
	c.attrs = append(c.attrs, semconv.KeyTraceCutBytes.Int(gone))
	return c, true
}

// lengthWithin returns the length to which all longer texts must be cut so that limit holds, at least shortText.
func lengthWithin(sizes []int, limit int) int {
	low, high := shortText, slices.Max(sizes)-1
	for low < high {
		length, sum := low+(high-low+1)/2, 0
		for _, n := range sizes {
			sum += min(n, length)
		}
		if sum > limit {
			high = length - 1
		} else {
			low = length
		}
	}
	return low
}

// textSize is the length of a value that can be cut: a string, or a list or map, which becomes text when it is.
func textSize(v attribute.Value) int {
	switch v.Type() {
	case attribute.STRING:
		return len(v.AsString())
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64:
		return 0
	}
	return len(v.String())
}

type cutSpan struct {
	sdktrace.ReadOnlySpan
	name   string
	status sdktrace.Status
	attrs  []attribute.KeyValue
	events []sdktrace.Event
	links  []sdktrace.Link
}

func (c *cutSpan) Name() string                     { return c.name }
func (c *cutSpan) Status() sdktrace.Status          { return c.status }
func (c *cutSpan) Attributes() []attribute.KeyValue { return c.attrs }
func (c *cutSpan) Events() []sdktrace.Event         { return c.events }
func (c *cutSpan) Links() []sdktrace.Link           { return c.links }
