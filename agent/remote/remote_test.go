package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestAddress(t *testing.T) {
	for raw, want := range map[string]string{
		"http://svc.example/mcp": "", "https://svc.example:8443": "", "http://[::1]:80/": "",
		"": "http", "svc.example": "http", "ftp://svc.example": "http", "http://": "host", "http://u:hunter2@svc.example": "user",
		"http://svc.example/#a": "fragment", "http://svc.example:0/": "port", "http://svc.example:70000/": "port",
		"http://svc.example:hunter2/": "not a URL", "http://a b/": "not a URL",
	} {
		u, err := Address(raw)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) || err == nil && Port(u) == 0 {
			t.Errorf("%q: %v, want %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error shows the address: %v", raw, err)
		}
	}
}

// A body gives what it holds up to the limit, whatever the size of the reads, and fails beyond it.
func TestBodyIsBounded(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 100} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "early end": iotest.DataErrReader,
		} {
			data := bytes.Repeat([]byte("x"), size)
			got, err := io.ReadAll(Body(io.NopCloser(wrap(bytes.NewReader(data))), 10))
			if size <= 10 && (err != nil || len(got) != size) || size > 10 && (!errors.Is(err, ErrTooLarge) || len(got) != 10) {
				t.Errorf("%s of %d bytes: %d, %v", name, size, len(got), err)
			}
		}
	}
}

// Causes are in our own words: nothing of an address or of what the other side sent is in them.
func TestCauses(t *testing.T) {
	const secret = "hunter2"
	for want, err := range map[string]error{
		"context canceled":                 &url.Error{URL: secret, Err: context.Canceled},
		"context deadline exceeded":        &url.Error{URL: secret, Err: context.DeadlineExceeded},
		"the answer is too large":          fmt.Errorf(secret+": %w", ErrTooLarge),
		"the host name cannot be resolved": &url.Error{URL: secret, Err: &net.DNSError{Name: secret}},
		"dial: connection refused":         &net.OpError{Op: "dial", Err: os.NewSyscallError(secret, syscall.ECONNREFUSED)},
		"the network timed out":            &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded},
		"the connection broke off":         fmt.Errorf(secret+": %w", io.ErrUnexpectedEOF),
		"no usable answer":                 errors.New(secret),
	} {
		if got := Cause(err).Error(); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

func TestNoRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := server.Client()
	client.CheckRedirect = NoRedirects
	resp, err := client.Get(server.URL)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}
