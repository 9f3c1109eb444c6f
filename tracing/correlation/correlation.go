// Package correlation carries the id that joins all spans, log lines and outgoing calls of one piece of work, across
// services, whatever becomes of their traces.
//
// It imports the standard library only.
package correlation

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
)

// Canonical keys of the headers that carry the correlation id.
const (
	Header          = "X-Correlation-Id"
	headerRequestID = "X-Request-Id"
)

// maxID is the longest id taken from a caller.
const maxID = 128

type correlationContextKey struct{}

// ContextWithID returns ctx with the id that joins all spans, log lines and outgoing calls of one piece of
// work. The caller answers for its form: 1 to 128 visible ASCII characters.
func ContextWithID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationContextKey{}, id)
}

// ID returns the correlation id of ctx, "" when there is none.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(correlationContextKey{}).(string)
	return id
}

// FromHeader takes the caller's id: X-Correlation-ID, else X-Request-ID, each only if it is 1 to 128 visible ASCII
// characters; else it makes one.
func FromHeader(h http.Header) string {
	for _, name := range [...]string{Header, headerRequestID} {
		if values := h[name]; len(values) > 0 && Valid(values[0]) {
			return values[0]
		}
	}
	return NewID()
}

// Valid reports whether an id of a caller is fit for use: 1 to 128 visible ASCII characters.
func Valid(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// NewID returns 32 hex digits. It is a label, not a secret.
func NewID() string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], rand.Uint64())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	var text [32]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}
