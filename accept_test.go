package function

import (
	"net/http/httptest"
	"testing"
)

func TestWhoWantsAStream(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                    false,
		"*/*":                                 false,
		"text/*":                              false,
		"application/json":                    false,
		"text/event-stream":                   true,
		"Text/Event-Stream; charset=utf-8":    true,
		"text/event-stream, */*":              true,
		"*/*, text/event-stream":              true,
		"text/event-stream;q=0.5, */*":        false,
		"text/event-stream, application/json": true,
		"application/json, text/event-stream": false,
		"text/event-stream, application/json;q=0.9":       true,
		"application/json;q=0.2, text/event-stream;q=0.8": true,
		"application/json, text/event-stream;q=0.9":       false,
		"application/json;q=0, text/event-stream;q=0.1":   true,
		"text/event-stream;q=0":                           false,
		"text/event-stream;q=0, application/json;q=0":     false,
		"text/event-stream;q=x":                           false,
		"text/event-stream;q=2":                           false,
		"text/event-stream;q=NaN":                         false,
		"text/event-stream;q":                             false,
		",,;, text/event-stream":                          true,
		"application/problem+json, text/event-stream":     true,
	} {
		r := httptest.NewRequest("POST", executePath, nil)
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		if got := wantsStream(r); got != want {
			t.Errorf("Accept: %s: %v, want %v", accept, got, want)
		}
		r.Header["Accept"] = append([]string{"image/png"}, r.Header["Accept"]...)
		if got := wantsStream(r); got != want {
			t.Errorf("Accept in two headers, with %s: %v, want %v", accept, got, want)
		}
		if r.ProtoMajor, r.ProtoMinor = 1, 0; wantsStream(r) {
			t.Errorf("HTTP/1.0 with %s is streamed to", accept)
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add(`text/event-stream;q="0.5", a/b;c="d,e"`)
	f.Fuzz(func(t *testing.T, accept string) {
		r := httptest.NewRequest("POST", executePath, nil)
		r.Header["Accept"] = []string{accept}
		wantsStream(r)
		if _, q, ok := parseAccept(accept); ok && !(q >= 0 && q <= 1) {
			t.Errorf("q is %v", q)
		}
	})
}
