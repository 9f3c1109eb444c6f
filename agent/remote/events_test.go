package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// read is a stream as text: name=data; and the error.
func read(r io.Reader, most int) string {
	var b strings.Builder
	for e, err := range Events(r, most) {
		if err != nil {
			fmt.Fprintf(&b, "!%v", err)
			break
		}
		fmt.Fprintf(&b, "%s=%s;", e.Name, e.Data)
	}
	return b.String()
}

// Events come out whole, however the lines end and whatever the size of the reads.
func TestEvents(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"data: a\n\n":                          "=a;",
		"data:a\n\ndata: b\n\n":                "=a;=b;",
		"data: a\r\n\r\ndata: b\r\n\r\n":       "=a;=b;",
		"data: a\r\rdata: b\r\r":               "=a;=b;",
		"data: a\r\n\ndata: b\n\r\n":           "=a;=b;",
		"event: x\nid: 7\ndata: a\n\n":         "x=a;",
		"event: x\n\ndata: a\n\n":              "=a;",
		": comment\n\ndata: a\n\n: end\n":      "=a;",
		"data: a\ndata: b\ndata\ndata:  c\n\n": "=a\nb\n\n c;",
		"data\n\n":                             "=;",
		"\xef\xbb\xbfdata: é\n\n":              "=é;",
		"data: a\n\ndata: without an end":      "=a;=without an end;",
		"retry: 3\nunknown: y\ndata: a: b\n\n": "=a: b;",
		"data: 0123456789abcdef\n\n":           "!the answer is too large",
		"data: 01234567\ndata: 89abcdef\n\n":   "!the answer is too large",
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "early end": iotest.DataErrReader,
		} {
			if got := read(wrap(strings.NewReader(in)), 24-9*strings.Count(want, "!")); got != want {
				t.Errorf("%q, %s: %q, want %q", in, name, got, want)
			}
		}
	}
}

// What broke off is no event, even where its data look whole.
func TestBrokenEventsAreNone(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(broken))
	if got := read(r, 100); got != "=a;!broken" {
		t.Error(got)
	}
}

// FuzzEvents: no input makes the reader fail, and none makes it say something else when it comes in other pieces.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\r\n\r\n: c\n\rdata: b\r\rdata"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, bytewise := read(bytes.NewReader(in), 64), read(iotest.OneByteReader(bytes.NewReader(in)), 64)
		if whole != bytewise {
			t.Errorf("%q and %q", whole, bytewise)
		}
	})
}
